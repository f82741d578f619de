/** The Redis list item: a JSON object around the message, which AMQP carries natively. */

import { randomUUID } from 'node:crypto'

import { InvalidMessage } from '../errors.js'
import { readFields, writeFields, type Field, type Snake } from '../fields.js'
import type { Wire } from '../wire.js'
import { decodeText, encodeText, type ReadOptions } from '../serialization.js'
import { fromBase64, utf8 } from '../text.js'
import { isMap, type Value } from '../values.js'

/** Fields of the envelope. `delivery_info` and the others stand among the message's properties. */
export const ENVELOPE_FIELDS = [
  { name: 'delivery_tag', place: 'envelope', types: ['string'], filled: true },
  { name: 'body_encoding', place: 'envelope', types: ['string', 'null'], omitted: null },
  { name: 'exchange', place: 'delivery_info', types: ['string'] },
  { name: 'routing_key', place: 'delivery_info', types: ['string'] },
] as const satisfies readonly Field<Snake<keyof Envelope>>[]

/** What the envelope adds to the message. */
export interface Envelope {
  /** Unique id of this delivery. A constant one loses messages: workers keep unacknowledged ones under it (BR-REDIS-003). */
  readonly deliveryTag: string
  /** `base64` (BR-REDIS-004); `null` or absent: the body is text as it stands. */
  readonly bodyEncoding?: string | null
  /** Exchange; `''` for a queue addressed by name. */
  readonly exchange: string
  /** Routing key; the queue name when `exchange` is `''`. */
  readonly routingKey: string
}

/** What else is in `delivery_info`: kombu marks there that a worker gave the message back (`redelivered`). */
export type DeliveryInfo = Readonly<Record<string, Value>>

const BASE64 = 'base64'

/** The envelope of a message that is published now. */
export function newEnvelope(exchange: string, routingKey: string): Envelope {
  return { deliveryTag: randomUUID(), bodyEncoding: BASE64, exchange, routingKey }
}

/** Writes a list item: ASCII JSON, keys in the order in which Celery writes them. */
export function buildEnvelope(wire: Wire, envelope: Envelope, deliveryInfo: DeliveryInfo = {}): string {
  const { delivery_tag, ...encoding } = writeFields(ENVELOPE_FIELDS, 'envelope', envelope)
  const { priority, ...properties } = wire.properties
  const body = Buffer.from(wire.body)
  return encodeText({
    body: envelope.bodyEncoding === BASE64 ? body.toString('base64') : utf8(body),
    'content-encoding': wire.contentEncoding,
    'content-type': wire.contentType,
    headers: wire.headers,
    properties: {
      ...properties,
      delivery_info: { ...writeFields(ENVELOPE_FIELDS, 'delivery_info', envelope), ...deliveryInfo },
      priority,
      ...encoding,
      delivery_tag,
    },
  })
}

/** A list item, taken apart. */
export interface ParsedEnvelope {
  readonly wire: Wire
  readonly envelope: Envelope
  readonly deliveryInfo: DeliveryInfo
}

/** Reads a list item. Raises `InvalidMessage`, and nothing else, whatever the bytes. */
export function parseEnvelope(item: Uint8Array, options: ReadOptions = {}): ParsedEnvelope {
  const document = decodeText(item, options)
  if (!isMap(document)) throw new InvalidMessage('envelope: a list item must be a JSON object')
  const { body, headers = {}, properties } = document
  if (typeof body !== 'string') throw new InvalidMessage('envelope: body must be a string')
  if (!isMap(headers)) throw new InvalidMessage('envelope: headers must be an object')
  if (!isMap(properties)) throw new InvalidMessage('envelope: properties must be an object')
  const { delivery_info: deliveryInfo, ...rest } = properties
  if (!isMap(deliveryInfo)) throw new InvalidMessage('envelope: delivery_info must be an object')
  const target: Record<string, Value> = {}
  const messageProperties = readFields(ENVELOPE_FIELDS, 'envelope', rest, target)
  const left = readFields(ENVELOPE_FIELDS, 'delivery_info', deliveryInfo, target)
  const envelope = target as unknown as Envelope
  return {
    envelope,
    deliveryInfo: left,
    wire: {
      contentType: text(document, 'content-type'),
      contentEncoding: text(document, 'content-encoding'),
      headers: headers,
      properties: messageProperties,
      body: bodyBytes(body, envelope.bodyEncoding),
    },
  }
}

function text(document: Record<string, unknown>, key: string): string | undefined {
  const value = document[key]
  if (value === undefined || typeof value === 'string') return value
  throw new InvalidMessage(`envelope: ${key} must be a string`)
}

function bodyBytes(body: string, encoding: string | null | undefined): Uint8Array {
  if (encoding === BASE64) return fromBase64(body)
  if (encoding === undefined || encoding === null || encoding === 'utf-8') return Buffer.from(body)
  throw new InvalidMessage(`envelope: body_encoding ${JSON.stringify(encoding)} is not known`)
}
