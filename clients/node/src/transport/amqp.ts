/**
 * Publishing to RabbitMQ, confirmed: a promise per message that resolves when the broker has it.
 *
 * The broker's answers come in two pieces that the driver reports apart: a confirm for every message, and, just before
 * it, a return for one that no queue would take. `Publisher` puts them together again.
 */

import { inspect } from 'node:util'

import type { Channel, Envelope, ReturnedMessage } from 'rabbitmq-client'

import { CeleriacError, InvalidCall, PublishFailed } from '../errors.js'
import { assign } from '../json.js'
import { CONTENT_TYPE } from '../serialization.js'
import type { Wire } from '../wire.js'
import { isMap } from '../values.js'
import { closeChannel, codeOf, gather, type AmqpConnection } from './amqp-connection.js'
import type { Broker, Bus, Route } from './transport.js'
import { allHeard, LONGEST_MS } from './waiting.js'

/** Publishes task messages on a connection. */
export class AmqpBroker implements Broker {
  readonly bus: Bus
  readonly #connection: AmqpConnection
  readonly #publishTimeout: number
  /** One channel per exchange: an exchange that does not exist closes only its own channel. */
  readonly #publishers = new Map<string, Promise<Publisher>>()
  /** Queues that are known to exist. */
  readonly #queues = new Map<string, Promise<void>>()
  /** Shared by all who send at once. */
  #hearing: Promise<void> | undefined

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
      await publisher.publish(envelope, toBuffer(wire.body))
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
    await (this.#hearing ??= allHeard().finally(() => (this.#hearing = undefined)))
    return remember(this.#publishers, exchange, () => this.#open(exchange))
  }

  async #open(exchange: string): Promise<Publisher> {
    const channel = await this.#connection.channel()
    await channel.confirmSelect()
    channel.once('close', () => this.#publishers.delete(exchange))
    return new Publisher(channel, this.#publishTimeout)
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
  /** When it has been waited for long enough, on the clock of `performance.now()`. */
  readonly deadline: number
  readonly resolve: () => void
  readonly reject: (error: PublishFailed) => void
}

/** A channel in confirm mode. */
class Publisher {
  readonly #channel: Channel
  readonly #timeout: number
  /** In the order of their deadlines: all wait for equally long. */
  readonly #pending = new Set<Pending>()
  /** One for all of them: goes off at the deadline of the first. */
  #timer: NodeJS.Timeout | undefined
  #confirmed: Pending[] = []

  constructor(channel: Channel, timeout: number) {
    this.#channel = channel
    this.#timeout = timeout
    channel.on('basic.return', (message) => {
      const pending = this.#find(message)
      if (pending) pending.returned = message
    })
    channel.once('close', () => {
      // After the driver's own, more telling rejections.
      setImmediate(() => {
        for (const pending of this.#pending) this.#fail(pending, new Error('the channel was closed'))
      })
    })
  }

  /** Whether no message is on its way. */
  get idle(): boolean {
    return this.#pending.size === 0
  }

  publish(envelope: Envelope, body: Buffer): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const pending = { returned: undefined, envelope, deadline: performance.now() + this.#timeout, resolve, reject }
      this.#pending.add(pending)
      this.#timer ??= this.#alarm(this.#timeout)
      gather(this.#channel)
      this.#channel.basicPublish(envelope, body).then(
        () => {
          this.#confirm(pending)
        },
        (error: unknown) => {
          this.#fail(pending, error)
        },
      )
    })
  }

  /**
   * The driver reports a return in a later turn than the confirm that follows it on the wire. The first wait gathers
   * the confirms of a turn; the second one outlasts what the driver still has to report of them.
   */
  #confirm(pending: Pending): void {
    if (this.#confirmed.push(pending) > 1) return
    setImmediate(() => {
      const confirmed = this.#confirmed
      this.#confirmed = []
      setImmediate(() => {
        for (const one of confirmed) this.#settle(one)
      })
    })
  }

  #settle(pending: Pending): void {
    this.#forget(pending)
    if (pending.returned) pending.reject(unroutable(pending.returned))
    else pending.resolve()
  }

  #fail(pending: Pending, cause: unknown): void {
    this.#forget(pending)
    pending.reject(failed(pending.envelope, cause))
  }

  #forget(pending: Pending): void {
    this.#pending.delete(pending)
    if (!this.idle) return
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #alarm(milliseconds: number): NodeJS.Timeout {
    return setTimeout(
      () => {
        this.#expire()
      },
      Math.min(milliseconds, LONGEST_MS),
    )
  }

  /** Gives up those whose deadline has come, and waits for the next one. */
  #expire(): void {
    this.#timer = undefined
    const now = performance.now()
    for (const pending of this.#pending) {
      if (pending.deadline > now) {
        this.#timer = this.#alarm(pending.deadline - now)
        return
      }
      this.#forget(pending)
      pending.reject(unconfirmed(pending.envelope, this.#timeout))
    }
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

/** A message as the driver takes it: null for absent, everywhere. */
export function toEnvelope(wire: Wire, route: Route): Envelope {
  const { properties } = wire
  const envelope: { readonly [Property in keyof Envelope]: unknown } = {
    contentType: wire.contentType ?? CONTENT_TYPE,
    contentEncoding: wire.contentEncoding,
    headers: toTable(wire.headers),
    durable: properties['delivery_mode'] !== 1,
    priority: properties['priority'],
    correlationId: properties['correlation_id'],
    replyTo: properties['reply_to'],
    expiration: properties['expiration'],
    messageId: properties['message_id'],
    type: properties['type'],
    appId: properties['app_id'],
    // The driver stamps the time unless told otherwise.
    timestamp: undefined,
    exchange: route.exchange,
    routingKey: route.routingKey,
    mandatory: true,
  }
  return envelope as Envelope
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
    const table: Record<string, unknown> = {}
    for (const key of Object.keys(value)) if (value[key] !== undefined) assign(table, key, toTable(value[key]))
    return table
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

function unconfirmed(envelope: Envelope, milliseconds: number): PublishFailed {
  return new PublishFailed(`${shown(envelope)}: no confirm within ${milliseconds} ms; the message may be queued`)
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
