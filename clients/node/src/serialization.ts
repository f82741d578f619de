/**
 * Bytes of a body <-> values: the serializers by content type, and JSON with Celery's type tags.
 */

import { CeleriacError, InvalidCall, InvalidMessage } from './errors.js'
import { readJson, writeJson } from './json.js'
import { MAX_BYTES, MAX_DEPTH, type Limits } from './limits.js'
import { readMsgpack, writeMsgpack } from './msgpack.js'
import { fromBase64, utf8 } from './text.js'
import { DateTime, Decimal, isMap, isoText, LocalDate, LocalTime, Uuid, type Value, type ValueMap } from './values.js'
import { readYaml, writeYaml } from './yaml.js'

/** Names of the serializers, as Celery has them. */
export type Serializer = 'json' | 'msgpack' | 'yaml'

/** How to read what is received, and its limits. */
export interface ReadOptions extends Limits {
  /** Serializers to accept besides JSON. Default: none (SER-CT-003, SEC-CT-001). */
  readonly accept?: readonly Serializer[]
  /**
   * Keep what plain JavaScript values lose: `1.0` is read as `Float`, a datetime as `DateTime` (microseconds, its own
   * offset) instead of `Date`, a UUID as `Uuid` instead of text. Default `false`.
   */
  readonly lossless?: boolean
}

/** How to read one body: every option is there. */
interface Reading {
  readonly maxDepth: number
  readonly lossless: boolean
}

/** One serializer: its content type and encoding, and both directions. */
interface Codec {
  readonly contentType: string
  readonly contentEncoding: string
  readonly write: (value: unknown) => Uint8Array
  readonly read: (body: Uint8Array, reading: Reading) => Value
}

/** By name (SER-CT-001, SER-CT-002, SER-CT-005). pickle is not among them and never will be (SER-CT-004). */
const SERIALIZERS: Readonly<Record<Serializer, Codec>> = {
  json: {
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    write: (value) => Buffer.from(encodeText(value)),
    read: readTagged,
  },
  msgpack: {
    contentType: 'application/x-msgpack',
    contentEncoding: 'binary',
    write: (value) => writeMsgpack(value, MAX_DEPTH),
    read: readMsgpack,
  },
  yaml: {
    contentType: 'application/x-yaml',
    contentEncoding: 'utf-8',
    write: (value) => Buffer.from(writeYaml(value, MAX_DEPTH)),
    read: (body, reading) => readYaml(utf8(body), reading),
  },
}

/** The content type of JSON, which is written unless the caller asks for another (SER-CT-006). */
export const CONTENT_TYPE = SERIALIZERS.json.contentType
/** The content encoding that goes with it. */
export const CONTENT_ENCODING = SERIALIZERS.json.contentEncoding

/** Every serializer, for readers that accept them all. */
export const ALL_SERIALIZERS = Object.keys(SERIALIZERS) as readonly Serializer[]

/** The serializer of a content type, by default JSON. Raises `InvalidCall`. */
export function serializerOf(contentType = CONTENT_TYPE): Serializer {
  const name = ALL_SERIALIZERS.find((one) => SERIALIZERS[one].contentType === contentType)
  if (name === undefined)
    throw new InvalidCall(`content type ${contentType} cannot be written, only ${shown(ALL_SERIALIZERS)}`)
  return name
}

/** The content type of a serializer. */
export function contentTypeOf(serializer: Serializer): string {
  return SERIALIZERS[serializer].contentType
}

/** A body and how it is encoded. */
export interface Encoded {
  /** Content type; absent when the message has none. */
  readonly contentType: string | undefined
  /** Content encoding; absent when the message has none. */
  readonly contentEncoding: string | undefined
  /** The raw bytes. */
  readonly body: Uint8Array
}

/** Encodes a value as a body. Raises `InvalidCall` naming what cannot be written. */
export function encode(value: unknown, serializer: Serializer = 'json'): Encoded {
  const { contentType, contentEncoding, write } = SERIALIZERS[serializer]
  return { contentType, contentEncoding, body: write(value) }
}

/** Decodes a body. Content types are compared byte for byte, as workers do. Raises `InvalidMessage`, and nothing else. */
export function decode(encoded: Encoded, options: ReadOptions = {}): Value {
  const { contentType, contentEncoding: encoding, body } = encoded
  const accepted = ALL_SERIALIZERS.filter((name) => name === 'json' || options.accept?.includes(name))
  const codec = accepted.map((name) => SERIALIZERS[name]).find((one) => one.contentType === contentType)
  if (!codec)
    throw new InvalidMessage(`content type ${JSON.stringify(contentType)} is not accepted, only ${shown(accepted)}`)
  // "utf8" is an old spelling of producers other than Celery.
  if (encoding !== undefined && encoding.toLowerCase().replace(/^utf8$/, 'utf-8') !== codec.contentEncoding)
    throw new InvalidMessage(
      `content encoding ${JSON.stringify(encoding)} is not accepted, only ${codec.contentEncoding}`,
    )
  return limited(body, codec.read, options)
}

/** Encodes a value as JSON text with Celery's type tags. */
export function encodeText(value: unknown): string {
  return writeJson(value, { maxDepth: MAX_DEPTH, tag: toTag, check: refuseTagShape })
}

/** Decodes UTF-8 JSON text with Celery's type tags. Raises `InvalidMessage`, and nothing else. */
export function decodeText(body: Uint8Array, options: ReadOptions = {}): Value {
  return limited(body, readTagged, options)
}

function limited(body: Uint8Array, read: Codec['read'], options: ReadOptions): Value {
  const { maxBytes = MAX_BYTES, maxDepth = MAX_DEPTH, lossless = false } = options
  if (body.byteLength > maxBytes)
    throw new InvalidMessage(`a body of ${body.byteLength} bytes is over the limit of ${maxBytes}`)
  return read(body, { maxDepth, lossless })
}

function readTagged(body: Uint8Array, { maxDepth, lossless }: Reading): Value {
  return readJson(utf8(body), { maxDepth, lossless, revive: (map) => fromTag(map, lossless) })
}

function shown(names: readonly Serializer[]): string {
  return names.map((name) => SERIALIZERS[name].contentType).join(', ')
}

// ---- type tags ---------------------------------------------------------------------------------------------------

const TYPE = '__type__'
const VALUE = '__value__'

type TagReader = (payload: string, lossless: boolean) => Value

/** Wire name of a type -> how its payload is read. An unknown name makes the message invalid. */
const TAGS: ReadonlyMap<string, TagReader> = new Map<string, TagReader>([
  ['datetime', (text, lossless) => (lossless ? new DateTime(text) : new DateTime(text).toDate())],
  ['date', (text) => new LocalDate(text)],
  ['time', (text) => new LocalTime(text)],
  ['decimal', (text) => new Decimal(text)],
  ['uuid', (hex, lossless) => (lossless ? new Uuid(dashed(hex)) : new Uuid(dashed(hex)).text)],
  ['bytes', fromUtf8],
  ['base64', (text) => fromBase64(text)],
])

/** An object of exactly the two tag keys is a tag, at any depth; any further key makes it plain data (SER-TYPE-008, SER-TYPE-011). */
function isTagShape(map: Record<string, unknown>): boolean {
  return Object.hasOwn(map, TYPE) && Object.hasOwn(map, VALUE) && Object.keys(map).length === 2
}

function fromTag(map: ValueMap, lossless: boolean): Value {
  if (!isTagShape(map)) return map
  const { [TYPE]: name, [VALUE]: content } = map
  const read = typeof name === 'string' ? TAGS.get(name) : undefined
  if (typeof name !== 'string' || !read) throw new InvalidMessage(`unknown ${TYPE} ${encodeText(name)}`)
  const payload = name === 'uuid' && isMap(content) ? content['hex'] : content
  if (typeof payload !== 'string' || (name === 'uuid') !== isMap(content))
    throw new InvalidMessage(`the ${VALUE} of a ${name} is not right`)
  try {
    return read(payload, lossless)
  } catch (error) {
    // The value classes blame the caller; here it is the peer who wrote the text.
    if (error instanceof CeleriacError) throw new InvalidMessage(`bad ${name}: ${error.message}`)
    throw error
  }
}

function toTag(value: object): Record<string, unknown> | undefined {
  if (value instanceof Date) return { [TYPE]: 'datetime', [VALUE]: isoText(value) }
  if (value instanceof DateTime) return { [TYPE]: 'datetime', [VALUE]: value.text }
  if (value instanceof LocalDate) return { [TYPE]: 'date', [VALUE]: value.text }
  if (value instanceof LocalTime) return { [TYPE]: 'time', [VALUE]: value.text }
  if (value instanceof Decimal) return { [TYPE]: 'decimal', [VALUE]: value.text }
  if (value instanceof Uuid) return { [TYPE]: 'uuid', [VALUE]: { hex: value.text.replaceAll('-', '') } }
  if (value instanceof Uint8Array) return bytesTag(value)
  return undefined
}

function refuseTagShape(map: Record<string, unknown>): void {
  if (isTagShape(map)) {
    throw new InvalidCall(
      `an object with exactly the keys ${TYPE} and ${VALUE} would be read as a type tag; add a key or rename one`,
    )
  }
}

function bytesTag(bytes: Uint8Array): Record<string, string> {
  try {
    return { [TYPE]: 'bytes', [VALUE]: utf8(bytes) }
  } catch {
    return { [TYPE]: 'base64', [VALUE]: Buffer.from(bytes).toString('base64') }
  }
}

function fromUtf8(text: string): Uint8Array {
  if (!text.isWellFormed()) throw new InvalidMessage('a lone surrogate in bytes')
  return Buffer.from(text)
}

function dashed(hex: string): string {
  return hex.replaceAll('-', '').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
