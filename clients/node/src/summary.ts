/** Short text of arguments, for logs and events. */

import { Float, isMap, TextValue } from './values.js'

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
