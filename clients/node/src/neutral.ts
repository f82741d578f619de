/**
 * The neutral form of the conformance suite: messages as plain JSON in wire names, with tags for what JSON cannot hold.
 * For the suite's adapter and our own tests; not part of the published package.
 */

import { camel } from './fields.js'
import {
  DateTime,
  Decimal,
  Float,
  isMap,
  LocalDate,
  LocalTime,
  TextValue,
  Uuid,
  type Value,
  type ValueMap,
} from './values.js'

/** What `JSON.parse` yields. */
export type Json = null | boolean | number | string | Json[] | JsonMap
/** A JSON object. */
export interface JsonMap {
  [key: string]: Json
}

const TEXT_CLASSES = {
  $datetime: DateTime,
  $date: LocalDate,
  $time: LocalTime,
  $decimal: Decimal,
  $uuid: Uuid,
} as const

/** A value without tags -> with tags. */
export function tag(value: unknown): Json {
  if (typeof value === 'bigint') return { $int: String(value) }
  if (value === undefined) return null
  if (typeof value !== 'object' || value === null) return value as Json
  if (Array.isArray(value)) return value.map(tag)
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') }
  if (value instanceof Float) return { $float: String(value) }
  if (value instanceof TextValue) return { [textTag(value)]: value.text }
  const map = mapEntries(value as Record<string, unknown>, (key, item) => [key, tag(item)])
  return tagName(map) === undefined ? map : { $object: map }
}

/** A value with tags -> without tags. */
export function untag(value: Json): Value {
  if (Array.isArray(value)) return value.map(untag)
  if (!isMap(value)) return value
  const name = tagName(value)
  if (name === undefined) return untagMap(value)
  const payload = value[name] as string & JsonMap
  switch (name) {
    case '$bytes':
      return Buffer.from(payload, 'base64')
    case '$int':
      return BigInt(payload)
    case '$float':
      return new Float(Number(payload))
    case '$object':
      return untagMap(payload)
    default:
      return new TEXT_CLASSES[name as keyof typeof TEXT_CLASSES](payload)
  }
}

function textTag(value: TextValue): string {
  return Object.entries(TEXT_CLASSES).find(([, Class]) => value instanceof Class)?.[0] ?? '$text'
}

/** An object with tags in its values -> without tags. */
export function untagMap(map: JsonMap): ValueMap {
  return mapEntries(map, (key, item) => [key, untag(item)])
}

function tagName(map: Record<string, unknown>): string | undefined {
  const keys = Object.keys(map)
  return keys.length === 1 && keys[0]?.startsWith('$') ? keys[0] : undefined
}

function mapEntries<From, To>(
  map: Record<string, From>,
  change: (key: string, item: From) => [string, To],
): Record<string, To> {
  const result: Record<string, To> = {}
  for (const [key, item] of Object.entries(map)) {
    const [name, value] = change(key, item)
    Object.defineProperty(result, name, { value, enumerable: true, configurable: true, writable: true })
  }
  return result
}

/** A message of the library -> neutral form. */
export function toNeutral(message: object): JsonMap {
  const present = Object.entries(message).filter(([, item]) => item !== undefined)
  return mapEntries(Object.fromEntries(present) as Record<string, unknown>, (key, item) => [
    key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    tag(item),
  ])
}

/** Neutral form -> a message of the library. */
export function fromNeutral(neutral: JsonMap): ValueMap {
  return mapEntries(neutral, (key, item) => [camel(key), untag(item)])
}
