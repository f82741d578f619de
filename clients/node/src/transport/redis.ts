/** Publishing to Redis: a list per queue and priority step, which workers pop from the other end. */

import { InvalidCall, PublishFailed } from '../errors.js'
import type { Wire } from '../wire.js'
import { buildEnvelope, newEnvelope } from './envelope.js'
import type { RedisConnection } from './redis-connection.js'
import type { Broker, Bus, Route } from './transport.js'
import { allHeard, within } from './waiting.js'

/** Lists of a queue: its own name, and these steps behind a separator. Priority 0 is first on Redis (BR-REDIS-007). */
const PRIORITY_STEPS = [9, 6, 3] as const
const SEPARATOR = '\u0006\u0016'

/** Publishes task messages on a connection. The reply of `LPUSH` is the confirm (BR-REDIS-008). */
export class RedisBroker implements Broker {
  readonly bus: Bus
  readonly #connection: RedisConnection
  readonly #publishTimeout: number
  /** Messages on their way. */
  #pending = 0

  constructor(connection: RedisConnection, publishTimeout: number, bus: Bus) {
    this.bus = bus
    this.#connection = connection
    this.#publishTimeout = publishTimeout
  }

  async publish(wire: Wire, route: Route): Promise<void> {
    if (route.exchange !== '') {
      throw new InvalidCall(`exchange ${route.exchange}: Redis has no exchanges; name the queue instead`)
    }
    const { priority = 0 } = wire.properties
    const item = buildEnvelope(
      { ...wire, properties: { ...wire.properties, priority } },
      newEnvelope('', route.routingKey),
    )
    const list = listName(route.routingKey, Number(priority))
    // A connection that was lost while nothing was sent is found out here, and not by the next message (TM-SEND-004).
    if (this.#pending === 0) await allHeard()
    const redis = await this.#connection.client()
    const timeout = (): Error => new Error(`no answer within ${this.#publishTimeout} ms`)
    this.#pending += 1
    try {
      await within(redis.lpush(list, item), this.#publishTimeout, timeout)
    } catch (cause) {
      const { name, message } = cause as Error
      const doubt = name === 'ReplyError' ? '' : '; the message may be queued'
      throw new PublishFailed(`queue ${route.routingKey}: ${message}${doubt}`, { cause })
    } finally {
      this.#pending -= 1
    }
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}

/** The list that a message of this priority goes to. */
export function listName(queue: string, priority: number): string {
  const step = PRIORITY_STEPS.find((lowest) => priority >= lowest)
  return step === undefined ? queue : `${queue}${SEPARATOR}${step}`
}
