/**
 * Publishing to RabbitMQ, confirmed: a promise per message that resolves when the broker has it.
 *
 * The broker's answers come in two pieces that the driver reports apart: a confirm for every message, and, just before
 * it, a return for one that no queue would take. `Publisher` puts them together again.
 */

import { inspect } from 'node:util'

import type { Channel, Envelope, ReturnedMessage } from 'rabbitmq-client'

import { CeleriacError, InvalidCall, PublishFailed } from '../errors.js'
import { CONTENT_TYPE } from '../serialization.js'
import type { Wire } from '../wire.js'
import { isMap } from '../values.js'
import { closeChannel, codeOf, type AmqpConnection } from './amqp-connection.js'
import type { Broker, Bus, Route } from './transport.js'
import { allHeard, within } from './waiting.js'

/** Publishes task messages on a connection. */
export class AmqpBroker implements Broker {
  readonly bus: Bus
  readonly #connection: AmqpConnection
  readonly #publishTimeout: number
  /** One channel per exchange: an exchange that does not exist closes only its own channel. */
  readonly #publishers = new Map<string, Promise<Publisher>>()
  /** Queues that are known to exist. */
  readonly #queues = new Map<string, Promise<void>>()

  constructor(connection: AmqpConnection, publishTimeout: number, bus: Bus) {
    this.bus = bus
    this.#connection = connection
    this.#publishTimeout = publishTimeout
  }

  async publish(wire: Wire, route: Route): Promise<void> {
    const envelope = toEnvelope(wire, route)
    if (route.exchange === '') await remember(this.#queues, route.routingKey, () => this.#ensureQueue(route.routingKey))
    try {
      const publisher = await this.#publisher(route.exchange)
      const timeout = (): Error =>
        new PublishFailed(`${shown(route)}: no confirm within ${this.#publishTimeout} ms; the message may be queued`)
      await within(publisher.publish(envelope, toBuffer(wire.body)), this.#publishTimeout, timeout)
    } catch (error) {
      // Perhaps the queue was deleted: look again before the next message.
      this.#queues.delete(route.routingKey)
      throw refused(shown(route), error)
    }
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  /** A connection that was lost while nothing was sent is found out here, and not by the next message (TM-SEND-004). */
  async #publisher(exchange: string): Promise<Publisher> {
    const publisher = await remember(this.#publishers, exchange, () => this.#open(exchange))
    if (!publisher.idle) return publisher
    await allHeard()
    return remember(this.#publishers, exchange, () => this.#open(exchange))
  }

  async #open(exchange: string): Promise<Publisher> {
    const channel = await this.#connection.channel()
    await channel.confirmSelect()
    channel.once('close', () => this.#publishers.delete(exchange))
    return new Publisher(channel)
  }

  /**
   * Declares the queue only if there is none, and then with no arguments, as Celery does; an existing queue is left as
   * it is, whatever its type or arguments (BR-AMQP-002, BR-AMQP-003).
   */
  async #ensureQueue(queue: string): Promise<void> {
    try {
      await this.#declare({ queue, passive: true })
    } catch (error) {
      if (codeOf(error) !== 'NOT_FOUND') throw refused(`queue ${queue}`, error)
      await this.#declare({ queue, durable: true }).catch((cause: unknown) => {
        // Somebody else has just declared it, in another way: then it exists.
        if (codeOf(cause) !== 'PRECONDITION_FAILED') throw refused(`queue ${queue}`, cause)
      })
    }
  }

  /** On a channel of its own: the broker closes the channel when the answer is no. */
  async #declare(queue: { queue: string; passive?: boolean; durable?: boolean }): Promise<void> {
    const channel = await this.#connection.channel()
    try {
      await channel.queueDeclare(queue)
    } finally {
      await closeChannel(channel)
    }
  }
}

/** A message on its way. */
interface Pending {
  returned: ReturnedMessage | undefined
  readonly envelope: Envelope
  readonly fail: (error: unknown) => void
}

/** A channel in confirm mode. */
class Publisher {
  readonly #channel: Channel
  readonly #pending = new Set<Pending>()

  constructor(channel: Channel) {
    this.#channel = channel
    channel.on('basic.return', (message) => {
      const pending = this.#find(message)
      if (pending) pending.returned = message
    })
    channel.once('close', () => {
      // After the driver's own, more telling rejections.
      setImmediate(() => {
        for (const pending of this.#pending) pending.fail(new Error('the channel was closed'))
      })
    })
  }

  /** Whether no message is on its way. */
  get idle(): boolean {
    return this.#pending.size === 0
  }

  publish(envelope: Envelope, body: Buffer): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const pending: Pending = {
        returned: undefined,
        envelope,
        fail: (cause) => {
          this.#pending.delete(pending)
          reject(failed(envelope, cause))
        },
      }
      this.#pending.add(pending)
      this.#channel.basicPublish(envelope, body).then(() => {
        // The driver reports a return in a later turn than the confirm that follows it on the wire.
        setImmediate(() => {
          this.#pending.delete(pending)
          if (pending.returned) reject(unroutable(pending.returned))
          else resolve()
        })
      }, pending.fail)
    })
  }

  /** The message that came back: messages of one id to one place are alike, so the first will do. */
  #find(message: ReturnedMessage): Pending | undefined {
    for (const pending of this.#pending) {
      const { envelope } = pending
      const same = envelope.correlationId === message.correlationId && envelope.routingKey === message.routingKey
      if (same && !pending.returned) return pending
    }
    return undefined
  }
}

/** The value of a key, made once and forgotten if making it fails. */
function remember<T>(memory: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = memory.get(key)
  if (known) return known
  const made = make()
  memory.set(key, made)
  made.catch(() => {
    if (memory.get(key) === made) memory.delete(key)
  })
  return made
}

/** A message as the driver takes it. */
export function toEnvelope(wire: Wire, route: Route): Envelope {
  const { correlation_id, reply_to, delivery_mode, priority, expiration, message_id, type, app_id } = wire.properties
  const given = {
    contentType: wire.contentType ?? CONTENT_TYPE,
    contentEncoding: wire.contentEncoding,
    correlationId: correlation_id,
    replyTo: reply_to,
    priority,
    expiration,
    messageId: message_id,
    type,
    appId: app_id,
  }
  // The driver takes null for absent everywhere, and stamps the time unless told otherwise.
  return {
    ...(given as Partial<Envelope>),
    ...({ timestamp: undefined } as unknown as Envelope),
    headers: toTable(wire.headers) as Record<string, unknown>,
    durable: delivery_mode !== 1,
    exchange: route.exchange,
    routingKey: route.routingKey,
    mandatory: true,
  }
}

/** Where the driver begins to take fractions for integers. */
const LARGEST_FRACTION = 2 ** 50

/**
 * Header values as the driver sends them rightly (BR-AMQP-006): whole numbers as 64-bit integers, as it would choose 8
 * and 16 bits, which old readers take for unsigned. What it cannot send exactly is refused.
 */
function toTable(value: unknown): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  const exact = toNumber(value)
  if (exact !== undefined) return exact
  if (Array.isArray(value)) return value.map(toTable)
  if (isMap(value)) {
    const given = Object.entries(value).filter(([, item]) => item !== undefined)
    return Object.fromEntries(given.map(([key, item]) => [key, toTable(item)]))
  }
  throw new InvalidCall(
    `headers: ${inspect(value)} cannot be sent over AMQP as it is; send text, an integer of at most 64 bits or a fraction`,
  )
}

function toNumber(value: unknown): number | bigint | undefined {
  if (typeof value === 'bigint') return BigInt.asIntN(64, value) === value ? value : undefined
  if (typeof value !== 'number') return undefined
  if (Number.isSafeInteger(value)) return BigInt(value)
  return Number.isInteger(value) || !(Math.abs(value) < LARGEST_FRACTION) ? undefined : value
}

/** Bytes as the driver takes them. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function shown(route: { exchange?: string; routingKey?: string }): string {
  return route.exchange
    ? `exchange ${route.exchange}, routing key ${route.routingKey ?? ''}`
    : `queue ${route.routingKey ?? ''}`
}

function unroutable(message: ReturnedMessage): PublishFailed {
  const remedy =
    message.exchange === '' ? 'the queue does not exist: start the worker that declares it' : 'no queue is bound there'
  return new PublishFailed(`${shown(message)}: the broker returned the message (${message.replyText}); ${remedy}`)
}

function failed(envelope: Envelope, cause: unknown): PublishFailed {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const code = codeOf(cause)
  const certain = code === 'NACK' || code === 'NOT_FOUND' || code === 'ACCESS_REFUSED'
  const doubt = certain ? '' : '; the connection was lost before the confirm, so the message may be queued'
  return new PublishFailed(`${shown(envelope)}: ${reason}${doubt}`, { cause })
}

/** An error of the driver as one of ours; ours stay as they are. */
function refused(where: string, cause: unknown): CeleriacError {
  if (cause instanceof CeleriacError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new PublishFailed(`${where}: ${reason}`, { cause })
}
