/**
 * YAML as PyYAML's `safe_load` and `safe_dump` read and write it: YAML 1.1 scalars, timestamps, `!!binary`, and no other tag.
 *
 * The parser is the npm package `yaml`, an optional peer dependency that is loaded when YAML is first used.
 */

import { createRequire } from 'node:module'

import type * as Yaml from 'yaml'
import type { ScalarTag, Tags } from 'yaml'

import { InvalidCall, InvalidMessage } from './errors.js'
import { assign } from './json.js'
import { fromBase64 } from './text.js'
import { plainTree } from './tree.js'
import {
  DateTime,
  Float,
  floatText,
  floatValue,
  integerValue,
  isoText,
  LocalDate,
  type Value,
  type ValueMap,
} from './values.js'

/** How to read a text. */
export interface YamlRules {
  /** Deepest nesting of sequences and mappings. */
  readonly maxDepth: number
  /** Keep floats apart from integers, and timestamps with their offset and microseconds. */
  readonly lossless: boolean
}

/** Most aliases that one text may make of its anchors: what more of them unfolds to is an attack on memory. */
const MAX_ALIASES = 100

/** Reads one YAML document. Raises `InvalidMessage` on whatever text, and `InvalidCall` without the package `yaml`. */
export function readYaml(text: string, rules: YamlRules): Value {
  const { parseDocument } = loadPackage()
  try {
    const document = parseDocument(text, { ...OPTIONS, logLevel: 'error' })
    // A tag that is not known is a warning to the package, and would be text.
    const [problem] = [...document.errors, ...document.warnings]
    if (problem) throw problem
    return revive(document.toJS({ mapAsMap: true, maxAliasCount: MAX_ALIASES }), rules, 0)
  } catch (cause) {
    if (cause instanceof InvalidMessage) throw cause
    // The package's own errors, and a RangeError of the stack for text that is nested too deep.
    throw new InvalidMessage(`not YAML: ${(cause as Error).message.split('\n', 1).join('')}`, { cause })
  }
}

/** Writes a value as one document. Raises `InvalidCall` naming the place of what YAML has no type for. */
export function writeYaml(value: unknown, maxDepth: number): string {
  const { stringify } = loadPackage()
  return stringify(plainTree(value, { maxDepth, isLeaf }), OPTIONS)
}

function isLeaf(value: object): boolean {
  return LEAVES.some((Class) => value instanceof Class)
}

const LEAVES = [Float, Uint8Array, Date, DateTime, LocalDate]

function loadPackage(): typeof Yaml {
  try {
    return createRequire(import.meta.url)('yaml') as typeof Yaml
  } catch (cause) {
    throw new InvalidCall('the serializer yaml needs its parser: npm install yaml', { cause })
  }
}

/** What the package made of a document, as values. Circular anchors end at the limit of depth. */
function revive(node: unknown, rules: YamlRules, depth: number): Value {
  if (typeof node === 'bigint') return integerValue(node)
  if (typeof node === 'number') return floatValue(node, rules.lossless)
  if (node instanceof DateTime) return rules.lossless ? node : node.toDate()
  if (!Array.isArray(node) && !(node instanceof Map)) return node as Value
  if (depth >= rules.maxDepth) throw new InvalidMessage(`not YAML: nested deeper than ${rules.maxDepth}`)
  if (Array.isArray(node)) return node.map((item) => revive(item, rules, depth + 1))
  const map: ValueMap = {}
  for (const [key, item] of node as Map<unknown, unknown>) assign(map, keyText(key), revive(item, rules, depth + 1))
  return map
}

/** Keys are text, as in JSON (SER-JSON-008). */
function keyText(key: unknown): string {
  if (typeof key === 'object' && key !== null && !(key instanceof LocalDate) && !(key instanceof DateTime))
    throw new InvalidMessage('not YAML: a key must be a scalar')
  return typeof key === 'number' ? floatText(key) : String(key)
}

// ---- the types ---------------------------------------------------------------------------------------------------

const NULL = /^(?:~|null|Null|NULL|)$/
const TRUE = /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/
const FALSE = /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/
const INTEGER = /^[-+]?(?:0b[01_]+|0x[\da-fA-F_]+|0[0-7_]+|0|[1-9][\d_]*(?::[0-5]?\d)*)$/
const FLOAT =
  /^(?:[-+]?\d[\d_]*\.[\d_]*(?:[eE][-+]\d+)?|[-+]?\.\d[\d_]*(?:[eE][-+]\d+)?|[-+]?\d[\d_]*(?::[0-5]?\d)+\.[\d_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/
const TIMESTAMP =
  /^(?<year>\d{4})-(?<month>\d\d?)-(?<day>\d\d?)(?:(?:[Tt]|[ \t]+)(?<hour>\d\d?):(?<minutes>\d\d:\d\d)(?:\.(?<fraction>\d*))?(?:[ \t]*(?<zone>Z|[-+]\d\d?(?::\d\d)?))?)?$/
/** What PyYAML gives a meaning to beside the types above. */
const RESERVED = /^(?:<<|=)$/

function scalar(
  name: string,
  test: RegExp,
  read: (text: string) => unknown,
  write: Partial<ScalarTag> = {},
): ScalarTag {
  return {
    tag: `tag:yaml.org,2002:${name}`,
    default: true,
    test,
    // An explicit tag comes here untested.
    resolve: (text, onError) => {
      if (test.test(text)) return read(text)
      onError(`${JSON.stringify(text)} is no ${name}`)
      return undefined
    },
    ...write,
  }
}

const TAGS: ScalarTag[] = [
  scalar('null', NULL, () => null, { identify: (value) => value === null, stringify: () => 'null' }),
  scalar('bool', TRUE, () => true, { identify: (value) => value === true, stringify: () => 'true' }),
  scalar('bool', FALSE, () => false, { identify: (value) => value === false, stringify: () => 'false' }),
  scalar('int', INTEGER, readInteger, { identify: isInteger, stringify: ({ value }) => String(value) }),
  scalar('float', FLOAT, readFloat, { identify: isFloat, stringify: ({ value }) => writeFloat(Number(value)) }),
  scalar('timestamp', TIMESTAMP, readTimestamp, {
    identify: isTimestamp,
    stringify: ({ value }) => writeTimestamp(value),
  }),
  {
    tag: 'tag:yaml.org,2002:binary',
    identify: (value) => value instanceof Uint8Array,
    resolve: (text) => fromBase64(text),
    stringify: ({ value }, { indent, forceBlockIndent }) =>
      `|\n${forceBlockIndent && indent === '' ? '  ' : indent}${Buffer.from(value as Uint8Array).toString('base64')}`,
  },
  {
    tag: 'tag:yaml.org,2002:str',
    default: true,
    identify: (value) => typeof value === 'string',
    resolve: (text) => text,
    stringify: ({ value }) => writeText(value as string),
  },
]

/** As `safe_dump` lays it out: sorted keys, sequences as far left as their keys, no folded lines. */
const OPTIONS = {
  schema: 'failsafe',
  customTags: (base: Tags): Tags => [...base.filter(isCollection), ...TAGS],
  resolveKnownTags: false,
  uniqueKeys: false,
  merge: false,
  sortMapEntries: true,
  aliasDuplicateObjects: false,
  indentSeq: false,
  lineWidth: 0,
} as const

function isCollection(tag: Tags[number]): boolean {
  return typeof tag !== 'string' && 'collection' in tag
}

function isInteger(value: unknown): boolean {
  return typeof value === 'bigint' || (Number.isSafeInteger(value) && !Object.is(value, -0))
}

function isFloat(value: unknown): boolean {
  return value instanceof Float || (typeof value === 'number' && !isInteger(value))
}

function isTimestamp(value: unknown): boolean {
  return value instanceof Date || value instanceof DateTime || value instanceof LocalDate
}

function readInteger(text: string): bigint {
  const digits = text.replaceAll(/[_+-]/g, '').replace(/^0(?=[0-7])/, '0o')
  return BigInt(text.startsWith('-') ? -1 : 1) * sexagesimal(digits.split(':').map(BigInt), 60n)
}

function sexagesimal(parts: readonly bigint[], base: bigint): bigint {
  return parts.reduce((sum, part) => sum * base + part, 0n)
}

function readFloat(text: string): number {
  const digits = text.replaceAll('_', '').replace(/^[-+]/, '').toLowerCase()
  const sign = text.startsWith('-') ? -1 : 1
  if (digits === '.nan') return Number.NaN
  return sign * (digits === '.inf' ? Infinity : digits.split(':').reduce((sum, part) => sum * 60 + Number(part), 0))
}

/** PyYAML reads no float without a point, nor an exponent without a sign. */
function writeFloat(value: number): string {
  if (Number.isNaN(value)) return '.nan'
  if (!Number.isFinite(value)) return value < 0 ? '-.inf' : '.inf'
  const text = floatText(value)
  return text.includes('.') ? text : text.replace('e', '.0e')
}

function readTimestamp(text: string): LocalDate | DateTime {
  const parts = TIMESTAMP.exec(text)?.groups ?? {}
  const two = (name: string): string => (parts[name] ?? '').padStart(2, '0')
  const date = `${parts['year'] ?? ''}-${two('month')}-${two('day')}`
  if (parts['hour'] === undefined) return new LocalDate(date)
  const digits = (parts['fraction'] ?? '').slice(0, 6).replace(/0+$/, '')
  const point = digits === '' ? '' : `.${digits.padEnd(6, '0')}`
  return new DateTime(`${date}T${two('hour')}:${parts['minutes'] ?? ''}${point}${offset(parts['zone'])}`)
}

/** ISO text of `Z`, `+5`, `+05` or `+5:30`. */
function offset(zone: string | undefined): string {
  if (zone === undefined) return ''
  const [, sign = '+', hours = '', minutes = ':00'] = /^([-+])(\d\d?)(:\d\d)?$/.exec(zone) ?? []
  return `${sign}${hours.padStart(2, '0')}${minutes}`
}

function writeTimestamp(value: unknown): string {
  return (value instanceof Date ? isoText(value) : String(value)).replace('T', ' ')
}

/** Plain where nobody can take it for anything else, as `safe_dump` does; otherwise quoted, in ASCII. */
function writeText(text: string): string {
  const isPlain = /^[\w./][\w./ +@-]*$/.test(text) && !text.endsWith(' ') && !text.startsWith('...')
  if (
    isPlain &&
    ![NULL, TRUE, FALSE, INTEGER, FLOAT, TIMESTAMP, RESERVED].some((type) => type.test(text)) &&
    !CORE.test(text)
  )
    return text
  if (/^[ -~]*$/.test(text)) return `'${text.replaceAll("'", "''")}'`
  return `"${Array.from(text, escaped).join('')}"`
}

/** Numbers of YAML 1.2, which PyYAML takes for text. */
const CORE = /^[-+]?(?:0o[0-7]+|\.?\d[\d.]*(?:[eE][-+]?\d+)?)$/

function escaped(char: string): string {
  const code = char.codePointAt(0) ?? 0
  if (char === '"' || char === '\\') return `\\${char}`
  if (code >= 0x20 && code < 0x7f) return char
  const hex = code.toString(16).toUpperCase()
  return code < 0x100
    ? `\\x${hex.padStart(2, '0')}`
    : code < 0x10000
      ? `\\u${hex.padStart(4, '0')}`
      : `\\U${hex.padStart(8, '0')}`
}
