/** The news of workers and producers, one event after the other. */

import { InvalidMessage } from './errors.js'
import { parseEvents, type CeleryEvent } from './events.js'
import type { ReadOptions } from './serialization.js'
import type { Bus, Stop } from './transport/transport.js'
import type { Wire } from './wire.js'

/** Most events that wait to be read; beyond that the oldest are dropped. */
const MOST_WAITING = 10_000

/** Which events. */
export interface EventOptions {
  /** Groups of events, the first words of their types: `task`, `worker`, or the application's own. Default: all. */
  readonly groups?: readonly string[]
  /** `true`: tell workers to send task events, which they do not by themselves (EV-SUB-002). Default `true`. */
  readonly enable?: boolean
}

type Waiting = (result: IteratorResult<CeleryEvent, undefined>) => void

/** An endless iterator; `return()`, as at the end of `for await`, or the client's `close()` ends it. */
export class EventStream implements AsyncIterableIterator<CeleryEvent, undefined, undefined>, AsyncDisposable {
  readonly #read: ReadOptions
  readonly #subscribing: Promise<Stop>
  readonly #events: CeleryEvent[] = []
  readonly #waiting: Waiting[] = []
  #dropped = 0
  #ended: Promise<void> | undefined

  /** @internal */
  constructor(bus: Bus, groups: readonly string[] | undefined, read: ReadOptions, switchOn: () => Promise<unknown>) {
    this.#read = read
    this.#subscribing = this.#subscribe(bus, groups, switchOn)
    // Whoever reads gets the error.
    this.#subscribing.catch(() => undefined)
  }

  /** Resolves when every event from now on will be seen. @throws BrokerUnavailable. */
  async ready(): Promise<void> {
    await this.#subscribing
  }

  /** Events that were dropped because nobody read them in time. */
  get dropped(): number {
    return this.#dropped
  }

  /** The next event. */
  async next(): Promise<IteratorResult<CeleryEvent, undefined>> {
    await this.#subscribing
    const value = this.#events.shift()
    if (value) return { value, done: false }
    if (this.#ended) return { value: undefined, done: true }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Ends the subscription. */
  async return(): Promise<IteratorResult<CeleryEvent, undefined>> {
    await (this.#ended ??= this.#end())
    return { value: undefined, done: true }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** So that `await using stream = client.events()` ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  async #subscribe(bus: Bus, groups: readonly string[] | undefined, switchOn: () => Promise<unknown>): Promise<Stop> {
    const stop = await bus.events(groups, (wire) => {
      this.#take(wire)
    })
    await switchOn()
    return stop
  }

  async #end(): Promise<void> {
    for (const waiting of this.#waiting.splice(0)) waiting({ value: undefined, done: true })
    const stop = await this.#subscribing.catch(() => undefined)
    await stop?.()
  }

  /** A malformed message is dropped: nobody sends it again (EV-FORM-008). */
  #take(wire: Wire): void {
    if (this.#ended) return
    try {
      for (const event of [parseEvents(wire, this.#read).events].flat()) this.#add(event)
    } catch (error) {
      if (!(error instanceof InvalidMessage)) throw error
    }
  }

  #add(event: CeleryEvent): void {
    const waiting = this.#waiting.shift()
    if (waiting) {
      waiting({ value: event, done: false })
      return
    }
    if (this.#events.length >= MOST_WAITING) {
      this.#events.shift()
      this.#dropped += 1
    }
    this.#events.push(event)
  }
}
