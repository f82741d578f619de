/**
 * What the client asks of a broker and of a result store. They carry bytes: what a document means is not their business.
 */

import type { ConnectionOptions as TlsOptions } from 'node:tls'

import type { Encoded } from '../serialization.js'
import type { Wire } from '../wire.js'

/** How to connect. */
export interface ConnectOptions {
  /** Milliseconds to wait for a connection. */
  readonly connectTimeout: number
  /** TLS settings (`ca`, `cert`, `key`, ...) for `amqps://` and `rediss://`. */
  readonly tls: TlsOptions | undefined
}

/** Where to publish: a queue by name is exchange `''` with the queue name as routing key. */
export interface Route {
  /** Name of the exchange; `''` for a queue addressed by its name. */
  readonly exchange: string
  /** Routing key, or the name of the queue. */
  readonly routingKey: string
}

/** Ends a subscription. */
export type Stop = () => Promise<void>

/** What a broker carries besides tasks: remote control and events, which are for everybody who happens to listen. */
export interface Bus {
  /** Sends a control request to every node. Resolves when the broker has it. */
  broadcast(wire: Wire): Promise<void>
  /** Takes replies under a key of one's own, from when it resolves on (CT-REQ-006). */
  replies(key: string, take: (wire: Wire) => void): Promise<Stop>
  /** Takes messages of events of some groups (`task`, `worker`), by default of all, from when it resolves on. */
  events(groups: readonly string[] | undefined, take: (wire: Wire) => void): Promise<Stop>
}

/** Takes task messages. */
export interface Broker {
  /** Remote control and events; a broker without it has none. */
  readonly bus?: Bus
  /**
   * Resolves when the broker has taken responsibility for the message (TM-SEND-002, BR-AMQP-004).
   * @throws BrokerUnavailable, PublishFailed.
   */
  publish(wire: Wire, route: Route): Promise<void>
  /** Ends the connection; publishes still waiting are rejected. Idempotent. */
  close(): Promise<void>
}

/** The documents of one task. */
export interface ResultSlot {
  /** The documents known now, oldest first. */
  read(): Promise<readonly Encoded[]>
  /** Calls `wake` whenever there may be something new to read; resolves, when that is ensured, to a stop function. */
  watch(wake: () => void): Promise<() => void>
}

/** Holds result documents. */
export interface ResultStore {
  /** Called before every publish that wants a result, so that no reply can come too early. */
  prepare(): Promise<void>
  /** Queue that replies go to, for stores that live on the broker. */
  readonly replyTo: string | undefined
  /**
   * Lets workers count the members of a chord, of which there are `size`; `expires` is in seconds (CV-CHORD-001). A store
   * without it cannot be counted in.
   */
  startChord?(groupId: string, size: number, expires: number): Promise<void>
  /** The documents of a task. Whoever holds the slot keeps them; the store itself does not. */
  slot(taskId: string): ResultSlot
  /** Ends the connection. Idempotent. */
  close(): Promise<void>
}
