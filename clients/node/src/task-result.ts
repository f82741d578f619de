/** The handle of a task that was sent: wait for its outcome, or look at its state. */

import { BrokerUnavailable, InvalidCall, TaskTimeout, TransportError } from './errors.js'
import { isTerminal, outcome, parseResult, PENDING, type ResultMessage } from './result.js'
import type { ReadOptions } from './serialization.js'
import type { ResultSlot } from './transport/transport.js'
import { abortable, within } from './transport/waiting.js'

/** How long to wait. */
export interface GetOptions {
  /** Seconds; then `TaskTimeout`. Default: no limit. */
  readonly timeout?: number
  /** Ends the wait; rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** What a handle needs of its client. */
export interface ResultContext {
  /** The task's documents; `undefined` when there are none to be had, and why not. */
  readonly slot: ResultSlot | undefined
  readonly why: string
  readonly read: ReadOptions
  /** Aborted when the client is closed. */
  readonly closed: AbortSignal
}

/** A task that was sent, or whose id is known. */
export class TaskResult<T = unknown> {
  /** Id of the task. */
  readonly id: string
  readonly #context: ResultContext
  #final: ResultMessage | undefined

  /** @internal */
  constructor(id: string, context: ResultContext) {
    this.id = id
    this.#context = context
  }

  /**
   * Waits for the task to end and resolves to its return value. May be called again, also after a timeout.
   * @throws TaskFailure, NotRegistered, TaskRevoked for a task that did not succeed; TaskTimeout;
   *   InvalidMessage for a document that cannot be read; InvalidCall without a result backend;
   *   BrokerUnavailable when the store cannot be reached.
   */
  async get(options: GetOptions = {}): Promise<T> {
    const { timeout, signal } = options
    if (timeout !== undefined && !(timeout >= 0))
      throw new InvalidCall('timeout must be a number of seconds, 0 or more')
    this.#final ??= await this.#wait(timeout, signal)
    // The type is the caller's word for what the task returns.
    return outcome(this.#final) as T
  }

  /** State of the task: `PENDING` while nothing is known, `STARTED`, `RETRY`, `SUCCESS`, `FAILURE`, ... */
  async state(): Promise<string> {
    const latest = this.#final ?? newest(await this.#documents(this.#slot()))
    return latest?.status ?? PENDING
  }

  async #wait(timeout: number | undefined, signal: AbortSignal | undefined): Promise<ResultMessage> {
    const slot = this.#slot()
    signal?.throwIfAborted()
    this.#context.closed.throwIfAborted()
    const stopping = new AbortController()
    const ending = abortable(this.#end(slot, stopping.signal), this.#context.closed)
    const error = (): TaskTimeout =>
      new TaskTimeout(this.id, `task ${this.id} did not end within ${timeout ?? 0} s; it may still run`)
    const bounded = timeout === undefined ? ending : within(ending, timeout * 1000, error)
    try {
      return await abortable(bounded, signal)
    } finally {
      stopping.abort()
    }
  }

  /** The document of a terminal state. A wake-up that comes while documents are read is not missed (RS-REDIS-004). */
  async #end(slot: ResultSlot, stop: AbortSignal): Promise<ResultMessage> {
    let wake = (): void => undefined
    let reached = false
    const stopWatching = await slot.watch(() => {
      wake()
    })
    try {
      for (;;) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve
        })
        const documents = await this.#documents(slot).catch((error: unknown) => {
          // A connection that was there, as it was for watching, comes back and wakes whoever waits (RS-WAIT-002).
          if (error instanceof BrokerUnavailable || (reached && error instanceof TransportError)) return []
          throw error
        })
        reached = true
        const latest = newest(documents)
        if (latest && isTerminal(latest.status)) return latest
        await abortable(woken, stop)
      }
    } finally {
      stopWatching()
    }
  }

  async #documents(slot: ResultSlot): Promise<ResultMessage[]> {
    return (await slot.read()).map((document) => parseResult(document, this.#context.read))
  }

  #slot(): ResultSlot {
    if (!this.#context.slot) throw new InvalidCall(this.#context.why)
    return this.#context.slot
  }
}

/** The first terminal document if there is one (RS-STATE-009): a redelivered task may write `STARTED` after it. */
function newest(documents: readonly ResultMessage[]): ResultMessage | undefined {
  return documents.find(({ status }) => isTerminal(status)) ?? documents.at(-1)
}
