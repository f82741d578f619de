/**
 * The result document that a worker stores or replies: its fields, and what it means to the caller.
 */

import { InvalidMessage, NotRegistered, TaskFailure, TaskRevoked, type RemoteException } from './errors.js'
import { readFields, writeFields, type Field, type Snake } from './fields.js'
import { decompress } from './compression.js'
import { decode, encode, type Encoded, type ReadOptions } from './serialization.js'
import { isMap, type Value, type ValueMap } from './values.js'

/** Every field of the document. A row without `omitted` is a field whose absence makes the document invalid. */
export const RESULT_FIELDS = [
  { name: 'task_id', place: 'result', types: ['string'], filled: true },
  { name: 'status', place: 'result', types: ['string'], filled: true },
  { name: 'result', place: 'result', types: ['any'], omitted: null },
  { name: 'traceback', place: 'result', types: ['string', 'null'], omitted: null },
  { name: 'children', place: 'result', types: ['array', 'null'], omitted: null },
  { name: 'date_done', place: 'result', types: ['date-time', 'null'], omitted: null },
  { name: 'parent_id', place: 'result', types: ['string', 'null'], omitted: null },
  { name: 'group_id', place: 'result', types: ['string', 'null'], omitted: null },
] as const satisfies readonly Field<Snake<Exclude<keyof ResultMessage, 'extra'>>>[]

/** A result document. A property that is absent was absent on the wire. */
export interface ResultMessage {
  /** Id of the task. */
  readonly taskId: string
  /** State of the task. */
  readonly status: string
  /** Value, exception or meta, by state. */
  readonly result?: Value
  /** Text of the traceback. */
  readonly traceback?: string | null
  /** Result tuples of the tasks that this one sent. */
  readonly children?: readonly Value[] | null
  /** End of the task, ISO text; `null` while it is not over. */
  readonly dateDone?: string | null
  /** Id of the parent task. */
  readonly parentId?: string | null
  /** Id of the group. */
  readonly groupId?: string | null
  /** What the table does not name (with `result_extended`: name, args, worker, ...). */
  readonly extra?: Readonly<ValueMap>
}

/** State of a task of which nothing is known (yet). */
export const PENDING = 'PENDING'

/** States that a task does not leave. `STARTED`, `RETRY` and states of the user's own are not among them. */
const TERMINAL: readonly string[] = ['SUCCESS', 'FAILURE', 'REVOKED', 'REJECTED', 'IGNORED']

/** States whose result is an exception. */
const EXCEPTIONAL: readonly string[] = ['FAILURE', 'REVOKED']

/** Whether a task does not leave this state (RS-STATE-003, RS-STATE-004). */
export function isTerminal(status: string): boolean {
  return TERMINAL.includes(status)
}

/** Reads a document. Raises `InvalidMessage`, and nothing else, whatever the bytes. */
export function parseResult(encoded: Encoded, options: ReadOptions = {}): ResultMessage {
  const target: Record<string, Value> = {}
  const extra = readFields(RESULT_FIELDS, 'result', readDocument(encoded, options), target)
  const message: ResultMessage = {
    ...(target as unknown as ResultMessage),
    ...(Object.keys(extra).length > 0 && { extra }),
  }
  if (EXCEPTIONAL.includes(message.status)) parseException(message)
  return message
}

/** Writes a document. Raises `InvalidCall`. */
export function buildResult(message: ResultMessage): Encoded {
  return encode(writeFields(RESULT_FIELDS, 'result', message, message.extra))
}

/**
 * What a terminal document means to the caller: the value of a task that succeeded (RS-EXC-010).
 * @throws TaskFailure, NotRegistered, TaskRevoked as the worker stored it; InvalidMessage if it stored something else.
 */
export function outcome(message: ResultMessage): Value {
  const { status, taskId, result = null } = message
  if (status === 'SUCCESS') return result
  if (status === 'IGNORED') return null
  if (status === 'REJECTED' && !isMap(result)) {
    throw new TaskFailure(taskId, {
      state: status,
      excType: 'Reject',
      excModule: null,
      args: [],
      traceback: message.traceback ?? null,
    })
  }
  const exception = parseException(message)
  if (status === 'REVOKED') throw new TaskRevoked(taskId, exception)
  throw exception.excType === 'NotRegistered'
    ? new NotRegistered(taskId, exception)
    : new TaskFailure(taskId, exception)
}

/** Reads the exception of a `FAILURE` or `REVOKED` document: names, never classes (RS-EXC-009). Raises `InvalidMessage`. */
export function parseException(message: ResultMessage): RemoteException {
  const { result } = message
  if (!isMap(result)) throw new InvalidMessage(`the result of a ${message.status} document must be an exception object`)
  const { exc_type: excType, exc_module: excModule = null, exc_message: args = [] } = result
  if (typeof excType !== 'string' || excType === '') throw new InvalidMessage('exc_type must be a filled string')
  if (excModule !== null && typeof excModule !== 'string')
    throw new InvalidMessage('exc_module must be a string or null')
  return unwrapped({
    state: message.status,
    excType,
    excModule,
    args: Array.isArray(args) ? args : [args],
    traceback: message.traceback ?? null,
  })
}

/** Celery wraps an exception that it cannot pickle, with JSON too: [module, class, arguments, text] (RS-EXC-006). */
function unwrapped(exception: RemoteException): RemoteException {
  const [excModule, excType, args] = exception.args
  if (exception.excType !== 'UnpickleableExceptionWrapper') return exception
  if (typeof excModule !== 'string' || typeof excType !== 'string' || !Array.isArray(args)) return exception
  return { ...exception, excModule, excType, args }
}

// ---- groups ------------------------------------------------------------------------------------------------------

/** A task or a group, and where it came from: its id and its parent, and for a group its members (RS-GROUP-002). */
export type ResultTuple = readonly [readonly [id: string, parent: ResultTuple | null], readonly ResultTuple[] | null]

/** The document of a saved group. It has no state: its members have (RS-GROUP-003). */
export interface SavedGroup {
  /** The group and its members. */
  readonly result: ResultTuple
  /** Other keys. */
  readonly extra?: Readonly<ValueMap>
}

/** Reads the document of a saved group. Raises `InvalidMessage`, and nothing else, whatever the bytes. */
export function parseGroup(encoded: Encoded, options: ReadOptions = {}): SavedGroup {
  const { result = null, ...extra } = readDocument(encoded, options)
  if (!isResultTuple(result)) throw new InvalidMessage('the result of a saved group must be a result tuple')
  return { result, ...(Object.keys(extra).length > 0 && { extra }) }
}

/** Writes the document of a saved group (RS-GROUP-001). */
export function buildGroup({ result, extra }: SavedGroup): Encoded {
  return encode({ ...extra, result })
}

/** Whether a value is a result tuple: a group's document, and every one of `children`. */
export function isResultTuple(value: unknown): value is ResultTuple {
  if (!Array.isArray(value) || value.length !== 2 || !Array.isArray(value[0]) || value[0].length !== 2) return false
  const [[id, parent], members] = value as [[unknown, unknown], unknown]
  const isMembers = members === null || (Array.isArray(members) && members.every(isResultTuple))
  return typeof id === 'string' && (parent === null || isResultTuple(parent)) && isMembers
}

// ---- stored documents --------------------------------------------------------------------------------------------

function readDocument(encoded: Encoded, options: ReadOptions): ValueMap {
  const document = decode({ ...encoded, body: uncompressed(encoded.body, options) }, options)
  if (!isMap(document)) throw new InvalidMessage('a result document must be an object')
  return document
}

/** Celery 5.7 with `result_compression` writes this before the name of the compression and the data. */
const COMPRESSED = Buffer.from('\0celery-compressed\0')

function uncompressed(body: Uint8Array, options: ReadOptions): Uint8Array {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (!bytes.subarray(0, COMPRESSED.length).equals(COMPRESSED)) return body
  const end = bytes.indexOf(0, COMPRESSED.length)
  if (end < 0) throw new InvalidMessage('a compressed result without the name of its compression')
  return decompress(bytes.toString('latin1', COMPRESSED.length, end), bytes.subarray(end + 1), options)
}
