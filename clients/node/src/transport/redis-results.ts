/** Results on Redis: one key per task, and a channel of the same name that announces every write. */

import { TransportError } from '../errors.js'
import { CONTENT_ENCODING, CONTENT_TYPE, type Encoded } from '../serialization.js'
import type { Redis, RedisConnection } from './redis-connection.js'
import type { ResultSlot, ResultStore } from './transport.js'
import { ignoreFailure } from './waiting.js'

const KEY_PREFIX = 'celery-task-meta-'
const GROUP_PREFIX = 'celery-taskset-meta-'
/** For writers that set the key without announcing it, in milliseconds. */
const LOOK_AGAIN_MS = 1000

/** Reads result keys, and only reads them (RS-REDIS-005); writes the size of a chord. Subscribes to a task's channel while somebody waits for that task. */
export class RedisResults implements ResultStore {
  readonly replyTo = undefined
  readonly #commands: RedisConnection
  readonly #subscriber: RedisConnection
  readonly #wakes = new Map<string, Set<() => void>>()
  #listening = false

  /** `subscriber` is a connection of its own: Redis takes no other commands on it. */
  constructor(commands: RedisConnection, subscriber: RedisConnection) {
    this.#commands = commands
    this.#subscriber = subscriber
  }

  prepare(): Promise<void> {
    return Promise.resolve()
  }

  /** A claim that an earlier use of the id left over goes first (CV-CHORD-002). */
  async startChord(groupId: string, size: number, expires: number): Promise<void> {
    const key = GROUP_PREFIX + groupId
    const redis = await this.#commands.client()
    try {
      await redis.del(`${key}.c`)
      await redis.set(`${key}.s`, size, 'EX', Math.ceil(expires))
    } catch (cause) {
      throw failed(`starting the chord ${groupId}`, cause)
    }
  }

  slot(taskId: string): ResultSlot {
    const key = KEY_PREFIX + taskId
    return { read: () => this.#read(key), watch: (wake) => this.#watch(key, wake) }
  }

  async close(): Promise<void> {
    await Promise.all([this.#commands.close(), this.#subscriber.close()])
  }

  async #read(key: string): Promise<readonly Encoded[]> {
    const body = await this.#get(key)
    return body === null ? [] : [{ contentType: CONTENT_TYPE, contentEncoding: CONTENT_ENCODING, body }]
  }

  #get(key: string): Promise<Buffer | null> {
    return repeatably(this.#commands, `reading ${key}`, (redis) => redis.getBuffer(key))
  }

  async #watch(key: string, wake: () => void): Promise<() => void> {
    const timer = setInterval(wake, LOOK_AGAIN_MS)
    const wakes = this.#wakes.get(key) ?? new Set()
    this.#wakes.set(key, wakes.add(wake))
    const stop = (): void => {
      clearInterval(timer)
      wakes.delete(wake)
      if (wakes.size > 0 || this.#wakes.get(key) !== wakes) return
      this.#wakes.delete(key)
      ignoreFailure(this.#subscriber.client().then((redis) => redis.unsubscribe(key)))
    }
    try {
      await repeatably(this.#subscriber, `reading ${key}`, (redis) => {
        if (!this.#listening) this.#listen(redis)
        return redis.subscribe(key)
      })
    } catch (error) {
      stop()
      throw error
    }
    return stop
  }

  #listen(redis: Redis): void {
    this.#listening = true
    redis.on('message', (key) => {
      for (const wake of this.#wakes.get(key) ?? []) wake()
    })
    redis.on('ready', () => {
      ignoreFailure(this.#listenAgain(redis))
    })
  }

  /** After a reconnect. What was announced in between is gone, so everybody looks once subscribed. */
  async #listenAgain(redis: Redis): Promise<void> {
    if (this.#wakes.size === 0) return
    await redis.subscribe(...this.#wakes.keys())
    for (const wakes of this.#wakes.values()) for (const wake of wakes) wake()
  }
}

/** For commands that may be repeated: where the connection breaks under one, the next is waited for once. */
async function repeatably<T>(
  connection: RedisConnection,
  what: string,
  command: (redis: Redis) => Promise<T>,
): Promise<T> {
  const redis = await connection.client()
  try {
    return await command(redis)
  } catch (cause) {
    if (redis.status === 'ready') throw failed(what, cause)
  }
  const again = await connection.client()
  return command(again).catch((cause: unknown) => {
    throw failed(what, cause)
  })
}

function failed(what: string, cause: unknown): TransportError {
  return new TransportError(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
}
