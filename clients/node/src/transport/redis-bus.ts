/** Remote control and events on Redis: channels for what everybody hears, a list for replies to one. */

import { CeleriacError, TransportError } from '../errors.js'
import type { Wire } from '../wire.js'
import { buildEnvelope, newEnvelope, parseEnvelope } from './envelope.js'
import type { RedisConnection } from './redis-connection.js'
import type { Bus, Stop } from './transport.js'
import { ignoreFailure } from './waiting.js'

const CONTROL = 'celery.pidbox'
const REPLIES = 'reply.celery.pidbox'
const EVENTS = 'celeryev'
/** Where kombu notes which lists an exchange has (CT-REDIS-003). */
const BINDINGS = `_kombu.binding.${REPLIES}`
/** Between the routing key, an empty pattern and the name of the list. */
const SEPARATOR = '\u0006\u0016'

/** Publishes on the connection of the broker; every subscription has one of its own. */
export class RedisBus implements Bus {
  readonly #connection: RedisConnection
  readonly #connect: () => RedisConnection
  readonly #database: number

  constructor(connection: RedisConnection, connect: () => RedisConnection, database: number) {
    this.#connection = connection
    this.#connect = connect
    this.#database = database
  }

  /** On the channel of the database, where it is not kept for anybody (CT-REDIS-001). */
  async broadcast(wire: Wire): Promise<void> {
    const redis = await this.#connection.client()
    const item = buildEnvelope(wire, newEnvelope(CONTROL, ''))
    await redis.publish(`/${this.#database}.${CONTROL}`, item).catch(failed)
  }

  /** Workers look the list up: it is noted before anything is asked, and forgotten afterwards. */
  async replies(key: string, take: (wire: Wire) => void): Promise<Stop> {
    const list = `${key}.${REPLIES}`
    const binding = `${key}${SEPARATOR}${SEPARATOR}${list}`
    const redis = await this.#connection.client()
    await redis.sadd(BINDINGS, binding).catch(failed)
    const reading = this.#connect()
    const ended = this.#pop(reading, list, take)
    return async () => {
      await reading.close()
      await ended
      if (this.#connection.closed) return
      const again = await this.#connection.client()
      await again.multi().srem(BINDINGS, binding).del(list).exec().catch(failed)
    }
  }

  /** A pattern, as each routing key is a channel of its own (EV-REDIS-002). */
  async events(groups: readonly string[] | undefined, take: (wire: Wire) => void): Promise<Stop> {
    const connection = this.#connect()
    const prefix = `/${this.#database}.${EVENTS}/`
    try {
      const redis = await connection.client()
      redis.on('pmessageBuffer', (_pattern, _channel, item) => {
        readInto(item, take)
      })
      const subscribe = (): Promise<unknown> =>
        redis.psubscribe(...(groups?.map((group) => `${prefix}${group}.*`) ?? [`${prefix}*`]))
      await subscribe()
      redis.on('ready', () => {
        ignoreFailure(subscribe())
      })
    } catch (error) {
      await connection.close()
      failed(error)
    }
    return () => connection.close()
  }

  /** Takes what comes, until the connection is closed or cannot be used: whoever waits for replies has a limit of its own. */
  async #pop(connection: RedisConnection, list: string, take: (wire: Wire) => void): Promise<void> {
    for (;;) {
      const redis = await connection.client().catch(() => undefined)
      if (!redis) return
      try {
        const popped = await redis.brpopBuffer(list, 0)
        if (popped) readInto(popped[1], take)
      } catch {
        if (redis.status === 'ready') return
      }
    }
  }
}

/** Malformed items are nobody's: they are dropped (EV-FORM-008). */
function readInto(item: Uint8Array, take: (wire: Wire) => void): void {
  let wire: Wire
  try {
    wire = parseEnvelope(item).wire
  } catch {
    return
  }
  take(wire)
}

function failed(cause: unknown): never {
  if (cause instanceof CeleriacError) throw cause
  throw new TransportError(cause instanceof Error ? cause.message : String(cause), { cause })
}
