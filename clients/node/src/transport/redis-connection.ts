/** One Redis connection that comes back by itself. The driver is loaded when first needed. */

import type { Redis, RedisOptions } from 'ioredis'

import { BrokerUnavailable, InvalidCall, TransportError } from '../errors.js'
import type { ConnectOptions } from './transport.js'
import type { RedisAddress } from './url.js'
import { within } from './waiting.js'

export type { Redis }

/** Longest delay between attempts to reconnect, in milliseconds. */
const RECONNECT_MS = 2000
/** Answers of the server that no waiting will change. */
const REFUSAL = /\b(?:WRONGPASS|NOAUTH|NOPERM|ERR (?:AUTH|invalid password|DB index))/

/** A lazily opened connection. */
export class RedisConnection {
  readonly #address: RedisAddress
  readonly #options: ConnectOptions
  #opening: Promise<Redis> | undefined
  #lastError: unknown
  #closed = false

  constructor(address: RedisAddress, options: ConnectOptions) {
    this.#address = address
    this.#options = options
  }

  /** Whether `close()` has been called. */
  get closed(): boolean {
    return this.#closed
  }

  /** The driver's client, connected. Raises `BrokerUnavailable` after the connect timeout. */
  async client(): Promise<Redis> {
    if (this.#closed) throw new TransportError('the client is closed')
    this.#opening ??= this.#open()
    const redis = await this.#opening
    if (redis.status === 'ready') return redis
    await this.#ready(redis)
    return redis
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    this.#closed = true
    const redis = await this.#opening?.catch(() => undefined)
    if (!redis || redis.status === 'end') return
    const ended = new Promise<void>((resolve) => redis.once('end', resolve))
    redis.disconnect()
    await within(ended, this.#options.connectTimeout, () => new Error('still open')).catch(() => undefined)
  }

  async #open(): Promise<Redis> {
    const Driver = await loadDriver()
    const { endpoint, username, password, database, tls } = this.#address
    const redis = new Driver({
      ...endpoint,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ...(tls && { tls: this.#options.tls ?? {} }),
      db: database,
      connectTimeout: this.#options.connectTimeout,
      // A command is sent once: repeating an LPUSH could queue a task twice. A lost one is reported as such.
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      // By itself the driver would leave the failure of a second loss to nobody, which ends the process.
      autoResubscribe: false,
      retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 10), RECONNECT_MS),
    })
    // Any number of callers may wait for it at once.
    redis.setMaxListeners(0)
    redis.on('error', (error: unknown) => {
      this.#lastError = error
    })
    redis.on('ready', () => {
      this.#lastError = undefined
    })
    return redis
  }

  async #ready(redis: Redis): Promise<void> {
    let settle = (): void => undefined
    const ready = new Promise<void>((resolve, reject) => {
      const refuse = (error: unknown): void => {
        if (isRefusal(error)) reject(error)
      }
      const end = (): void => {
        reject(new Error('the connection was closed'))
      }
      redis.on('ready', resolve).on('error', refuse).on('end', end)
      settle = () => redis.off('ready', resolve).off('error', refuse).off('end', end)
      refuse(this.#lastError)
    })
    const patience = this.#options.connectTimeout
    try {
      await within(ready, patience, () => new Error(`no answer within ${patience} ms`))
    } catch (error) {
      throw this.#failure(error)
    } finally {
      settle()
    }
  }

  #failure(error: unknown): TransportError {
    if (this.#closed) return new TransportError('the client was closed', { cause: error })
    const cause = this.#lastError ?? error
    const remedy = isRefusal(cause)
      ? 'check the user and the password'
      : 'check that Redis runs there and that the URL is right'
    const reason = cause instanceof Error ? cause.message : String(cause)
    return new BrokerUnavailable(`cannot reach ${this.#address.shown}: ${reason}; ${remedy}`, { cause })
  }
}

function isRefusal(error: unknown): error is Error {
  return error instanceof Error && REFUSAL.test(error.message)
}

async function loadDriver(): Promise<new (options: RedisOptions) => Redis> {
  try {
    return (await import('ioredis')).Redis
  } catch (cause) {
    throw new InvalidCall('a redis:// URL needs the driver: npm install ioredis', { cause })
  }
}
