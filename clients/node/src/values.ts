/**
 * Values that Python has and JavaScript lacks, and the types of what can cross the wire.
 *
 * Each class holds one immutable piece of text or one number and prints as it; none does arithmetic.
 */

import { InvalidCall } from './errors.js'

/** Text of a float as Python prints it: always with a `.` or an exponent, so a reader sees a float (`1.0`, `1e+16`). */
export function floatText(value: number): string {
  if (Object.is(value, -0)) return '-0.0'
  const size = Math.abs(value)
  if (size === 0 || (size >= 1e-4 && size < 1e16)) {
    const text = String(value)
    return text.includes('.') ? text : `${text}.0`
  }
  // Python writes at least two digits of an exponent.
  return Number.isFinite(value) ? value.toExponential().replace(/([+-])(\d)$/, '$10$2') : String(value)
}

/**
 * A number that is a float in Python even when it is integral: `new Float(1)` is `1.0` there, a plain `1` is an int.
 * Lossless reading yields it for every float that a plain number would not keep apart from an int.
 */
export class Float {
  constructor(readonly value: number) {}

  /** So that arithmetic and comparison see the number. */
  valueOf(): number {
    return this.value
  }

  toString(): string {
    return floatText(this.value)
  }

  toJSON(): number {
    return this.value
  }
}

/** What a float from the wire becomes: lossless, a `Float` where a plain number could be taken for an int. */
export function floatValue(value: number, lossless: boolean): number | Float {
  return lossless && (Number.isInteger(value) || !Number.isFinite(value)) ? new Float(value) : value
}

/** What an int from the wire becomes: a number as long as that is exact. */
export function integerValue(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** Base of the values that are kept as text. */
export abstract class TextValue {
  /** The text that goes on the wire. */
  readonly text: string

  constructor(text: string, pattern: RegExp, example: string) {
    if (!pattern.test(text)) {
      throw new InvalidCall(`${new.target.name}: expected text such as ${example}, got ${JSON.stringify(text)}`)
    }
    this.text = text
  }

  toString(): string {
    return this.text
  }

  toJSON(): string {
    return this.text
  }
}

const DATE = String.raw`\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])`
const CLOCK = String.raw`(?:[01]\d|2[0-3])(?::?[0-5]\d(?::?[0-5]\d(?:[.,]\d{1,9})?)?)?`
const ZONE = String.raw`(?:[Zz]|[+-]\d{2}(?::?\d{2}(?::?\d{2}(?:\.\d{1,6})?)?)?)?`

/** What readers of headers accept: also a date alone, and up to nine digits of a second. */
const INSTANT = new RegExp(`^(${DATE})(?:[T ](${CLOCK})(${ZONE}))?$`)
/** What Python's datetime holds. */
const DATE_TIME = new RegExp(`^${DATE}[T ]${CLOCK.replace('{1,9}', '{1,6}')}${ZONE}$`)

/**
 * A Python `datetime` with all of its six fraction digits and its own offset, as ISO 8601 text.
 * A `Date` holds milliseconds in UTC; use this where that is not enough.
 */
export class DateTime extends TextValue {
  constructor(text: string) {
    super(text, DATE_TIME, '2026-01-02T03:04:05.000006+05:30')
  }

  /** The instant, to the millisecond. Text without an offset is UTC, as it is to Celery. */
  toDate(): Date {
    return new Date(instantOf(this.text) ?? Number.NaN)
  }

  /** Whether the text says its offset from UTC. */
  get isAware(): boolean {
    return /(?:[Zz]|[+-][\d:.]+)$/.test(this.text.slice('2026-01-02'.length))
  }
}

/** A Python `date`, such as `2026-01-02`. */
export class LocalDate extends TextValue {
  constructor(text: string) {
    super(text, new RegExp(`^${DATE}$`), '2026-01-02')
  }
}

/** A Python `time`, such as `03:04:05` or `03:04:05.000006+05:30`. */
export class LocalTime extends TextValue {
  constructor(text: string) {
    super(text, new RegExp(`^${CLOCK}${ZONE}$`), '03:04:05')
  }
}

/** A Python `Decimal`, digits kept as written: `1.10`, `1E+3`, `NaN`. */
export class Decimal extends TextValue {
  constructor(text: string) {
    super(text, /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|Inf(?:inity)?|s?NaN\d*)$/i, '1.10')
  }
}

/** A Python `UUID`. Where a task takes the id as text, send plain text. */
export class Uuid extends TextValue {
  constructor(text: string) {
    super(text.toLowerCase(), /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, '01234567-89ab-cdef-0123-456789abcdef')
  }
}

/** A value read from the wire. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Float
  | Date
  | DateTime
  | LocalDate
  | LocalTime
  | Decimal
  | Uuid
  | Uint8Array
  | Value[]
  | { [key: string]: Value }

/** An object read from the wire. */
export type ValueMap = Record<string, Value>

/** Whether a value is a plain object: a JSON object, not a list and not one of the value classes. */
export function isMap(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Milliseconds since 1970 of ISO text (no offset: UTC), or `undefined` when it is no date-time. */
export function instantOf(text: string): number | undefined {
  const match = INSTANT.exec(text)
  if (!match) return undefined
  const [, date = '', clock = '00', zone = ''] = match
  if (new Date(`${date}T00:00Z`).getUTCDate() !== Number(date.slice(-2))) return undefined // 30 February
  const instant = Date.parse(`${date}T${normalClock(clock)}${normalZone(zone)}`)
  return Number.isNaN(instant) ? undefined : instant
}

function normalClock(clock: string): string {
  const [whole = '', fraction = ''] = clock.split(/[.,]/)
  const digits = whole.replaceAll(':', '').padEnd(6, '0')
  return `${digits.slice(0, 2)}:${digits.slice(2, 4)}:${digits.slice(4, 6)}.${fraction.padEnd(3, '0').slice(0, 3)}`
}

function normalZone(zone: string): string {
  if (zone === '' || zone.toUpperCase() === 'Z') return 'Z'
  const digits = zone.slice(1).replaceAll(':', '').padEnd(4, '0')
  return `${zone.slice(0, 1)}${digits.slice(0, 2)}:${digits.slice(2, 4)}`
}

/** ISO text of an instant as Celery writes it: `+00:00`, six fraction digits or none (4.4 reads `.5` as 5 µs). */
export function isoText(instant: Date): string {
  if (Number.isNaN(instant.getTime())) throw new InvalidCall('Invalid Date: expected a Date that holds an instant')
  const text = instant.toISOString()
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{3})Z$/.exec(text)
  if (!match) throw new InvalidCall(`${text}: Python's datetime holds the years 1 to 9999`)
  const [, whole = '', milliseconds = ''] = match
  return `${whole}${milliseconds === '000' ? '' : `.${milliseconds}000`}+00:00`
}
