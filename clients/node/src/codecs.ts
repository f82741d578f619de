/**
 * Every kind of vector of the specification, decoded to the neutral form and encoded from it.
 * For the conformance suite's adapter and our own tests; not part of the published package.
 */

import {
  buildControl,
  buildReply,
  parseControl,
  parseReply,
  type ControlReply,
  type ControlRequest,
} from './control.js'
import { InvalidCall } from './errors.js'
import { buildEvent, buildEvents, parseEvent, parseEvents } from './events.js'
import { build, parse, type TaskMessage } from './message.js'
import { parseV1 } from './message-v1.js'
import { fromNeutral, tag, toNeutral, untag, untagMap, type Json, type JsonMap } from './neutral.js'
import {
  buildGroup,
  buildResult,
  parseGroup,
  parseResult,
  type ResultMessage,
  type ResultTuple,
  type SavedGroup,
} from './result.js'
import { parseSigned } from './signed.js'
import { ALL_SERIALIZERS, decode, encode, type Encoded, type ReadOptions, type Serializer } from './serialization.js'
import { buildEnvelope, parseEnvelope, type Envelope } from './transport/envelope.js'
import type { ValueMap } from './values.js'
import type { Wire } from './wire.js'

/** Both directions of one kind of vector. */
export interface Codec {
  /** Wire form -> neutral message. `accept`: serializers besides JSON, by default all. Raises `InvalidMessage`. */
  readonly decode: (wire: JsonMap, accept?: readonly Serializer[]) => JsonMap
  /** Neutral message -> wire form. Raises `InvalidCall`. */
  readonly encode: (message: JsonMap) => JsonMap
}

function reading(accept: readonly Serializer[] = ALL_SERIALIZERS): ReadOptions {
  return { lossless: true, accept }
}

const task = carried(parse, (message) => build(message as unknown as TaskMessage))

/** By kind of vector. */
export const CODECS: Readonly<Record<string, Codec>> = {
  task,
  envelope: task,
  canvas: {
    decode: ({ messages, ...rest }, accept) => ({
      ...rest,
      messages: (messages as JsonMap[]).map((message) => task.decode(message, accept)),
    }),
    encode: ({ messages, ...rest }) => ({ ...rest, messages: (messages as JsonMap[]).map(task.encode) }),
  },
  control: carried(parseControl, (message) => buildControl(message as unknown as ControlRequest)),
  reply: carried(parseReply, (message) => buildReply(message as unknown as ControlReply)),
  event: carried(
    (wire, read) => {
      const { events, ...rest } = parseEvents(wire, read)
      return { ...rest, events: each(events, buildEvent) }
    },
    ({ events = null, ...rest }) => buildEvents({ ...rest, events: each(events, parseEvent) }),
  ),
  result: {
    decode: (wire, accept) => toNeutral(parseResult(toEncoded(wire), reading(accept))),
    encode: (message) => fromEncoded(buildResult(fromNeutral(message) as unknown as ResultMessage)),
  },
  stored: {
    decode: (wire, accept) => {
      const { extra, ...document } = readStored(toEncoded(wire), reading(accept))
      return toNeutral({ ...document, ...extra })
    },
    encode: (message) => {
      if (isResult(message)) return fromEncoded(buildResult(fromNeutral(message) as unknown as ResultMessage))
      const { result, ...extra } = untagMap(message)
      return fromEncoded(buildGroup({ result: result as unknown as ResultTuple, extra }))
    },
  },
  value: {
    decode: (wire, accept) => ({ value: tag(decode(toEncoded(wire), reading(accept))) }),
    encode: ({ value = null }) => fromEncoded(encode(untag(value))),
  },
  'task-v1': {
    decode: (wire, accept) => toNeutral(parseV1(toWire(wire), reading(accept))),
    encode: () => decodeOnly('protocol 1'),
  },
  signed: {
    decode: ({ certificate, ...wire }, accept) => {
      const certificates = certificate === null || certificate === undefined ? [] : [certificate as string]
      return toNeutral(parseSigned(toEncoded(wire), { ...reading(accept), certificates }))
    },
    encode: () => decodeOnly('signed bodies'),
  },
}

function isResult(document: JsonMap): boolean {
  return 'task_id' in document
}

/** A document that Redis keeps: a result, or a saved group. */
function readStored(encoded: Encoded, read: ReadOptions): SavedGroup | ResultMessage {
  try {
    return parseResult(encoded, read)
  } catch {
    return parseGroup(encoded, read)
  }
}

function decodeOnly(what: string): never {
  throw new InvalidCall(`this library reads ${what} and does not write them`)
}

function each<From, To>(items: From | readonly From[], change: (item: From) => To): To | To[] {
  return Array.isArray(items) ? (items as readonly From[]).map(change) : change(items as From)
}

/** What the suite notes of a message's way besides the message: address on RabbitMQ, channel or list on Redis. */
const ADDRESSES = { amqp: ['exchange', 'routing_key'], redis: ['channel', 'key'] } as const

function pick(source: JsonMap, names: readonly string[]): JsonMap {
  return Object.fromEntries(Object.entries(source).filter(([name]) => names.includes(name)))
}

/** The codec of a kind of message that travels through a broker: as it is, or in an envelope where there is an item. */
function carried(read: (wire: Wire, options: ReadOptions) => object, write: (message: ValueMap) => Wire): Codec {
  return {
    decode: (wire, accept) => {
      const options = reading(accept)
      if (!('item' in wire)) return { ...pick(wire, ADDRESSES.amqp), ...toNeutral(read(toWire(wire), options)) }
      const { wire: inside, envelope, deliveryInfo } = parseEnvelope(toBytes(wire['item']), options)
      const flat = { ...pick(wire, ADDRESSES.redis), ...toNeutral({ ...read(inside, options), ...envelope }) }
      if (Object.keys(deliveryInfo).length === 0) return flat
      return { ...flat, extra: { ...(flat['extra'] as JsonMap | undefined), delivery_info: tag(deliveryInfo) } }
    },
    encode: (message) => {
      const { delivery_info: deliveryInfo = {}, ...extra } = (message['extra'] ?? {}) as { delivery_info?: JsonMap }
      const flat = fromNeutral({ ...message, extra })
      if (!('delivery_tag' in message)) return { ...pick(message, ADDRESSES.amqp), ...fromEncoded(write(flat)) }
      const item = buildEnvelope(write(flat), flat as unknown as Envelope, untagMap(deliveryInfo))
      return { ...pick(message, ADDRESSES.redis), item: Buffer.from(item).toString('base64') }
    },
  }
}

function toBytes(text: Json | undefined): Uint8Array {
  return Buffer.from(text as string, 'base64')
}

function toWire(wire: JsonMap): Wire {
  const { headers = {}, properties = {} } = wire as { headers?: JsonMap; properties?: JsonMap }
  return { ...toEncoded(wire), headers: untagMap(headers), properties: untagMap(properties) }
}

function toEncoded(wire: JsonMap): Encoded {
  return {
    contentType: (wire['content_type'] as string | null | undefined) ?? undefined,
    contentEncoding: (wire['content_encoding'] as string | null | undefined) ?? undefined,
    body: toBytes(wire['body']),
  }
}

function fromEncoded({ body, ...rest }: Encoded): JsonMap {
  return { ...toNeutral(rest), body: Buffer.from(body).toString('base64') }
}
