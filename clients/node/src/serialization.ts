/**
 * Bytes of a body <-> values: JSON with Celery's type tags, compression, and the limits on what is received.
 */

import { deflateSync, inflateSync } from 'node:zlib'

import { CeleriacError, InvalidCall, InvalidMessage } from './errors.js'
import { readJson, writeJson } from './json.js'
import {
  DateTime,
  Decimal,
  Float,
  isMap,
  isoText,
  LocalDate,
  LocalTime,
  TextValue,
  Uuid,
  type Value,
  type ValueMap,
} from './values.js'

/** The one content type that is written and accepted, compared byte for byte as workers do (SER-CT-001, SER-CT-003). */
export const CONTENT_TYPE = 'application/json'
/** The content encoding that goes with it. */
export const CONTENT_ENCODING = 'utf-8'

const MEGABYTE = 1024 * 1024

/** Limits on what is received, and how to read it. */
export interface ReadOptions {
  /** Largest body in bytes, decompressed. Default 128 MiB (SER-JSON-010). */
  readonly maxBytes?: number
  /** Deepest nesting. Default 500 (SER-JSON-009). */
  readonly maxDepth?: number
  /**
   * Keep what plain JavaScript values lose: `1.0` is read as `Float`, a datetime as `DateTime` (microseconds, its own
   * offset) instead of `Date`, a UUID as `Uuid` instead of text. Default `false`.
   */
  readonly lossless?: boolean
}

const DEFAULTS = { maxBytes: 128 * MEGABYTE, maxDepth: 500, lossless: false } as const

/** A body and how it is encoded. */
export interface Encoded {
  /** Content type; absent when the message has none. */
  readonly contentType: string | undefined
  /** Content encoding; absent when the message has none. */
  readonly contentEncoding: string | undefined
  /** The raw bytes. */
  readonly body: Uint8Array
}

/** Encodes a value as a JSON body. Raises `InvalidCall` naming what cannot be written. */
export function encode(value: unknown): Encoded {
  return { contentType: CONTENT_TYPE, contentEncoding: CONTENT_ENCODING, body: Buffer.from(encodeText(value)) }
}

/** Encodes a value as JSON text with Celery's type tags. */
export function encodeText(value: unknown): string {
  return writeJson(value, { maxDepth: DEFAULTS.maxDepth, tag: toTag, check: refuseTagShape })
}

/** Decodes a body. Raises `InvalidMessage`, and nothing else. */
export function decode(encoded: Encoded, options: ReadOptions = {}): Value {
  if (encoded.contentType !== CONTENT_TYPE) {
    throw new InvalidMessage(
      `content type ${JSON.stringify(encoded.contentType)} is not accepted, only ${CONTENT_TYPE}`,
    )
  }
  const encoding = encoded.contentEncoding
  if (encoding !== undefined && !/^utf-?8$/i.test(encoding)) {
    throw new InvalidMessage(`content encoding ${JSON.stringify(encoding)} is not accepted, only ${CONTENT_ENCODING}`)
  }
  return decodeText(encoded.body, options)
}

/** Decodes UTF-8 JSON text with Celery's type tags. Raises `InvalidMessage`, and nothing else. */
export function decodeText(body: Uint8Array, options: ReadOptions = {}): Value {
  const { maxBytes, maxDepth, lossless } = { ...DEFAULTS, ...options }
  if (body.byteLength > maxBytes)
    throw new InvalidMessage(`a body of ${body.byteLength} bytes is over the limit of ${maxBytes}`)
  return readJson(utf8(body), { maxDepth, lossless, revive: (map) => fromTag(map, lossless) })
}

/** Strict: invalid bytes and a byte order mark are refused, as workers refuse them. */
export function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new InvalidMessage('not valid UTF-8', { cause })
  }
}

// ---- compression -------------------------------------------------------------------------------------------------

/** What the header says is `gzip` is a zlib stream; real gzip data is refused by workers (SER-COMP-002). */
const ZLIB_NAMES: readonly string[] = ['application/x-gzip', 'gzip', 'zlib']

/** Compresses a body by the name in the `compression` header. */
export function compress(name: string, body: Uint8Array): Uint8Array {
  if (!ZLIB_NAMES.includes(name))
    throw new InvalidCall(`compression ${JSON.stringify(name)} is not supported, only application/x-gzip`)
  return deflateSync(body)
}

/** Reverses `compress`, within the size limit. */
export function decompress(name: string, body: Uint8Array, options: ReadOptions = {}): Uint8Array {
  if (!ZLIB_NAMES.includes(name)) throw new InvalidMessage(`compression ${JSON.stringify(name)} is not supported`)
  const maxOutputLength = options.maxBytes ?? DEFAULTS.maxBytes
  try {
    return inflateSync(body, { maxOutputLength })
  } catch (cause) {
    throw new InvalidMessage(`the body is no ${name} data within ${maxOutputLength} bytes`, { cause })
  }
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

/** Strict base64; line breaks are allowed. */
export function fromBase64(text: string): Uint8Array {
  const dense = text.replaceAll(/\s/g, '')
  if (dense.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(dense)) throw new InvalidMessage('not base64')
  return Buffer.from(dense, 'base64')
}

function dashed(hex: string): string {
  return hex.replaceAll('-', '').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

// ---- text for logs -----------------------------------------------------------------------------------------------

const SUMMARY_LENGTH = 1024
const SUMMARY_DEPTH = 3
const ELLIPSIS = '...'

/**
 * Short JSON-like text of arguments for logs and events (`argsrepr`, `kwargsrepr`): at most 1024 characters, three
 * levels (TM-HDR-019). It never reads more of the arguments than it prints.
 */
export function summary(value: unknown): string {
  const text = summarize(value, SUMMARY_DEPTH, SUMMARY_LENGTH)
  return text.length <= SUMMARY_LENGTH
    ? text
    : text.slice(0, SUMMARY_LENGTH - ELLIPSIS.length).toWellFormed() + ELLIPSIS
}

function summarize(value: unknown, depth: number, room: number): string {
  if (typeof value === 'string') return JSON.stringify(value.length > room ? value.slice(0, room) + ELLIPSIS : value)
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  if (typeof value !== 'object' || value === null) return 'null'
  if (Array.isArray(value)) return `[${depth === 0 ? ELLIPSIS : summarizeItems(value.entries(), '', depth, room)}]`
  if (isMap(value)) return `{${depth === 0 ? ELLIPSIS : summarizeItems(Object.entries(value), ': ', depth, room)}}`
  return summarizeInstance(value)
}

function summarizeItems(
  items: Iterable<[string | number, unknown]>,
  colon: string,
  depth: number,
  room: number,
): string {
  const parts: string[] = []
  for (const [key, item] of items) {
    if (room <= 0) {
      parts.push(ELLIPSIS)
      break
    }
    const part = (colon && JSON.stringify(key) + colon) + summarize(item, depth - 1, room)
    room -= part.length + 2
    parts.push(part)
  }
  return parts.join(', ')
}

function summarizeInstance(value: object): string {
  if (value instanceof Uint8Array) return `<${value.byteLength} bytes>`
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  return value instanceof TextValue || value instanceof Float ? value.toString() : value.constructor.name
}
