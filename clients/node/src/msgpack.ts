/**
 * MessagePack as msgpack-python reads and writes it.
 *
 * A reader and writer of our own, because those on npm read `float64 1.0` and `int 1` as the same number (SER-MP-002).
 */

import { InvalidCall, InvalidMessage } from './errors.js'
import { assign } from './json.js'
import { utf8 } from './text.js'
import { plainTree } from './tree.js'
import { Float, floatValue, integerValue, type Value, type ValueMap } from './values.js'

/** How to read a body. */
export interface MsgpackRules {
  /** Deepest nesting of arrays and maps. */
  readonly maxDepth: number
  /** Yield `Float` for floats that a plain number would not keep apart from an integer. */
  readonly lossless: boolean
}

/** Reads one MessagePack value. Raises `InvalidMessage`, and nothing else, whatever the bytes. */
export function readMsgpack(body: Uint8Array, rules: MsgpackRules): Value {
  return new Reader(body, rules).document()
}

type Read = (reader: Reader) => Value

const NIL = 0xc0
const FALSE = 0xc2
const TRUE = 0xc3
const FLOAT_64 = 0xcb
const UINTS = [0xcc, 0xcd, 0xce, 0xcf] as const
const INTS = [0xd0, 0xd1, 0xd2, 0xd3] as const

/** First bytes that stand for one type each. Extension types are not among them: nobody else reads them (SER-MP-003). */
const TYPES: ReadonlyMap<number, Read> = new Map<number, Read>([
  [NIL, () => null],
  [FALSE, () => false],
  [TRUE, () => true],
  [0xc4, (reader) => reader.bytes(reader.uint(1))],
  [0xc5, (reader) => reader.bytes(reader.uint(2))],
  [0xc6, (reader) => reader.bytes(reader.uint(4))],
  [0xca, (reader) => reader.float(4)],
  [FLOAT_64, (reader) => reader.float(8)],
  ...UINTS.map((type, power): [number, Read] => [type, (reader) => reader.integer(2 ** power, false)]),
  ...INTS.map((type, power): [number, Read] => [type, (reader) => reader.integer(2 ** power, true)]),
  [0xd9, (reader) => reader.text(reader.uint(1))],
  [0xda, (reader) => reader.text(reader.uint(2))],
  [0xdb, (reader) => reader.text(reader.uint(4))],
  [0xdc, (reader) => reader.list(reader.uint(2))],
  [0xdd, (reader) => reader.list(reader.uint(4))],
  [0xde, (reader) => reader.map(reader.uint(2))],
  [0xdf, (reader) => reader.map(reader.uint(4))],
])

class Reader {
  readonly #body: Uint8Array
  readonly #view: DataView
  readonly #rules: MsgpackRules
  #at = 0
  #depth = 0

  constructor(body: Uint8Array, rules: MsgpackRules) {
    this.#body = body
    this.#view = new DataView(body.buffer, body.byteOffset, body.byteLength)
    this.#rules = rules
  }

  document(): Value {
    const value = this.value()
    if (this.#at < this.#body.length) throw this.#error('bytes after the end of the value')
    return value
  }

  value(): Value {
    const type = this.uint(1)
    if (type < 0x80) return type
    if (type < 0x90) return this.map(type & 0x0f)
    if (type < 0xa0) return this.list(type & 0x0f)
    if (type < 0xc0) return this.text(type & 0x1f)
    if (type >= 0xe0) return type - 0x100
    const read = TYPES.get(type)
    if (!read) throw this.#error(`type 0x${type.toString(16)} is not accepted`)
    return read(this)
  }

  uint(size: 1 | 2 | 4): number {
    const at = this.#take(size)
    return size === 1 ? this.#view.getUint8(at) : size === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at)
  }

  integer(size: number, signed: boolean): number | bigint {
    let value = 0n
    for (const byte of this.bytes(size)) value = (value << 8n) | BigInt(byte)
    return integerValue(signed ? BigInt.asIntN(size * 8, value) : value)
  }

  float(size: 4 | 8): number | Float {
    const at = this.#take(size)
    return floatValue(size === 4 ? this.#view.getFloat32(at) : this.#view.getFloat64(at), this.#rules.lossless)
  }

  bytes(length: number): Uint8Array {
    const at = this.#take(length)
    return Buffer.from(this.#body.subarray(at, at + length))
  }

  text(length: number): string {
    return utf8(this.bytes(length))
  }

  /** A length is what the sender says: nothing is allocated by it. */
  list(length: number): Value[] {
    return this.#nested(() => {
      const list: Value[] = []
      while (list.length < length) list.push(this.value())
      return list
    })
  }

  map(length: number): ValueMap {
    return this.#nested(() => {
      const map: ValueMap = {}
      for (let left = length; left > 0; left -= 1) {
        const key = this.value()
        if (typeof key !== 'string') throw this.#error('a key must be text')
        assign(map, key, this.value())
      }
      return map
    })
  }

  #nested<T>(read: () => T): T {
    this.#depth += 1
    if (this.#depth > this.#rules.maxDepth) throw this.#error(`nested deeper than ${this.#rules.maxDepth}`)
    const value = read()
    this.#depth -= 1
    return value
  }

  #take(length: number): number {
    const at = this.#at
    if (length > this.#body.length - at) throw this.#error('the end of the body comes too early')
    this.#at += length
    return at
  }

  #error(problem: string): InvalidMessage {
    return new InvalidMessage(`not MessagePack: ${problem} at byte ${this.#at}`)
  }
}

/** Writes a value. Raises `InvalidCall` naming the place of what MessagePack has no type for (SER-MP-003). */
export function writeMsgpack(value: unknown, maxDepth: number): Uint8Array {
  const isLeaf = (item: object): boolean => item instanceof Float || item instanceof Uint8Array
  const chunks: Uint8Array[] = []
  write(plainTree(value, { maxDepth, isLeaf }), chunks)
  return Buffer.concat(chunks)
}

function write(value: unknown, chunks: Uint8Array[]): void {
  if (value === null) chunks.push(Buffer.of(NIL))
  else if (typeof value === 'boolean') chunks.push(Buffer.of(value ? TRUE : FALSE))
  else if (typeof value === 'bigint') chunks.push(integer(value))
  else if (typeof value === 'number' || value instanceof Float) chunks.push(number(value))
  else if (typeof value === 'string') {
    const bytes = Buffer.from(value)
    chunks.push(header(bytes.length, { fix: [0xa0, 31], sizes: [0xd9, 0xda, 0xdb] }), bytes)
  } else if (value instanceof Uint8Array) chunks.push(header(value.length, { sizes: [0xc4, 0xc5, 0xc6] }), value)
  else if (Array.isArray(value)) {
    chunks.push(header(value.length, { fix: [0x90, 15], sizes: [undefined, 0xdc, 0xdd] }))
    for (const item of value) write(item, chunks)
  } else {
    const entries = Object.entries(value as object)
    chunks.push(header(entries.length, { fix: [0x80, 15], sizes: [undefined, 0xde, 0xdf] }))
    for (const item of entries.flat()) write(item, chunks)
  }
}

/** First bytes of a family: one that holds short lengths itself, and one before lengths of 1, 2 and 4 bytes each. */
interface Family {
  readonly fix?: readonly [type: number, most: number]
  readonly sizes: readonly [number | undefined, number, number]
}

function header(length: number, { fix, sizes }: Family): Buffer {
  if (fix && length <= fix[1]) return Buffer.of(fix[0] | length)
  if (sizes[0] !== undefined && length < 2 ** 8) return Buffer.of(sizes[0], length)
  return length < 2 ** 16 ? sized(sizes[1], 2, BigInt(length)) : sized(sizes[2], 4, BigInt(length))
}

/** As in JSON: a number that is not exactly an integer is a float. */
function number(value: number | Float): Buffer {
  if (typeof value === 'number' && Number.isSafeInteger(value) && !Object.is(value, -0)) return integer(BigInt(value))
  const bytes = Buffer.alloc(9, FLOAT_64)
  bytes.writeDoubleBE(Number(value), 1)
  return bytes
}

/** The shortest form, as msgpack-python writes it. */
function integer(value: bigint): Buffer {
  if (value >= -32n && value < 128n) return Buffer.of(Number(BigInt.asUintN(8, value)))
  const isNegative = value < 0n
  const power = [0, 1, 2, 3].find((size) => {
    const bits = 8 * 2 ** size
    return (isNegative ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)) === value
  })
  if (power === undefined) throw new InvalidCall(`the integer ${value} is beyond the 64 bits of MessagePack; send text`)
  const types = isNegative ? INTS : UINTS
  return sized(types[power as 0 | 1 | 2 | 3], 2 ** power, value)
}

function sized(type: number, size: number, value: bigint): Buffer {
  const digits = BigInt.asUintN(size * 8, value).toString(16)
  return Buffer.from(type.toString(16) + digits.padStart(size * 2, '0'), 'hex')
}
