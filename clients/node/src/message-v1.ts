/**
 * The task message of protocol 1, for readers alone: Celery 3 wrote it, Celery 4 and 5 when told to (spec chapter 2b).
 */

import { InvalidMessage } from './errors.js'
import type { Extra, Field, Snake } from './fields.js'
import { readPlaces } from './fields.js'
import { decode, type ReadOptions } from './serialization.js'
import { isMap, type Value, type ValueMap } from './values.js'
import type { Wire } from './wire.js'

/** Every key of the body. A row without `omitted` is a key whose absence makes the message invalid. */
export const FIELDS_V1 = [
  { name: 'task', place: 'body', types: ['string'] },
  { name: 'id', place: 'body', types: ['string'] },
  { name: 'args', place: 'body', types: ['array'], omitted: [] },
  { name: 'kwargs', place: 'body', types: ['object'], omitted: {} },
  { name: 'group', place: 'body', types: ['string', 'null'], omitted: null },
  { name: 'group_index', place: 'body', types: ['integer', 'null'], omitted: null },
  { name: 'retries', place: 'body', types: ['integer'], omitted: 0 },
  { name: 'eta', place: 'body', types: ['date-time', 'null'], omitted: null },
  { name: 'expires', place: 'body', types: ['date-time', 'null'], omitted: null },
  { name: 'utc', place: 'body', types: ['boolean'], omitted: true },
  { name: 'callbacks', place: 'body', types: ['array', 'null'], omitted: null },
  { name: 'errbacks', place: 'body', types: ['array', 'null'], omitted: null },
  { name: 'timelimit', place: 'body', types: ['time-limit', 'null'], omitted: null },
  { name: 'taskset', place: 'body', types: ['string', 'null'], omitted: null },
  { name: 'chord', place: 'body', types: ['object', 'null'], omitted: null },
] as const satisfies readonly Field<Snake<Exclude<keyof TaskMessageV1, 'extra'>>>[]

/** A task message of protocol 1: the whole call is the body. A property that is absent was absent on the wire. */
export interface TaskMessageV1 {
  /** Name of the task. */
  readonly task: string
  /** Id of the task, not empty. */
  readonly id: string
  /** Positional arguments. */
  readonly args?: readonly Value[]
  /** Keyword arguments. */
  readonly kwargs?: Readonly<ValueMap>
  /** Id of the group. */
  readonly group?: string | null
  /** Place in the group, from 0. */
  readonly groupIndex?: number | null
  /** Retries so far. */
  readonly retries?: number
  /** Not before this instant. */
  readonly eta?: string | null
  /** Not after this instant. */
  readonly expires?: string | null
  /** Whether the times are UTC; they are, whatever it says. */
  readonly utc?: boolean
  /** Signatures sent with the result after success; the next step of a chain is one of them. */
  readonly callbacks?: readonly Value[] | null
  /** Signatures sent after failure. */
  readonly errbacks?: readonly Value[] | null
  /** `[hard, soft]`, seconds or `null` each. */
  readonly timelimit?: readonly [hard: number | null, soft: number | null] | null
  /** Old name of `group`. */
  readonly taskset?: string | null
  /** Signature of the chord's body. */
  readonly chord?: Readonly<ValueMap> | null
  /** Keys that the table does not name. */
  readonly extra?: Extra
}

/** Whether a message is one of protocol 1: it has no header `task` (TM-V1-002). */
export function isV1(wire: Wire): boolean {
  return !Object.hasOwn(wire.headers, 'task')
}

/** Reads a message. Raises `InvalidMessage`, and nothing else, whatever the bytes (TM-V1-003). */
export function parseV1(wire: Wire, options: ReadOptions = {}): TaskMessageV1 {
  if (!isV1(wire)) throw new InvalidMessage('a message with a header task is not of protocol 1')
  const body = decode(wire, options)
  if (!isMap(body)) throw new InvalidMessage('the body of protocol 1 must be an object')
  return readPlaces(FIELDS_V1, { body }) as TaskMessageV1
}
