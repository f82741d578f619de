/** Values of the caller as plain data, for serializers that have types of their own where JSON has tags. */

import { assign, tooDeep, unwritable, type Path } from './json.js'
import { isMap, TextValue } from './values.js'

/** What to make of a value. */
export interface TreeRules {
  /** Deepest nesting of lists and objects. */
  readonly maxDepth: number
  /** Whether the serializer can write an instance of a class as it is. */
  readonly isLeaf: (value: object) => boolean
}

/**
 * A copy with lists and plain objects only, besides scalars and leaves: `toJSON()` applied, `undefined` left out of objects
 * and `null` in lists. Raises `InvalidCall` naming the place of what cannot be written.
 */
export function plainTree(value: unknown, rules: TreeRules, path: Path = []): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') throw unwritable(typeof value, path)
  if (typeof value !== 'object') return value ?? null
  if (value === null || rules.isLeaf(value)) return value
  if (path.length > rules.maxDepth) throw tooDeep(rules.maxDepth, path)
  if (Array.isArray(value)) return value.map((item, index) => plainTree(item, rules, [...path, index]))
  if (!isMap(value) || typeof value['toJSON'] === 'function') return plainTree(fromJson(value, path), rules, path)
  return plainMap(value, rules, path)
}

function plainMap(source: Record<string, unknown>, rules: TreeRules, path: Path): Record<string, unknown> {
  const map: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(source)) {
    if (item !== undefined) assign(map, key, plainTree(item, rules, [...path, key]))
  }
  return map
}

/** The value classes of this library have `toJSON` too, for printing: what is no leaf of theirs cannot be written. */
function fromJson(value: object, path: Path): unknown {
  if (value instanceof Date || value instanceof TextValue || !('toJSON' in value) || typeof value.toJSON !== 'function')
    throw unwritable(`a ${value.constructor.name}`, path)
  return (value as { toJSON(): unknown }).toJSON()
}
