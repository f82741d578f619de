/** Checks of what the caller gives: a table of rules, and the one loop over it. */

import { InvalidCall } from './errors.js'
import { DateTime, isMap } from './values.js'

type Check = (value: unknown) => boolean

/** What a value must be, in words, and how to test that. */
export type Rule = readonly [expected: string, check: Check]

const isSeconds: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const isInstant: Check = (value) => value instanceof Date || value instanceof DateTime
const isText: Check = (value) => typeof value === 'string'
/** RabbitMQ holds names and keys in at most 255 bytes, and the driver would cut longer ones silently. */
const isName: Check = (value) => typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 255

/** Rules that more than one option has. */
export const RULES = {
  name: ['a string of 1 to 255 bytes', isName],
  key: ['a string of at most 255 bytes', (value) => value === '' || isName(value)],
  text: ['a string', isText],
  list: ['a list', Array.isArray],
  map: ['a plain object', isMap],
  flag: ['true or false', (value) => typeof value === 'boolean'],
  byte: ['an integer from 0 to 255', (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 255],
  seconds: ['a number of seconds', isSeconds],
  limit: ['a number of seconds above 0', (value) => isSeconds(value) && Number(value) > 0],
  size: ['a number above 0', (value) => isSeconds(value) && Number(value) > 0],
  instant: ['a Date or a DateTime', isInstant],
  end: ['a number of seconds, a Date or a DateTime', (value) => isSeconds(value) || isInstant(value)],
  names: ['a string or a list of strings', (value) => [value].flat().every(isText)],
  signal: ['an AbortSignal', (value) => value instanceof AbortSignal],
} as const satisfies Record<string, Rule>

/** One of some words. */
export function oneOf(words: readonly string[]): Rule {
  return [`one of ${words.join(', ')}`, (value) => words.includes(value as string)]
}

/** A list of some words. */
export function someOf(words: readonly string[]): Rule {
  return [
    `a list of ${words.join(', ')}`,
    (value) => Array.isArray(value) && value.every((item) => words.includes(item as string)),
  ]
}

/** The options that are given. @throws InvalidCall on an unknown option or one of a wrong type. */
export function checkRules<Options extends object>(options: Options, rules: Readonly<Record<string, Rule>>): Options {
  const given: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined) continue
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (!rule) throw new InvalidCall(`unknown option ${name}; the options are ${Object.keys(rules).join(', ')}`)
    const [expected, isRight] = rule
    if (!isRight(value)) throw new InvalidCall(`${name} must be ${expected}`)
    given[name] = value
  }
  return given as Options
}
