/** From URLs to transports. */

import type { ConnectionOptions as TlsOptions } from 'node:tls'

import { InvalidCall } from '../errors.js'
import { AmqpBroker } from './amqp.js'
import { AmqpBus } from './amqp-bus.js'
import { AmqpConnection } from './amqp-connection.js'
import { AmqpReplies } from './amqp-replies.js'
import { RedisBroker } from './redis.js'
import { RedisBus } from './redis-bus.js'
import { RedisConnection } from './redis-connection.js'
import { RedisResults } from './redis-results.js'
import type { Broker, ResultStore } from './transport.js'
import { parseUrl } from './url.js'

/** What the client knows about its transports. */
export interface Connecting {
  readonly broker: string | Broker
  readonly backend: string | ResultStore | undefined
  readonly tls: TlsOptions | undefined
  /** Name of the reply queue. */
  readonly replyTo: string
  /** Milliseconds. */
  readonly connectTimeout: number
  /** Milliseconds. */
  readonly publishTimeout: number
}

/** A broker and perhaps a result store, not yet connected. */
export interface Transports {
  readonly broker: Broker
  readonly store: ResultStore | undefined
}

const RPC = 'rpc://'

/** Makes the transports. Raises `InvalidCall` on URLs that cannot be used. */
export function connect(options: Connecting): Transports {
  const { broker, backend, replyTo, publishTimeout } = options
  if (typeof broker !== 'string') return { broker, store: storeOf(backend, options) }
  const address = parseUrl(broker)
  if (address.kind === 'redis') {
    const connection = new RedisConnection(address, options)
    const bus = new RedisBus(connection, () => new RedisConnection(address, options), address.database)
    return { broker: new RedisBroker(connection, publishTimeout, bus), store: storeOf(backend, options) }
  }
  const connection = new AmqpConnection(address, options)
  const store = backend === RPC ? new AmqpReplies(connection, replyTo) : storeOf(backend, options)
  return { broker: new AmqpBroker(connection, publishTimeout, new AmqpBus(connection)), store }
}

function storeOf(backend: string | ResultStore | undefined, options: Connecting): ResultStore | undefined {
  if (typeof backend !== 'string') return backend
  if (backend === RPC) throw new InvalidCall('backend rpc:// needs an amqp:// broker; with Redis, give the Redis URL')
  const address = parseUrl(backend)
  if (address.kind !== 'redis') throw new InvalidCall('the backend must be rpc:// or a Redis URL')
  return new RedisResults(new RedisConnection(address, options), new RedisConnection(address, options))
}
