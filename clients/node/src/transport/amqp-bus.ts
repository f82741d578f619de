/** Remote control and events on RabbitMQ: three exchanges, and queues that go away with whoever reads them. */

import { randomUUID } from 'node:crypto'

import type { AsyncMessage, Channel, ConsumerProps } from 'rabbitmq-client'

import { CeleriacError, TransportError } from '../errors.js'
import type { Value } from '../values.js'
import type { Wire } from '../wire.js'
import { toBuffer, toEnvelope } from './amqp.js'
import { toBytes, type AmqpConnection } from './amqp-connection.js'
import type { Bus, Stop } from './transport.js'

/** Declared as Celery declares them: whoever comes second with other settings has its channel closed (CT-REQ-001, EV-FORM-001). */
export const EXCHANGES = {
  control: { exchange: 'celery.pidbox', type: 'fanout', durable: false },
  replies: { exchange: 'reply.celery.pidbox', type: 'direct', durable: false },
  events: { exchange: 'celeryev', type: 'topic', durable: true },
} as const

/** Queues of one's own (EV-SUB-001): what nobody reads any more does not stay. */
export const QUEUES = {
  replies: {
    durable: false,
    exclusive: true,
    autoDelete: true,
    arguments: { 'x-expires': 10_000, 'x-message-ttl': 300_000 },
  },
  events: {
    durable: false,
    exclusive: true,
    autoDelete: true,
    arguments: { 'x-expires': 60_000, 'x-message-ttl': 5000 },
  },
} as const

/** Shares the connection of the broker. */
export class AmqpBus implements Bus {
  readonly #connection: AmqpConnection
  #publishing: Promise<Channel> | undefined

  constructor(connection: AmqpConnection) {
    this.#connection = connection
  }

  async broadcast(wire: Wire): Promise<void> {
    const { exchange } = EXCHANGES.control
    try {
      const channel = await (this.#publishing ??= this.#openPublishing())
      // Not mandatory: where no worker is, nobody is meant.
      await channel.basicPublish(
        { ...toEnvelope(wire, { exchange, routingKey: '' }), mandatory: false },
        toBuffer(wire.body),
      )
    } catch (error) {
      this.#publishing = undefined
      throw failed(exchange, error)
    }
  }

  replies(key: string, take: (wire: Wire) => void): Promise<Stop> {
    const { exchange } = EXCHANGES.replies
    const queue = { queue: `${key}.${exchange}`, ...QUEUES.replies }
    return this.#consume(EXCHANGES.replies, queue, [key], take)
  }

  events(groups: readonly string[] | undefined, take: (wire: Wire) => void): Promise<Stop> {
    const { exchange } = EXCHANGES.events
    const queue = { queue: `${exchange}.${randomUUID()}`, ...QUEUES.events }
    return this.#consume(EXCHANGES.events, queue, groups?.map((group) => `${group}.#`) ?? ['#'], take)
  }

  async #openPublishing(): Promise<Channel> {
    const channel = await this.#connection.channel()
    channel.once('close', () => (this.#publishing = undefined))
    await channel.exchangeDeclare({ ...EXCHANGES.control })
    await channel.confirmSelect()
    return channel
  }

  async #consume(
    exchange: (typeof EXCHANGES)[keyof typeof EXCHANGES],
    queueOptions: NonNullable<ConsumerProps['queueOptions']> & { queue: string },
    keys: readonly string[],
    take: (wire: Wire) => void,
  ): Promise<Stop> {
    const { queue } = queueOptions
    const queueBindings = keys.map((routingKey) => ({ queue, exchange: exchange.exchange, routingKey }))
    try {
      const consumer = await this.#connection.consume(
        { queue, queueOptions, exchanges: [{ ...exchange }], queueBindings },
        (message) => {
          take(toWire(message))
        },
      )
      return () => this.#connection.cancel(consumer)
    } catch (error) {
      throw failed(exchange.exchange, error)
    }
  }
}

function toWire(message: AsyncMessage): Wire {
  const { contentType, contentEncoding, headers, priority, durable } = message
  const properties: Record<string, Value> = { delivery_mode: durable === true ? 2 : 1 }
  if (priority !== undefined) properties['priority'] = priority
  return { contentType, contentEncoding, headers: headers ?? {}, properties, body: toBytes(message.body) }
}

function failed(exchange: string, cause: unknown): CeleriacError {
  if (cause instanceof CeleriacError) return cause
  return new TransportError(`exchange ${exchange}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause,
  })
}
