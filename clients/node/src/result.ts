/**
 * The result document that a worker stores or replies: its fields, and what it means to the caller.
 */

import { InvalidMessage, NotRegistered, TaskFailure, TaskRevoked, type RemoteException } from './errors.js'
import { compactExtra, readFields, writeFields, type Camel, type Extra, type Field } from './fields.js'
import { decode, decompress, encode, type Encoded, type ReadOptions } from './serialization.js'
import { isMap, type Value, type ValueMap } from './values.js'

/** Every field of the document. A row without `omitted` is a field whose absence makes the document invalid. */
export const RESULT_FIELDS = [
  { name: 'task_id', place: 'result', types: ['string'] },
  { name: 'status', place: 'result', types: ['string'] },
  { name: 'result', place: 'result', types: ['any'], omitted: null },
  { name: 'traceback', place: 'result', types: ['string', 'null'], omitted: null },
  { name: 'children', place: 'result', types: ['array', 'null'], omitted: null },
  { name: 'date_done', place: 'result', types: ['date-time', 'null'], omitted: null },
  { name: 'parent_id', place: 'result', types: ['string', 'null'], omitted: null },
  { name: 'group_id', place: 'result', types: ['string', 'null'], omitted: null },
] as const satisfies readonly Field[]

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
  /** What the table does not name, under `result` (with `result_extended`: name, args, worker, ...). */
  readonly extra?: Extra
}

type Mismatch = Exclude<Camel<(typeof RESULT_FIELDS)[number]['name']>, keyof ResultMessage> | Exclude<keyof ResultMessage, Camel<(typeof RESULT_FIELDS)[number]['name']> | 'extra'>
const noMismatch: [Mismatch] extends [never] ? true : Mismatch = true
void noMismatch

/** State of a task of which nothing is known (yet). */
export const PENDING = 'PENDING'

/** States that a task does not leave. `STARTED`, `RETRY` and states of the user's own are not among them. */
const TERMINAL: readonly string[] = ['SUCCESS', 'FAILURE', 'REVOKED', 'REJECTED', 'IGNORED']

/** Whether a task does not leave this state. */
export function isTerminal(status: string): boolean {
  return TERMINAL.includes(status)
}

/** Reads a document. Raises `InvalidMessage`, and nothing else, whatever the bytes. */
export function parseResult(encoded: Encoded, options: ReadOptions = {}): ResultMessage {
  const document = decode({ ...encoded, body: uncompressed(encoded.body, options) }, options)
  if (!isMap(document)) throw new InvalidMessage('a result document must be an object')
  const target: Record<string, Value> = {}
  const extra = compactExtra({ result: readFields(RESULT_FIELDS, 'result', document as ValueMap, target) })
  return { ...(target as unknown as ResultMessage), ...(extra && { extra }) }
}

/** Writes a document. Raises `InvalidCall`. */
export function buildResult(message: ResultMessage): Encoded {
  return encode(writeFields(RESULT_FIELDS, 'result', message, message.extra?.['result']))
}

/**
 * What a terminal document means to the caller: the value of a task that succeeded.
 * @throws TaskFailure, NotRegistered, TaskRevoked as the worker stored it; InvalidMessage if it stored something else.
 */
export function outcome(message: ResultMessage): Value {
  const { status, taskId, result = null } = message
  if (status === 'SUCCESS') return result
  if (status === 'IGNORED') return null
  if (status === 'REJECTED' && !isMap(result)) {
    throw new TaskFailure(taskId, { state: status, excType: 'Reject', excModule: null, args: [], traceback: message.traceback ?? null })
  }
  const exception = parseException(message)
  if (status === 'REVOKED') throw new TaskRevoked(taskId, exception)
  throw exception.excType === 'NotRegistered' ? new NotRegistered(taskId, exception) : new TaskFailure(taskId, exception)
}

/** Reads the exception of a `FAILURE` or `REVOKED` document. Raises `InvalidMessage`. */
export function parseException(message: ResultMessage): RemoteException {
  const { result } = message
  if (!isMap(result)) throw new InvalidMessage(`the result of a ${message.status} document must be an exception object`)
  const { exc_type: excType, exc_module: excModule = null, exc_message: args = [] } = result
  if (typeof excType !== 'string') throw new InvalidMessage('exc_type must be a string')
  if (excModule !== null && typeof excModule !== 'string') throw new InvalidMessage('exc_module must be a string or null')
  return {
    state: message.status,
    excType,
    excModule,
    args: Array.isArray(args) ? (args as Value[]) : [args],
    traceback: message.traceback ?? null,
  }
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
