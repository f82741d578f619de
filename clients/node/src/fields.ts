/**
 * Tables of wire fields, and the two loops that read and write by them.
 *
 * A row names a field as the wire does (`root_id`); the TypeScript property is the same name in camel case (`rootId`).
 */

import { InvalidCall, InvalidMessage } from './errors.js'
import { assign } from './json.js'
import { Float, instantOf, isMap, type Value, type ValueMap } from './values.js'

/** Types of a field, named as in the specification's field list. */
export type FieldType =
  'any' | 'array' | 'boolean' | 'date-time' | 'integer' | 'null' | 'number' | 'object' | 'string' | 'time-limit'

/** One wire field. A row without `omitted` is a field whose absence makes the message invalid. */
export interface Field<Name extends string = string> {
  /** Name on the wire. */
  readonly name: Name
  /** Where it stands: `headers`, `properties`, `body`, `embed`, ... */
  readonly place: string
  /** Types it may have. */
  readonly types: readonly FieldType[]
  /** What a reader takes an absent field to be. */
  readonly omitted?: unknown
  /** An empty string breaks the protocol. */
  readonly filled?: true
  /** Text for logs: a reader takes whatever is there. */
  readonly lenient?: true
}

/** `rootId` -> `root_id`, for types: lets the compiler hold a table against the properties it fills. */
export type Snake<Key extends string> = Key extends `${infer Head}${infer Tail}`
  ? `${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}${Snake<Tail>}`
  : Key

/** `root_id` -> `rootId`. */
export function camel(name: string): string {
  return name.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase())
}

/** Fields that a table does not name, kept as they came and written back. */
export type Extra = Readonly<Record<string, ValueMap>>

/** A row, and the property that it fills. */
type Slot = readonly [row: Field, property: string]

const SLOTS = new WeakMap<readonly Field[], Map<string, readonly Slot[]>>()

/** The rows of one place. Worked out once for each table: every message that is read or written asks for them. */
function slotsOf(fields: readonly Field[], place: string): readonly Slot[] {
  let places = SLOTS.get(fields)
  if (!places) SLOTS.set(fields, (places = new Map<string, readonly Slot[]>()))
  let slots = places.get(place)
  if (!slots) {
    slots = fields.filter((row) => row.place === place).map((row) => [row, camel(row.name)] as const)
    places.set(place, slots)
  }
  return slots
}

/** Reads the fields of one place into `target`; returns what the table does not name. Raises `InvalidMessage`. */
export function readFields(
  fields: readonly Field[],
  place: string,
  source: ValueMap,
  target: Record<string, Value>,
): ValueMap {
  const rest: ValueMap = {}
  const slots = new Map(slotsOf(fields, place).map((slot) => [slot[0].name, slot]))
  for (const [name, value] of Object.entries(source)) {
    const slot = slots.get(name)
    if (!slot) {
      assign(rest, name, value)
      continue
    }
    const [row, property] = slot
    if (!row.lenient && !hasType(row, value)) throw new InvalidMessage(mismatch(row, value))
    target[property] = value
  }
  for (const [row] of slots.values()) {
    if (!('omitted' in row) && !Object.hasOwn(source, row.name))
      throw new InvalidMessage(`${place}: ${row.name} is missing`)
  }
  return rest
}

/** Writes the fields of one place, in the table's order, then `extra`. Raises `InvalidCall`. */
export function writeFields(fields: readonly Field[], place: string, source: object, extra?: ValueMap): ValueMap {
  const result: ValueMap = {}
  for (const [row, property] of slotsOf(fields, place)) {
    const value = (source as Record<string, Value | undefined>)[property]
    if (value === undefined) {
      if (!('omitted' in row)) throw new InvalidCall(`${place}: ${row.name} is missing`)
      continue
    }
    if (!row.lenient && !hasType(row, value)) throw new InvalidCall(mismatch(row, value))
    result[row.name] = value
  }
  if (extra) for (const [name, value] of Object.entries(extra)) assign(result, name, value)
  return result
}

/** Reads the fields of several places, flat, with `extra` for what the table does not name. Raises `InvalidMessage`. */
export function readPlaces(fields: readonly Field[], places: Readonly<Record<string, ValueMap>>): object {
  const target: Record<string, Value> = {}
  const rests = Object.entries(places).map(
    ([place, source]) => [place, readFields(fields, place, source, target)] as const,
  )
  const filled = rests.filter(([, rest]) => Object.keys(rest).length > 0)
  return { ...target, ...(filled.length > 0 && { extra: Object.fromEntries(filled) satisfies Extra }) }
}

/** Writes the fields of several places and what `extra` holds for them: the reverse of `readPlaces`. Raises `InvalidCall`. */
export function writePlaces<Place extends string>(
  fields: readonly Field[],
  places: readonly Place[],
  source: { readonly extra?: Extra },
): Record<Place, ValueMap> {
  const parts: Partial<Record<Place, ValueMap>> = {}
  for (const place of places) parts[place] = writeFields(fields, place, source, source.extra?.[place])
  return parts as Record<Place, ValueMap>
}

const CHECKS: Readonly<Record<FieldType, (value: Value) => boolean>> = {
  any: () => true,
  array: (value) => Array.isArray(value),
  boolean: (value) => typeof value === 'boolean',
  'date-time': (value) => typeof value === 'string' && instantOf(value) !== undefined,
  integer: (value) => Number.isInteger(value) || typeof value === 'bigint',
  null: (value) => value === null,
  number: (value) => typeof value === 'bigint' || isFinite(value),
  object: isMap,
  string: (value) => typeof value === 'string',
  'time-limit': (value) =>
    Array.isArray(value) && value.length === 2 && value.every((limit) => limit === null || isFinite(limit)),
}

function isFinite(value: Value): boolean {
  return Number.isFinite(value instanceof Float ? value.value : value)
}

function hasType(row: Field, value: Value): boolean {
  if (row.filled && value === '') return false
  for (const type of row.types) if (CHECKS[type](value)) return true
  return false
}

function mismatch(row: Field, value: Value): string {
  const kind = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
  const detail = typeof value === 'string' ? ` ${JSON.stringify(value.slice(0, 40))}` : ''
  return `${row.place}: ${row.name} must be ${row.filled ? 'filled ' : ''}${row.types.join(' or ')}, not ${kind}${detail}`
}
