/** Results on RabbitMQ (`rpc://`): one reply queue per client, replies sorted by correlation id. */

import type { AsyncMessage, Channel } from 'rabbitmq-client'

import { CeleriacError, TransportError } from '../errors.js'
import type { Encoded } from '../serialization.js'
import { closeChannel, toBytes, type AmqpConnection } from './amqp-connection.js'
import type { ResultSlot, ResultStore } from './transport.js'

/** The queue goes away with its consumer, or a day after a consumer that never came. As Celery 5.7 declares it (RS-RPC-004). */
export const REPLY_QUEUE = { durable: true, autoDelete: true, arguments: { 'x-expires': 86_400_000 } } as const
/** Pause before the queue is consumed again after the broker went away while somebody waits, in milliseconds. */
const RESUME_MS = 500

/** Consumes the reply queue, from before the first publish on (RS-RPC-005); matches by correlation id (RS-RPC-006). */
export class AmqpReplies implements ResultStore {
  readonly replyTo: string
  readonly #connection: AmqpConnection
  /** Weak, so that replies to results that nobody holds any more take no memory. */
  readonly #slots = new Map<string, WeakRef<ReplySlot>>()
  readonly #forgotten = new FinalizationRegistry<string>((taskId) => {
    if (this.#slots.get(taskId)?.deref() === undefined) this.#slots.delete(taskId)
  })
  #consuming: Promise<void> | undefined
  #resuming: NodeJS.Timeout | undefined
  #watchers = 0

  constructor(connection: AmqpConnection, queue: string) {
    this.#connection = connection
    this.replyTo = queue
  }

  async prepare(): Promise<void> {
    const consuming = (this.#consuming ??= this.#consume())
    try {
      await consuming
    } catch (error) {
      if (this.#consuming === consuming) this.#consuming = undefined
      if (error instanceof CeleriacError) throw error
      throw new TransportError(`reply queue ${this.replyTo}: ${String(error)}`, { cause: error })
    }
  }

  slot(taskId: string): ResultSlot {
    const known = this.#slots.get(taskId)?.deref()
    if (known) return known
    const slot = new ReplySlot(async () => {
      await this.prepare()
      this.#watchers += 1
      return () => {
        this.#watchers -= 1
      }
    })
    this.#slots.set(taskId, new WeakRef(slot))
    this.#forgotten.register(slot, taskId)
    return slot
  }

  close(): Promise<void> {
    clearTimeout(this.#resuming)
    return this.#connection.close()
  }

  async #consume(): Promise<void> {
    const channel = await this.#connection.channel()
    channel.once('close', () => {
      this.#lost()
    })
    // The broker cancels the consumer when somebody deletes the queue.
    channel.once('basic.cancel', () => void closeChannel(channel))
    await this.#start(channel)
  }

  async #start(channel: Channel): Promise<void> {
    await channel.queueDeclare({ queue: this.replyTo, ...REPLY_QUEUE })
    await channel.basicConsume({ queue: this.replyTo }, (message) => {
      this.#deliver(message)
      // Acknowledged, so that a reply on its way over a connection that breaks can be delivered again.
      if (channel.active) channel.basicAck({ deliveryTag: message.deliveryTag })
    })
  }

  #deliver(message: AsyncMessage): void {
    const slot = message.correlationId === undefined ? undefined : this.#slots.get(message.correlationId)?.deref()
    slot?.add({
      contentType: message.contentType,
      contentEncoding: message.contentEncoding,
      body: toBytes(message.body),
    })
  }

  #lost(): void {
    this.#consuming = undefined
    this.#resume(0)
  }

  /** Consumes again while somebody waits; otherwise the next publish does. */
  #resume(delay: number): void {
    if (this.#watchers === 0 || this.#connection.closed) return
    clearTimeout(this.#resuming)
    this.#resuming = setTimeout(() => {
      this.prepare().catch(() => {
        this.#resume(RESUME_MS)
      })
    }, delay)
  }
}

/** The replies to one task, in the order in which they came. */
class ReplySlot implements ResultSlot {
  readonly #subscribe: () => Promise<() => void>
  readonly #documents: Encoded[] = []
  readonly #wakes = new Set<() => void>()

  constructor(subscribe: () => Promise<() => void>) {
    this.#subscribe = subscribe
  }

  add(document: Encoded): void {
    this.#documents.push(document)
    for (const wake of this.#wakes) wake()
  }

  read(): Promise<readonly Encoded[]> {
    return Promise.resolve(this.#documents)
  }

  async watch(wake: () => void): Promise<() => void> {
    const release = await this.#subscribe()
    this.#wakes.add(wake)
    return () => {
      if (this.#wakes.delete(wake)) release()
    }
  }
}
