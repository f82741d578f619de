/** The handle of a group that was sent: the results of its members, in order. */

import type { GetOptions, TaskResult } from './task-result.js'

/** A group that was applied. It has no state of its own: its members have (RS-GROUP-003). */
export class GroupResult<T = unknown> {
  /** Id of the group. */
  readonly id: string
  /** The handles of the members, in their order; a member that ends in a group is one of a group. */
  readonly results: readonly (TaskResult<T> | GroupResult<T>)[]

  /** @internal */
  constructor(id: string, results: readonly (TaskResult<T> | GroupResult<T>)[]) {
    this.id = id
    this.results = results
  }

  /**
   * Waits for all members and resolves to their return values in order. May be called again, also after a timeout.
   * `timeout` is for all together.
   * @throws as `TaskResult.get`, for the first member that does not succeed; the others run on.
   */
  async get(options: GetOptions = {}): Promise<T[]> {
    const stopping = new AbortController()
    const signal = options.signal ? AbortSignal.any([options.signal, stopping.signal]) : stopping.signal
    try {
      return (await Promise.all(this.results.map((result) => result.get({ ...options, signal })))) as T[]
    } finally {
      stopping.abort()
    }
  }
}
