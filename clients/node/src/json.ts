/**
 * JSON text as Python reads and writes it.
 *
 * `JSON.parse` rounds integers beyond 2^53, cannot tell `1.0` from `1` and refuses `NaN` (SER-JSON-003 to -005), all of
 * which real workers send; hence a reader of our own. The writer prints what `json.dumps` prints: `", "` and `": "`, all ASCII.
 */

import { InvalidCall, InvalidMessage } from './errors.js'
import { Float, floatText, floatValue, isMap, type Value, type ValueMap } from './values.js'

/** Python refuses longer integers too; converting them takes quadratic time. */
const MAX_INTEGER_DIGITS = 4300

/** How to read a text. */
export interface ReadRules {
  /** Deepest nesting of lists and objects. */
  readonly maxDepth: number
  /** Yield `Float` for floats that a plain number would not keep apart from an integer. */
  readonly lossless: boolean
  /** Called for every object, innermost first; what it returns takes the object's place. */
  readonly revive: (map: ValueMap) => Value
}

/** How to write a value. */
export interface WriteRules {
  /** Deepest nesting of lists and objects. */
  readonly maxDepth: number
  /** The plain object to write for an instance of a class, or `undefined` when the class is not known. */
  readonly tag: (value: object) => Record<string, unknown> | undefined
  /** Checks a plain object before it is written; throws `InvalidCall`. */
  readonly check: (map: Record<string, unknown>) => void
}

/** Reads one JSON text. Raises `InvalidMessage`, and nothing else, whatever the text. */
export function readJson(text: string, rules: ReadRules): Value {
  return new Reader(text, rules).document()
}

/** Writes a value as one line of ASCII. Raises `InvalidCall` naming the place of what cannot be written. */
export function writeJson(value: unknown, rules: WriteRules): string {
  return write(value, rules, [])
}

const SPACE = /[ \t\n\r]*/y
const PLAIN = /[^"\\\u0000-\u001f]*/y
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y
const WORD = /-?[A-Za-z]+/y
const HEX = /^[0-9a-fA-F]{4}$/

const WORDS: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['null', null],
  ['true', true],
  ['false', false],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
])

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])

class Reader {
  readonly #text: string
  readonly #rules: ReadRules
  #at = 0
  #depth = 0

  constructor(text: string, rules: ReadRules) {
    this.#text = text
    this.#rules = rules
  }

  document(): Value {
    this.#match(SPACE)
    const value = this.#value()
    this.#match(SPACE)
    if (this.#at < this.#text.length) throw this.#error('text after the end of the JSON value')
    return value
  }

  #value(): Value {
    const first = this.#text[this.#at]
    if (first === '{') return this.#rules.revive(this.#nested(() => this.#map()))
    if (first === '[') return this.#nested(() => this.#list())
    return first === '"' ? this.#string() : this.#scalar()
  }

  /** The depth is counted, never the stack's to find out: recursion ends at `maxDepth`. */
  #nested<T>(read: () => T): T {
    this.#depth += 1
    if (this.#depth > this.#rules.maxDepth) throw this.#error(`nested deeper than ${this.#rules.maxDepth}`)
    this.#at += 1
    this.#match(SPACE)
    const value = read()
    this.#depth -= 1
    return value
  }

  #list(): Value[] {
    const list: Value[] = []
    if (this.#take(']')) return list
    do {
      this.#match(SPACE)
      list.push(this.#value())
      this.#match(SPACE)
    } while (this.#take(','))
    this.#expect(']')
    return list
  }

  #map(): ValueMap {
    const map: ValueMap = {}
    if (this.#take('}')) return map
    do {
      this.#match(SPACE)
      const key = this.#string()
      this.#match(SPACE)
      this.#expect(':')
      this.#match(SPACE)
      assign(map, key, this.#value())
      this.#match(SPACE)
    } while (this.#take(','))
    this.#expect('}')
    return map
  }

  #string(): string {
    this.#expect('"')
    let text = this.#match(PLAIN)
    while (!this.#take('"')) {
      text += this.#escape()
      text += this.#match(PLAIN)
    }
    return text
  }

  #escape(): string {
    this.#expect('\\')
    const letter = this.#text[this.#at] ?? ''
    const plain = ESCAPES.get(letter)
    if (plain !== undefined) {
      this.#at += 1
      return plain
    }
    const digits = this.#text.slice(this.#at + 1, this.#at + 5)
    if (letter !== 'u' || !HEX.test(digits)) throw this.#error('bad escape in a string')
    this.#at += 5
    return String.fromCharCode(Number.parseInt(digits, 16))
  }

  #scalar(): Value {
    const start = this.#at
    NUMBER.lastIndex = start
    const match = NUMBER.exec(this.#text)
    if (match) {
      this.#at = NUMBER.lastIndex
      return match[1] === undefined && match[2] === undefined
        ? this.#integer(match[0])
        : floatValue(Number(match[0]), this.#rules.lossless)
    }
    const word = WORDS.get(this.#match(WORD))
    if (word === undefined) {
      this.#at = start
      throw this.#error('expected a JSON value')
    }
    return typeof word === 'number' ? floatValue(word, this.#rules.lossless) : word
  }

  #integer(text: string): number | bigint {
    const value = Number(text)
    if (Number.isSafeInteger(value)) return value + 0 // "-0" is the integer 0
    if (text.length > MAX_INTEGER_DIGITS) throw this.#error(`an integer of more than ${MAX_INTEGER_DIGITS} digits`)
    return BigInt(text)
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (!match) return ''
    this.#at = pattern.lastIndex
    return match[0]
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false
    this.#at += 1
    return true
  }

  #expect(char: string): void {
    if (!this.#take(char)) throw this.#error(`expected ${JSON.stringify(char)}`)
  }

  #error(problem: string): InvalidMessage {
    return new InvalidMessage(`not JSON: ${problem} at character ${this.#at}`)
  }
}

/** `map.__proto__ = x` would set the prototype; this makes a property of it like any other. */
export function assign<T>(map: Record<string, T>, key: string, value: T): void {
  if (key === '__proto__') {
    Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true })
  } else {
    map[key] = value
  }
}

/** Where a value stands inside another. */
export type Path = (string | number)[]

/** Anything but printable ASCII without quote and backslash. */
const UNUSUAL = /[^ !#-[\]-~]/

function write(value: unknown, rules: WriteRules, path: Path): string {
  switch (typeof value) {
    case 'string':
      return writeString(value)
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : floatText(value)
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'undefined':
      return 'null'
    case 'object':
      return value === null ? 'null' : writeObject(value, rules, path)
    case 'function':
    case 'symbol':
      throw unwritable(typeof value, path)
  }
}

function writeObject(value: object, rules: WriteRules, path: Path): string {
  if (value instanceof Float) return floatText(value.value)
  if (path.length > rules.maxDepth) throw tooDeep(rules.maxDepth, path)
  if (Array.isArray(value)) return writeList(value, rules, path)
  if (isMap(value) && typeof value['toJSON'] !== 'function') {
    rules.check(value)
    return writeMap(value, rules, path)
  }
  const tag = rules.tag(value)
  if (tag) return writeMap(tag, rules, path)
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return write((value as { toJSON(): unknown }).toJSON(), rules, path)
  }
  throw unwritable(`a ${value.constructor.name}`, path)
}

function writeList(list: readonly unknown[], rules: WriteRules, path: Path): string {
  const items: string[] = []
  for (const [index, item] of list.entries()) items.push(writeMember(item, index, rules, path))
  return `[${items.join(', ')}]`
}

function writeMap(map: Record<string, unknown>, rules: WriteRules, path: Path): string {
  const members: string[] = []
  for (const [key, item] of Object.entries(map)) {
    if (item !== undefined) members.push(`${writeString(key)}: ${writeMember(item, key, rules, path)}`)
  }
  return `{${members.join(', ')}}`
}

/** One path is shared by the whole walk, so that a long list costs no allocation per item. */
function writeMember(item: unknown, step: string | number, rules: WriteRules, path: Path): string {
  path.push(step)
  const text = write(item, rules, path)
  path.pop()
  return text
}

/** `JSON.stringify` escapes quotes, control characters and lone surrogates; the rest of non-ASCII is left to us. */
function writeString(text: string): string {
  if (!UNUSUAL.test(text)) return `"${text}"`
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The error for what no serializer can write. */
export function unwritable(what: string, path: Path): InvalidCall {
  return new InvalidCall(`${what} at ${place(path)} cannot be sent; pass plain data or one of the value classes`)
}

/** The error for a value that is nested too deep. */
export function tooDeep(maxDepth: number, path: Path): InvalidCall {
  return new InvalidCall(
    `nested deeper than ${maxDepth}, or an object that holds itself, at ${place(path.slice(0, 5))}...`,
  )
}

function place(path: Path): string {
  return path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('') || 'the top'
}
