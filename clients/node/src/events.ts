/**
 * Events: the news that workers and producers send of tasks and of themselves (spec chapter 8).
 */

import { InvalidCall, InvalidMessage } from './errors.js'
import { readFields, writeFields, type Extra, type Field, type Snake } from './fields.js'
import { decode, encode, serializerOf, type ReadOptions } from './serialization.js'
import { isMap, type Value, type ValueMap } from './values.js'
import { readWire, writeWire, type Content, type Wire } from './wire.js'

/** Every field around the events of a message. */
export const EVENT_MESSAGE_FIELDS = [
  { name: 'hostname', place: 'headers', types: ['string', 'null'], omitted: null },
  { name: 'delivery_mode', place: 'properties', types: ['integer', 'null'], omitted: null },
  { name: 'priority', place: 'properties', types: ['integer', 'null'], omitted: null },
] as const satisfies readonly Field<Snake<Exclude<keyof EventMessage, keyof Content | 'events' | 'extra'>>>[]

/** Every field of an event. `place` says in which events: `every`, `task`, `worker`, or the types by name. */
export const EVENT_FIELDS = [
  { name: 'type', place: 'every', types: ['string'] },
  { name: 'hostname', place: 'every', types: ['string'] },
  { name: 'timestamp', place: 'every', types: ['number'] },
  { name: 'utcoffset', place: 'every', types: ['number', 'null'], omitted: 0 },
  { name: 'pid', place: 'every', types: ['integer', 'null'], omitted: null },
  { name: 'clock', place: 'every', types: ['integer', 'null'], omitted: null },
  { name: 'uuid', place: 'task', types: ['string'], omitted: null },
  { name: 'name', place: 'task-sent and task-received', types: ['string', 'null'], omitted: null },
  { name: 'args', place: 'task-sent and task-received', types: ['string', 'null'], omitted: null },
  { name: 'kwargs', place: 'task-sent and task-received', types: ['string', 'null'], omitted: null },
  { name: 'root_id', place: 'task-sent and task-received', types: ['string', 'null'], omitted: null },
  { name: 'parent_id', place: 'task-sent and task-received', types: ['string', 'null'], omitted: null },
  { name: 'retries', place: 'task-sent and task-received', types: ['integer', 'null'], omitted: null },
  { name: 'eta', place: 'task-sent and task-received', types: ['date-time', 'null'], omitted: null },
  { name: 'expires', place: 'task-sent and task-received', types: ['date-time', 'null'], omitted: null },
  { name: 'queue', place: 'task-sent', types: ['string', 'null'], omitted: null },
  { name: 'exchange', place: 'task-sent', types: ['string', 'null'], omitted: null },
  { name: 'routing_key', place: 'task-sent', types: ['string', 'null'], omitted: null },
  { name: 'result', place: 'task-succeeded', types: ['string', 'null'], omitted: null },
  { name: 'runtime', place: 'task-succeeded', types: ['number', 'null'], omitted: null },
  { name: 'exception', place: 'task-failed and task-retried', types: ['string', 'null'], omitted: null },
  { name: 'traceback', place: 'task-failed and task-retried', types: ['string', 'null'], omitted: null },
  { name: 'requeue', place: 'task-rejected', types: ['boolean', 'null'], omitted: null },
  { name: 'terminated', place: 'task-revoked', types: ['boolean', 'null'], omitted: null },
  { name: 'signum', place: 'task-revoked', types: ['integer', 'string', 'null'], omitted: null },
  { name: 'expired', place: 'task-revoked', types: ['boolean', 'null'], omitted: null },
  { name: 'freq', place: 'worker', types: ['number', 'null'], omitted: null },
  { name: 'active', place: 'worker', types: ['integer', 'null'], omitted: null },
  { name: 'processed', place: 'worker', types: ['integer', 'null'], omitted: null },
  { name: 'loadavg', place: 'worker', types: ['array', 'null'], omitted: null },
  { name: 'sw_ident', place: 'worker', types: ['string', 'null'], omitted: null },
  { name: 'sw_ver', place: 'worker', types: ['string', 'null'], omitted: null },
  { name: 'sw_sys', place: 'worker', types: ['string', 'null'], omitted: null },
] as const satisfies readonly Field<Snake<Exclude<keyof CeleryEvent, 'extra'>>>[]

/**
 * One event. `result`, `args`, `kwargs` and `exception` are text for people, cut at a length: Python's `repr`, nothing to
 * evaluate (EV-TASK-004).
 */
export interface CeleryEvent {
  /** Group, hyphen, what happened: `task-received`, `worker-heartbeat`, or a type of the application's own. */
  readonly type: string
  /** Name of the node, or of the client that sent the task. */
  readonly hostname: string
  /** When, as Unix time with a fraction. */
  readonly timestamp: number
  /** Hours between UTC and the local time of the sender. */
  readonly utcoffset?: number | null
  /** Process of the sender. */
  readonly pid?: number | null
  /** Logical clock of the sender: the order of events of different senders (EV-FORM-007). */
  readonly clock?: number | null
  /** Id of the task, in every event whose type begins `task-`. */
  readonly uuid?: string
  /** Name of the task: `task-sent`, `task-received`. */
  readonly name?: string | null
  /** Positional arguments as text. */
  readonly args?: string | null
  /** Keyword arguments as text. */
  readonly kwargs?: string | null
  /** Id of the first task of the workflow. */
  readonly rootId?: string | null
  /** Id of the task that sent this one. */
  readonly parentId?: string | null
  /** Retries so far. */
  readonly retries?: number | null
  /** Not before this instant, ISO text. */
  readonly eta?: string | null
  /** Not after this instant, ISO text. */
  readonly expires?: string | null
  /** Queue: `task-sent`. */
  readonly queue?: string | null
  /** Exchange: `task-sent`. */
  readonly exchange?: string | null
  /** Routing key: `task-sent`. */
  readonly routingKey?: string | null
  /** Text of the result: `task-succeeded`. */
  readonly result?: string | null
  /** Seconds that the task ran: `task-succeeded`. */
  readonly runtime?: number | null
  /** Text of the exception: `task-failed`, `task-retried`. */
  readonly exception?: string | null
  /** Text of the traceback, where there is one. */
  readonly traceback?: string | null
  /** Whether the message went back to the queue: `task-rejected`. */
  readonly requeue?: boolean | null
  /** Whether the task was running: `task-revoked`. */
  readonly terminated?: boolean | null
  /** Signal that ended it. */
  readonly signum?: number | string | null
  /** Whether it came too late. */
  readonly expired?: boolean | null
  /** Seconds between two heartbeats of a worker. */
  readonly freq?: number | null
  /** Tasks that run in the worker. */
  readonly active?: number | null
  /** Tasks that the worker has done. */
  readonly processed?: number | null
  /** Load of the machine over 1, 5 and 15 minutes. */
  readonly loadavg?: readonly Value[] | null
  /** Name of the implementation. */
  readonly swIdent?: string | null
  /** Its version. */
  readonly swVer?: string | null
  /** Operating system. */
  readonly swSys?: string | null
  /** What the table does not name for this type: newer fields, and those of the application's own events. */
  readonly extra?: Readonly<ValueMap>
}

/** A message of events. */
export interface EventMessage extends Content {
  /** One event, or several in the order in which they happened (EV-FORM-005). */
  readonly events: CeleryEvent | readonly CeleryEvent[]
  /** Name of the sender once more. */
  readonly hostname?: string | null
  /** 1: transient. */
  readonly deliveryMode?: number | null
  /** Priority, 0. */
  readonly priority?: number | null
  /** What the table does not name, by place. */
  readonly extra?: Extra
}

/** Reads a message of events. Raises `InvalidMessage`, and nothing else, whatever the bytes. */
export function parseEvents(wire: Wire, options: ReadOptions = {}): EventMessage {
  const body = decode(wire, options)
  const events = Array.isArray(body) ? body.map(parseEvent) : parseEvent(body)
  return { ...readWire(EVENT_MESSAGE_FIELDS, wire, {}), events }
}

/** Writes a message of events. Raises `InvalidCall` naming the field that cannot be written. */
export function buildEvents(message: EventMessage): Wire {
  const { events, contentType } = message
  const body = Array.isArray(events) ? events.map(buildEvent) : buildEvent(events as CeleryEvent)
  return writeWire(EVENT_MESSAGE_FIELDS, message, [], () => encode(body, serializerOf(contentType)))
}

/** The routing key of an event: its type with dots; of an array, `task.multi` (EV-FORM-003, EV-FORM-004). */
export function eventRoutingKey(events: EventMessage['events']): string {
  return 'type' in events ? events.type.replaceAll('-', '.') : 'task.multi'
}

/** Reads one event of a message. Raises `InvalidMessage`. */
export function parseEvent(source: Value): CeleryEvent {
  if (!isMap(source)) throw new InvalidMessage('an event must be an object')
  const { type } = source
  const target: Record<string, Value> = {}
  const extra = readFields(rowsOf(type), EVENT, source, target)
  return { ...(target as unknown as CeleryEvent), ...(Object.keys(extra).length > 0 && { extra }) }
}

/** One event as it travels. Raises `InvalidCall`. */
export function buildEvent(event: CeleryEvent): ValueMap {
  if (typeof event.type !== 'string') throw new InvalidCall('an event needs a type')
  return writeFields(rowsOf(event.type), EVENT, event, event.extra)
}

const EVENT = 'event'

/** The rows of a type, all in one place. A field of another type is one that the table does not name (EV-FORM-006). */
function rowsOf(type: Value | undefined): readonly Field[] {
  const name = typeof type === 'string' ? type : ''
  const [group = ''] = name.split('-', 1)
  const places = ['every', group]
  const rows = EVENT_FIELDS.filter(({ place }) => places.includes(place) || place.split(' and ').includes(name))
  return rows.map(({ name: field, types, ...row }) => ({
    name: field,
    place: EVENT,
    types,
    // Absent from an event of a task, its id makes the event malformed (EV-TASK-001).
    ...('omitted' in row && field !== 'uuid' && { omitted: row.omitted }),
  }))
}
