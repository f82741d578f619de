/**
 * Every error of the library.
 *
 * ```
 * CeleriacError
 * ├── InvalidCall          you did something that cannot be put on the wire; nothing was sent
 * ├── InvalidMessage       the peer sent something that cannot be read
 * ├── TransportError       the broker or the result store
 * │   ├── BrokerUnavailable    no connection within the connect timeout
 * │   └── PublishFailed        refused, returned, or the connection was lost before the confirm
 * └── ResultError          the outcome of a task
 *     ├── TaskFailure          the task raised
 *     │   └── NotRegistered        no worker knows a task of that name
 *     ├── TaskRevoked          the task was revoked or had expired
 *     └── TaskTimeout          waiting ended; the task may still run
 * ```
 */

import { inspect } from 'node:util'

/** Base of every error of the library. `code` is stable: compare it across versions, not `message`. */
export abstract class CeleriacError extends Error {
  /** Stable, upper-case identifier of the kind of error. */
  abstract readonly code: string

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** The caller asked for something that cannot be sent. Raised before anything is published (TM-SEND-001); says what to change. */
export class InvalidCall extends CeleriacError {
  override readonly code = 'INVALID_CALL'
}

/** A message or result document that breaks the protocol (RS-DOC-008). Parsing raises nothing else, whatever the bytes. */
export class InvalidMessage extends CeleriacError {
  override readonly code = 'INVALID_MESSAGE'
}

/** The broker or the result store failed. `cause` is the driver's own error. */
export class TransportError extends CeleriacError {
  override readonly code: string = 'TRANSPORT_ERROR'
}

/** No connection within the connect timeout. The message names the URL (without password) and a remedy. */
export class BrokerUnavailable extends TransportError {
  override readonly code = 'BROKER_UNAVAILABLE'
}

/**
 * The broker did not take the message: it refused it, returned it (no such queue), or the connection was lost
 * before the confirm. In the last case the message may be queued all the same.
 */
export class PublishFailed extends TransportError {
  override readonly code = 'PUBLISH_FAILED'
}

/** Base of the outcomes of a task that are not a value. */
export abstract class ResultError extends CeleriacError {
  /** Id of the task. */
  readonly taskId: string

  constructor(taskId: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.taskId = taskId
  }
}

/** What a worker stored about an exception: its Python class, arguments and traceback. */
export interface RemoteException {
  /** State of the task, `FAILURE` or `REVOKED`. */
  readonly state: string
  /** Name of the exception class, such as `ValueError`. */
  readonly excType: string
  /** Module of the class, such as `builtins`; `null` when the worker named none. */
  readonly excModule: string | null
  /** Arguments of the exception. */
  readonly args: readonly unknown[]
  /** Text of the Python traceback, or `null`. */
  readonly traceback: string | null
}

function describe(exception: RemoteException): string {
  const text = exception.args.map((arg) => (typeof arg === 'string' ? arg : inspect(arg))).join(', ')
  return text === '' ? exception.excType : `${exception.excType}: ${text}`
}

/** Base of the outcomes that a worker stored as an exception. */
abstract class StoredException extends ResultError implements RemoteException {
  readonly state: string
  readonly excType: string
  readonly excModule: string | null
  readonly args: readonly unknown[]
  readonly traceback: string | null

  constructor(taskId: string, exception: RemoteException) {
    super(taskId, describe(exception))
    this.state = exception.state
    this.excType = exception.excType
    this.excModule = exception.excModule
    this.args = exception.args
    this.traceback = exception.traceback
  }
}

/** The task raised an exception in the worker. */
export class TaskFailure extends StoredException {
  override readonly code: string = 'TASK_FAILURE'
}

/** No worker on that queue knows a task of that name: check the name and the worker's imports. */
export class NotRegistered extends TaskFailure {
  override readonly code = 'NOT_REGISTERED'
}

/** The task was revoked, terminated, or its `expires` had passed when a worker took it: see `args`. */
export class TaskRevoked extends StoredException {
  override readonly code = 'TASK_REVOKED'
}

/** `get()` waited as long as it was told to. The task may still run; `get()` can be called again. */
export class TaskTimeout extends ResultError {
  override readonly code = 'TASK_TIMEOUT'
}
