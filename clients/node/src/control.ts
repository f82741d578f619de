/**
 * Remote control: the request that a controller sends to all workers, and the reply of one of them (spec chapter 7).
 */

import { InvalidCall, InvalidMessage } from './errors.js'
import type { Extra, Field, Snake } from './fields.js'
import { decode, encode, serializerOf, type ReadOptions } from './serialization.js'
import { isMap, type Value, type ValueMap } from './values.js'
import { readWire, writeWire, type Content, type Wire } from './wire.js'

/** Every field of a request. A row without `omitted` is a field whose absence makes it invalid. */
export const CONTROL_FIELDS = [
  { name: 'clock', place: 'headers', types: ['integer', 'null'], omitted: 0 },
  { name: 'expires', place: 'headers', types: ['number', 'null'], omitted: 0 },
  { name: 'delivery_mode', place: 'properties', types: ['integer', 'null'], omitted: null },
  { name: 'priority', place: 'properties', types: ['integer', 'null'], omitted: null },
  { name: 'method', place: 'body', types: ['string'] },
  { name: 'arguments', place: 'body', types: ['object', 'null'], omitted: {} },
  { name: 'destination', place: 'body', types: ['array', 'null'], omitted: null },
  { name: 'pattern', place: 'body', types: ['string', 'null'], omitted: null },
  { name: 'matcher', place: 'body', types: ['string', 'null'], omitted: null },
  { name: 'ticket', place: 'body', types: ['string', 'null'], omitted: null },
  { name: 'reply_to', place: 'body', types: ['object', 'null'], omitted: null },
] as const satisfies readonly Field<Snake<Exclude<keyof ControlRequest, keyof Content | 'extra'>>>[]

/** Every field of a reply. The body is an object with one key: `node` is the key, `reply` the value under it. */
export const REPLY_FIELDS = [
  { name: 'ticket', place: 'headers', types: ['string', 'null'], omitted: null },
  { name: 'clock', place: 'headers', types: ['integer', 'null'], omitted: 0 },
  { name: 'delivery_mode', place: 'properties', types: ['integer', 'null'], omitted: null },
  { name: 'priority', place: 'properties', types: ['integer', 'null'], omitted: null },
  { name: 'node', place: 'body', types: ['string'] },
  { name: 'reply', place: 'body', types: ['any'], omitted: null },
] as const satisfies readonly Field<Snake<Exclude<keyof ControlReply, keyof Content | 'extra'>>>[]

/** A request to workers. A property that is absent was absent on the wire. */
export interface ControlRequest extends Content {
  /** The command, such as `ping`. */
  readonly method: string
  /** Its keyword arguments. */
  readonly arguments?: Readonly<ValueMap> | null
  /** Names of the nodes that are meant; `null`: every node. */
  readonly destination?: readonly Value[] | null
  /** Pattern of the names of the nodes that are meant. */
  readonly pattern?: string | null
  /** How to read the pattern: `glob` or `pcre`. */
  readonly matcher?: string | null
  /** Id of the call; replies carry it back. */
  readonly ticket?: string | null
  /** `exchange` and `routing_key` for replies; absent: none is wanted. */
  readonly replyTo?: Readonly<ValueMap> | null
  /** Logical clock of the sender. */
  readonly clock?: number | null
  /** Unix time after which nobody waits for a reply; 0: somebody always does. */
  readonly expires?: number | null
  /** 2, as Celery writes it; the queues do not outlive a broker all the same. */
  readonly deliveryMode?: number | null
  /** Priority, 0. */
  readonly priority?: number | null
  /** What the table does not name, by place. */
  readonly extra?: Extra
}

/** The reply of one node. */
export interface ControlReply extends Content {
  /** Name of the node, such as `w1@host.example`. */
  readonly node: string
  /** What the command says; `null` when the node has nothing to say (CT-RPL-004). */
  readonly reply: Value
  /** That of the request. */
  readonly ticket?: string | null
  /** Logical clock of the node. */
  readonly clock?: number | null
  /** 1: transient. */
  readonly deliveryMode?: number | null
  /** Priority, 0. */
  readonly priority?: number | null
  /** What the table does not name, by place. */
  readonly extra?: Extra
}

/** Reads a request. Raises `InvalidMessage`, and nothing else, whatever the bytes. */
export function parseControl(wire: Wire, options: ReadOptions = {}): ControlRequest {
  const body = decode(wire, options)
  if (!isMap(body)) throw new InvalidMessage('a control request must be an object')
  return readWire(CONTROL_FIELDS, wire, { body }) as ControlRequest
}

/** Writes a request. Raises `InvalidCall` naming the field that cannot be written. */
export function buildControl(request: ControlRequest): Wire {
  return writeWire(CONTROL_FIELDS, request, ['body'], ({ body }) => encode(body, serializerOf(request.contentType)))
}

/** Reads a reply. Raises `InvalidMessage`, and nothing else, whatever the bytes. */
export function parseReply(wire: Wire, options: ReadOptions = {}): ControlReply {
  const body = decode(wire, options)
  const [entry, ...others] = isMap(body) ? Object.entries(body) : []
  if (!entry || others.length > 0)
    throw new InvalidMessage('a reply must be an object of one key, the name of the node')
  return readWire(REPLY_FIELDS, wire, { body: { node: entry[0], reply: entry[1] } }) as ControlReply
}

/** Writes a reply. Raises `InvalidCall` naming the field that cannot be written. */
export function buildReply(reply: ControlReply): Wire {
  if (reply.node === '') throw new InvalidCall('a reply needs the name of its node')
  return writeWire(REPLY_FIELDS, reply, ['body'], ({ body }) =>
    encode({ [body['node'] as string]: body['reply'] }, serializerOf(reply.contentType)),
  )
}
