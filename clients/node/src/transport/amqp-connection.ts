/** One RabbitMQ connection that comes back by itself, and channels on it. The driver is loaded when first needed. */

import type { AsyncMessage, Channel, Connection, ConnectionOptions, Consumer, ConsumerProps } from 'rabbitmq-client'

import { BrokerUnavailable, InvalidCall, TransportError } from '../errors.js'
import type { ConnectOptions } from './transport.js'
import type { AmqpAddress } from './url.js'
import { ignoreFailure, within } from './waiting.js'

/** RabbitMQ's own frame size; the driver's default of 8192 is too small for headers with long `argsrepr`. */
const FRAME_MAX = 131_072
/** Bytes that may wait for the network before the driver stops writing: by default, some twenty messages. */
const SOCKET: object = { highWaterMark: 1_048_576 }
/** First and longest delay between attempts to reconnect, in milliseconds. */
const RECONNECT_MS = { retryLow: 100, retryHigh: 2000 } as const
/** Answers of the broker that no waiting will change. */
const REFUSALS: readonly unknown[] = ['ACCESS_REFUSED', 'NOT_ALLOWED']

/** A connection shared by publishing and the reply queue. Opened by the first `channel()`. */
export class AmqpConnection {
  readonly #address: AmqpAddress
  readonly #options: ConnectOptions
  #opening: Promise<Connection> | undefined
  /** The driver closes a connection only after its channels, and leaves those to us. */
  readonly #channels = new Set<Channel>()
  readonly #consumers = new Set<Consumer>()
  #lastError: unknown
  #closing: Promise<void> | undefined

  constructor(address: AmqpAddress, options: ConnectOptions) {
    this.#address = address
    this.#options = options
  }

  /** Whether `close()` has been called. */
  get closed(): boolean {
    return this.#closing !== undefined
  }

  /** A new channel, once connected. Raises `BrokerUnavailable` after the connect timeout. */
  async channel(): Promise<Channel> {
    if (this.closed) throw new TransportError('the client is closed')
    this.#opening ??= this.#open()
    const connection = await this.#opening
    const acquiring = this.#acquire(connection)
    const patience = this.#options.connectTimeout
    try {
      const channel = await within(acquiring, patience, () => new Error(`no answer within ${patience} ms`))
      this.#channels.add(channel)
      channel.once('close', () => this.#channels.delete(channel))
      return channel
    } catch (error) {
      // A channel that is granted after all is not wanted any more.
      ignoreFailure(acquiring.then(closeChannel))
      throw this.#failure(error)
    }
  }

  /** A consumer that declares and consumes again by itself after a reconnect, once it consumes for the first time. */
  async consume(queue: ConsumerProps, take: (message: AsyncMessage) => void): Promise<Consumer> {
    // Says what is wrong with the connection, where a consumer would try for ever.
    await closeChannel(await this.channel())
    const connection = await (this.#opening ??= this.#open())
    const consumer = connection.createConsumer({ noAck: true, ...queue }, (message) => {
      take(message)
    })
    this.#consumers.add(consumer)
    const ready = new Promise<void>((resolve, reject) => {
      consumer.once('ready', resolve)
      consumer.on('error', reject)
    })
    const patience = this.#options.connectTimeout
    try {
      await within(ready, patience, () => new Error(`no answer within ${patience} ms`))
      return consumer
    } catch (error) {
      ignoreFailure(this.cancel(consumer))
      throw this.#failure(error)
    }
  }

  /** Ends a consumer. */
  async cancel(consumer: Consumer): Promise<void> {
    this.#consumers.delete(consumer)
    await consumer.close()
  }

  /** Ends the connection, in order if the broker answers in time. Every call waits for the same end. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (!this.#opening) return
    const connection = await this.#opening.catch(() => undefined)
    if (!connection) return
    const giveUp = (): Error => new Error('the broker does not answer')
    const ending = [...[...this.#consumers].map((one) => this.cancel(one)), ...[...this.#channels].map(closeChannel)]
    const closing = Promise.all(ending).then(() => connection.close())
    await within(closing, this.#options.connectTimeout, giveUp).catch(() => {
      connection.unsafeDestroy()
    })
  }

  async #open(): Promise<Connection> {
    const Driver = await loadDriver()
    const { host, port, username, password, vhost, heartbeat, tls } = this.#address
    const connection = new Driver({
      hostname: host,
      port,
      username,
      password,
      vhost,
      frameMax: FRAME_MAX,
      acquireTimeout: this.#options.connectTimeout,
      connectionTimeout: this.#options.connectTimeout,
      connectionName: 'celeriac',
      ...RECONNECT_MS,
      socket: SOCKET as NonNullable<ConnectionOptions['socket']>,
      ...(heartbeat !== undefined && { heartbeat }),
      ...(tls && { tls: this.#options.tls ?? {} }),
    })
    // Any number of callers may wait for it at once.
    connection.setMaxListeners(0)
    connection.on('error', (error: unknown) => {
      this.#lastError = error
    })
    connection.on('connection', () => {
      this.#lastError = undefined
    })
    return connection
  }

  /**
   * The driver goes on trying after a refused login; here that ends the wait at once. It gives up when the connection
   * that it had turns out to be lost (TM-SEND-004); here that is a reason to ask again, on the next one.
   */
  #acquire(connection: Connection): Promise<Channel> {
    return new Promise((resolve, reject) => {
      const refuse = (error: unknown): void => {
        if (isRefusal(error)) reject(error)
      }
      refuse(this.#lastError)
      connection.on('error', refuse)
      const again = (error: unknown): Promise<Channel> => {
        if (codeOf(error) !== 'CONN_CLOSE' && codeOf(error) !== 'EPIPE') throw error
        return connection.acquire()
      }
      connection
        .acquire()
        .catch(again)
        .then(resolve, reject)
        .finally(() => connection.off('error', refuse))
    })
  }

  #failure(error: unknown): TransportError {
    if (this.closed) return new TransportError('the client was closed', { cause: error })
    const cause = this.#lastError ?? error
    const remedy = isRefusal(cause)
      ? 'check the user, the password and the virtual host'
      : 'check that RabbitMQ runs there and that the URL is right'
    const reason = cause instanceof Error ? cause.message : String(cause)
    return new BrokerUnavailable(`cannot reach ${this.#address.shown}: ${reason}; ${remedy}`, { cause })
  }
}

function isRefusal(error: unknown): error is Error {
  return REFUSALS.includes(codeOf(error))
}

/**
 * Closes a channel. The driver's own promise is never settled when the connection breaks in the middle of it; the event
 * comes in every case.
 */
export function closeChannel(channel: Channel): Promise<void> {
  if (!channel.active) return Promise.resolve()
  return new Promise((resolve) => {
    channel.once('close', resolve)
    ignoreFailure(channel.close())
  })
}

/** What is needed of a socket. */
interface Corked {
  readonly writableCorked: number
  cork(): void
  uncork(): void
}

/**
 * Lets what is written in this turn leave in one piece. The driver hands every message to the system by itself, which
 * costs as much as making it. Its socket is no part of its interface: where it is not found, they leave one by one.
 */
export function gather(channel: Channel): void {
  const socket = (channel as unknown as { readonly _conn?: { readonly _socket?: Corked } })._conn?._socket
  if (!socket || socket.writableCorked > 0) return
  socket.cork()
  process.nextTick(() => {
    socket.uncork()
  })
}

/** The driver decodes the body by itself when a message has a JSON or text type and no encoding; undo that. */
export function toBytes(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

/** The stable code of a driver's error, such as `NOT_FOUND`. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

async function loadDriver(): Promise<new (options: ConnectionOptions) => Connection> {
  try {
    return (await import('rabbitmq-client')).Connection
  } catch (cause) {
    throw new InvalidCall('an amqp:// URL needs the driver: npm install rabbitmq-client', { cause })
  }
}
