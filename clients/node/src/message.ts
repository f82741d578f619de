/**
 * The task message, protocol 2: the one table of its fields, and `parse` and `build` that loop over it.
 *
 * Wire names (`root_id`) stand in this file and nowhere else; the rest of the library says `rootId`.
 */

import { compress, decompress } from './compression.js'
import { InvalidMessage } from './errors.js'
import type { Extra, Field, Snake } from './fields.js'
import { decode, encode, serializerOf, type ReadOptions } from './serialization.js'
import { isMap, type Value, type ValueMap } from './values.js'
import { readWire, writeWire, type Content, type Wire } from './wire.js'

/** Every field of the message. A row without `omitted` is a field whose absence makes the message invalid. */
export const FIELDS = [
  { name: 'lang', place: 'headers', types: ['string', 'null'], omitted: null },
  { name: 'task', place: 'headers', types: ['string'], filled: true },
  { name: 'id', place: 'headers', types: ['string'], filled: true },
  { name: 'shadow', place: 'headers', types: ['string', 'null'], omitted: null },
  { name: 'eta', place: 'headers', types: ['date-time', 'null'], omitted: null },
  { name: 'expires', place: 'headers', types: ['date-time', 'null'], omitted: null },
  { name: 'group', place: 'headers', types: ['string', 'null'], omitted: null },
  { name: 'group_index', place: 'headers', types: ['integer', 'null'], omitted: null },
  { name: 'retries', place: 'headers', types: ['integer'], omitted: 0 },
  { name: 'timelimit', place: 'headers', types: ['time-limit', 'null'], omitted: null },
  { name: 'root_id', place: 'headers', types: ['string', 'null'], omitted: null },
  { name: 'parent_id', place: 'headers', types: ['string', 'null'], omitted: null },
  { name: 'argsrepr', place: 'headers', types: ['string', 'null'], omitted: null, lenient: true },
  { name: 'kwargsrepr', place: 'headers', types: ['string', 'null'], omitted: null, lenient: true },
  { name: 'origin', place: 'headers', types: ['string', 'null'], omitted: null, lenient: true },
  { name: 'ignore_result', place: 'headers', types: ['boolean', 'null'], omitted: null },
  { name: 'replaced_task_nesting', place: 'headers', types: ['integer', 'null'], omitted: 0 },
  { name: 'stamped_headers', place: 'headers', types: ['array', 'null'], omitted: null },
  { name: 'stamps', place: 'headers', types: ['object', 'null'], omitted: {} },
  { name: 'compression', place: 'headers', types: ['string', 'null'], omitted: null },

  { name: 'correlation_id', place: 'properties', types: ['string', 'null'], omitted: null },
  { name: 'reply_to', place: 'properties', types: ['string', 'null'], omitted: null },
  { name: 'delivery_mode', place: 'properties', types: ['integer', 'null'], omitted: null },
  { name: 'priority', place: 'properties', types: ['integer', 'null'], omitted: null },
  { name: 'expiration', place: 'properties', types: ['string', 'null'], omitted: null },

  { name: 'args', place: 'body', types: ['array'] },
  { name: 'kwargs', place: 'body', types: ['object'] },

  { name: 'callbacks', place: 'embed', types: ['array', 'null'], omitted: null },
  { name: 'errbacks', place: 'embed', types: ['array', 'null'], omitted: null },
  { name: 'chain', place: 'embed', types: ['array', 'null'], omitted: null },
  { name: 'chord', place: 'embed', types: ['object', 'null'], omitted: null },
] as const satisfies readonly Field<Snake<Exclude<keyof TaskMessage, keyof Content | 'extra'>>>[]

/**
 * A task message, flat. A property that is absent was absent on the wire; `null` was `null` there.
 * `eta` and `expires` stay the wire's ISO text: {@link instantOf} gives the instant.
 */
export interface TaskMessage extends Content {
  /** Name of the task. */
  readonly task: string
  /** Id of the task, not empty. */
  readonly id: string
  /** Positional arguments. */
  readonly args: readonly Value[]
  /** Keyword arguments. */
  readonly kwargs: Readonly<ValueMap>
  /** Language of the producer; readers ignore it. */
  readonly lang?: string | null
  /** Name to show in logs and events. */
  readonly shadow?: string | null
  /** Not before this instant. */
  readonly eta?: string | null
  /** Not after this instant. */
  readonly expires?: string | null
  /** Id of the group. */
  readonly group?: string | null
  /** Place in the group, from 0. */
  readonly groupIndex?: number | null
  /** Retries so far; absent is 0, never `null`. */
  readonly retries?: number
  /** `[hard, soft]`, seconds or `null` each (TM-HDR-014). Celery's own page says it the wrong way round. */
  readonly timelimit?: readonly [hard: number | null, soft: number | null] | null
  /** Id of the first task of the workflow. */
  readonly rootId?: string | null
  /** Id of the task that sent this one. */
  readonly parentId?: string | null
  /** The positional arguments as text, for logs and events. */
  readonly argsrepr?: string | null
  /** The keyword arguments as text, for logs and events. */
  readonly kwargsrepr?: string | null
  /** Name of the sending process. */
  readonly origin?: string | null
  /** `true`: store no result; `null`: as the task is configured. */
  readonly ignoreResult?: boolean | null
  /** How often a task of this id replaced itself. */
  readonly replacedTaskNesting?: number | null
  /** Names of the stamps. */
  readonly stampedHeaders?: readonly Value[] | null
  /** The stamps. */
  readonly stamps?: Readonly<ValueMap> | null
  /** MIME name of the compression of the body. */
  readonly compression?: string | null
  /** The task id; an rpc reply carries it back. */
  readonly correlationId?: string | null
  /** Queue that an rpc result goes to. */
  readonly replyTo?: string | null
  /** 2 persistent, 1 transient. */
  readonly deliveryMode?: number | null
  /** Priority: the higher first on RabbitMQ, the lower first on Redis. */
  readonly priority?: number | null
  /** Milliseconds until the broker drops the message, as decimal text. */
  readonly expiration?: string | null
  /** Signatures sent with the result after success. */
  readonly callbacks?: readonly Value[] | null
  /** Signatures sent after failure. */
  readonly errbacks?: readonly Value[] | null
  /** The rest of the chain in reverse order, next step last (TM-BODY-010). */
  readonly chain?: readonly Value[] | null
  /** Signature of the chord's body. */
  readonly chord?: Readonly<ValueMap> | null
  /** What the table does not name, by place (`headers`, `properties`, `embed`); written back by `build`. */
  readonly extra?: Extra
}

const PLACES_OF_BODY = ['args', 'kwargs', 'embed'] as const

/** Reads a message. Raises `InvalidMessage`, and nothing else, whatever the bytes. */
export function parse(wire: Wire, options: ReadOptions = {}): TaskMessage {
  const [args, kwargs, embed] = readBody(wire, wire.headers['compression'], options)
  return readWire(FIELDS, wire, { body: { args, kwargs }, embed }) as TaskMessage
}

/** Writes a message. Raises `InvalidCall` naming the field that cannot be written. */
export function build(message: TaskMessage): Wire {
  const { compression } = message
  return writeWire(FIELDS, message, ['body', 'embed'], ({ body, embed }) => {
    const encoded = encode([body['args'], body['kwargs'], embed], serializerOf(message.contentType))
    return typeof compression === 'string' ? { ...encoded, body: compress(compression, encoded.body) } : encoded
  })
}

function readBody(wire: Wire, compression: Value | undefined, options: ReadOptions): [Value, Value, ValueMap] {
  const body = typeof compression === 'string' ? decompress(compression, wire.body, options) : wire.body
  const parts = decode({ ...wire, body }, options)
  if (!Array.isArray(parts) || parts.length !== PLACES_OF_BODY.length) {
    throw new InvalidMessage(`the body must be an array of exactly 3: ${PLACES_OF_BODY.join(', ')}`)
  }
  const [args = null, kwargs = null, embed = null] = parts
  if (embed === null) return [args, kwargs, {}]
  if (!isMap(embed)) throw new InvalidMessage('body: embed must be an object')
  return [args, kwargs, embed]
}
