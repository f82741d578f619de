/** Bounded waiting, without a timer or a listener left behind. */

import { setMaxListeners } from 'node:events'

/** Longest delay that `setTimeout` takes; a longer wait is as good as endless. */
export const LONGEST_MS = 2 ** 31 - 1

/** The promise, or a rejection with `error()` once `milliseconds` have passed. */
export function within<T>(promise: Promise<T>, milliseconds: number, error: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(
      () => {
        reject(error())
      },
      Math.min(milliseconds, LONGEST_MS),
    )
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer)
    })
  })
}

/** Resolves with the promise, or once `milliseconds` have passed. */
export function atMost(promise: Promise<void>, milliseconds: number): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, Math.min(milliseconds, LONGEST_MS))
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer)
    })
  })
}

/** The promise, or a rejection with the signal's reason when it is aborted first. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  // A thousand waits on one signal are no leak: each takes its listener away again.
  setMaxListeners(0, signal)
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason as Error)
    }
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', abort)
    })
  })
}

/** Turns of the event loop from the end of a connection, once the system knows of it, until the driver has heard. */
const TURNS_TO_HEAR = 3

/** Resolves when drivers have heard of connections that had ended already, which no read or timer has told them yet. */
export async function allHeard(): Promise<void> {
  for (let turn = 0; turn < TURNS_TO_HEAR; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** Marks a promise whose failure is reported elsewhere, so that it never becomes an unhandled rejection. */
export function ignoreFailure(promise: Promise<unknown>): void {
  promise.catch(() => undefined)
}
