/**
 * Signatures: a call described as data, to be sent now or by a worker later; and the options that every call has.
 */

import { COMPRESSIONS, compressionName } from './compression.js'
import { InvalidCall } from './errors.js'
import { readPlaces, writePlaces, type Extra, type Field, type Snake } from './fields.js'
import { FIELDS } from './message.js'
import { checkRules, oneOf, RULES, type Rule } from './rules.js'
import { ALL_SERIALIZERS, type Serializer } from './serialization.js'
import { isMap, type DateTime, type Value, type ValueMap } from './values.js'

/** Fields of a signature. Six are always written (TM-BODY-009): a worker fails on a callback without `options`. */
export const SIGNATURE_FIELDS = [
  { name: 'task', place: 'signature', types: ['string'] },
  { name: 'args', place: 'signature', types: ['array'], omitted: [] },
  { name: 'kwargs', place: 'signature', types: ['object'], omitted: {} },
  { name: 'options', place: 'signature', types: ['object'], omitted: {} },
  { name: 'subtask_type', place: 'signature', types: ['string', 'null'], omitted: null },
  { name: 'immutable', place: 'signature', types: ['boolean'], omitted: false },
  { name: 'chord_size', place: 'signature', types: ['integer', 'null'], omitted: null },
] as const satisfies readonly Field<Snake<Exclude<keyof Signature & string, 'extra'>>>[]

declare const END: unique symbol

/** What a canvas ends in: one task, whose result is a value, or a group, whose result is a list. */
export type CanvasEnd = 'task' | 'group'

/** A call described as data: of a task, or of a chain, group or chord. */
export interface Signature<End extends CanvasEnd = CanvasEnd> {
  /** Name of the task. */
  readonly task: string
  /** Positional arguments; a parent's result is put before them unless `immutable`. */
  readonly args: readonly Value[]
  /** Keyword arguments. */
  readonly kwargs: Readonly<ValueMap>
  /** How to send it, in wire names. */
  readonly options: Readonly<ValueMap>
  /** `null`, or `chain`, `group`, `chord`. */
  readonly subtaskType: string | null
  /** `true`: ignores the result that a parent hands on. */
  readonly immutable: boolean
  /** Only Celery 4.4 writes it, for chords. */
  readonly chordSize?: number | null
  /** Fields that the table does not name. */
  readonly extra?: Extra
  /** For the compiler alone: what it ends in. */
  readonly [END]?: End
}

/** Options that every call has, sent now or described for later. */
export interface CallOptions {
  /** Queue to send to. Default: the client's `queue`; of a signature, the worker's. */
  readonly queue?: string
  /** Exchange to publish to instead of a queue (RabbitMQ only); it has to exist. */
  readonly exchange?: string
  /** Routing key on that exchange. Default `''`. */
  readonly routingKey?: string
  /** 0 to 255. On RabbitMQ the higher goes first and the queue needs `x-max-priority`; on Redis the lower goes first. */
  readonly priority?: number
  /** Run no sooner than so many seconds from when it is sent: header `eta` (TM-HDR-010, CV-SIG-004). */
  readonly countdown?: number
  /** Run no sooner than this instant: header `eta`, with offset (TM-HDR-011). */
  readonly eta?: Date | DateTime
  /**
   * Do not run later than so many seconds from when it is sent, or this instant: header `expires`, property `expiration`
   * (TM-PROP-005).
   */
  readonly expires?: number | Date | DateTime
  /** Hard time limit in seconds: the worker kills the task. Header `timelimit`, first of two (TM-HDR-014). */
  readonly timeLimit?: number
  /** Soft time limit in seconds: the task gets an exception. Header `timelimit`, second of two. */
  readonly softTimeLimit?: number
  /** Id of the task. Default: a new UUID. */
  readonly taskId?: string
  /** `true`: store no result. Default `false`. */
  readonly ignoreResult?: boolean
  /** Headers of one's own, beside those of the protocol, whose names are taken (TM-HDR-026). */
  readonly headers?: Readonly<Record<string, unknown>>
  /** Signatures that the worker sends with the result, if the task succeeds. */
  readonly link?: Signature | readonly Signature[]
  /** Signatures that the worker sends if the task fails. Their first argument is the id of the failed task (CV-LINK-004). */
  readonly linkError?: Signature | readonly Signature[]
  /** Name to show in the worker's logs instead of the task's. */
  readonly shadow?: string
  /** Queue for the reply. Default: the client's own. */
  readonly replyTo?: string
  /** Stamps: marks by which tasks can be revoked, `{ tenant: 'acme' }` (CV-STAMP-001). */
  readonly stamps?: Readonly<Record<string, unknown>>
  /** Serializer of the body. Default `json`; the worker has to accept any other (SER-CT-006). */
  readonly serializer?: Serializer
  /** Compression of the body: `gzip`, `bzip2`, `brotli`, or a MIME name. Default: none. */
  readonly compression?: string
}

/** What a signature is made of. */
export interface SignatureOptions extends CallOptions {
  /** Positional arguments. */
  readonly args?: readonly unknown[]
  /** Keyword arguments. */
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** `true`: do not put the parent's result before `args`. Default `false`. */
  readonly immutable?: boolean
}

const SIGNATURES: Rule = [
  'a signature or a list of them',
  (value) => [value].flat().every((item) => isMap(item) && typeof item['task'] === 'string'),
]

type CallOption = readonly [wireName: string, rule: Rule, write?: (value: never) => Value]

/** Every option of a call: its name in a signature's `options` on the wire, what it must be, and how it is written there. */
export const CALL_OPTIONS = {
  queue: ['queue', RULES.name],
  exchange: ['exchange', RULES.name],
  routingKey: ['routing_key', RULES.key],
  priority: ['priority', RULES.byte],
  countdown: ['countdown', RULES.seconds],
  eta: ['eta', RULES.instant],
  expires: ['expires', RULES.end],
  timeLimit: ['time_limit', RULES.limit],
  softTimeLimit: ['soft_time_limit', RULES.limit],
  taskId: ['task_id', RULES.name],
  ignoreResult: ['ignore_result', RULES.flag],
  headers: ['headers', RULES.map, ownHeaders],
  link: ['link', SIGNATURES, buildSignatures],
  linkError: ['link_error', SIGNATURES, buildSignatures],
  shadow: ['shadow', RULES.text],
  replyTo: ['reply_to', RULES.name],
  stamps: ['stamps', RULES.map],
  serializer: ['serializer', oneOf(ALL_SERIALIZERS)],
  compression: [
    'compression',
    [
      `one of ${COMPRESSIONS.join(', ')}`,
      (value) => typeof value === 'string' && COMPRESSIONS.includes(compressionName(value)),
    ],
    compressionName,
  ],
} as const satisfies Record<keyof CallOptions, CallOption>

const CALL_OPTION_ROWS = Object.entries(CALL_OPTIONS) as [Exclude<keyof CallOptions, 'stamps'>, CallOption][]

/** What each option of a call must be. */
export const CALL_RULES = Object.fromEntries(
  Object.entries(CALL_OPTIONS).map(([name, [, rule]]) => [name, rule]),
) as Readonly<Record<keyof CallOptions, Rule>>

const SIGNATURE_RULES: Readonly<Record<keyof SignatureOptions, Rule>> = {
  args: RULES.list,
  kwargs: RULES.map,
  immutable: RULES.flag,
  ...CALL_RULES,
}

/**
 * Describes a call of a task, for `link`, `linkError`, `client.apply` and the canvases.
 *
 * ```ts
 * await client.send('tasks.add', { args: [2, 3], link: signature('tasks.log', { kwargs: { level: 'info' } }) })
 * ```
 * @throws InvalidCall on an empty task name, an unknown option or one of a wrong type.
 */
export function signature(task: string, options: SignatureOptions = {}): Signature<'task'> {
  const { args = [], kwargs = {}, immutable = false, ...sending } = checkRules(options, SIGNATURE_RULES)
  return newSignature(task, { args: args as readonly Value[], kwargs: kwargs as ValueMap, immutable }, sending)
}

/** A signature of any sort. What the caller put in is checked when it is written; until then it is taken at its word. */
export function newSignature<End extends CanvasEnd>(
  task: string,
  parts: Partial<Signature>,
  options: CallOptions,
): Signature<End> {
  if (typeof task !== 'string' || task === '') throw new InvalidCall('the task needs a name')
  const plain = { args: [], kwargs: {}, subtaskType: null, immutable: false }
  return Object.freeze({ task, ...plain, ...parts, options: wireOptions(options) }) as Signature<End>
}

/** Options as a signature holds them: wire names, links as signatures of the wire, stamps under their own names. */
export function wireOptions({ stamps, ...given }: CallOptions): ValueMap {
  refuseContradictions(given)
  const result: ValueMap = {}
  for (const [name, [wireName, , write]] of CALL_OPTION_ROWS) {
    const value = given[name] as Value | undefined
    if (value !== undefined) result[wireName] = write ? write(value as never) : value
  }
  return stamps ? stampOptions(result, stamps) : result
}

function refuseContradictions({ countdown, eta, queue, exchange, routingKey }: CallOptions): void {
  if (countdown !== undefined && eta !== undefined) throw new InvalidCall('give either countdown or eta, not both')
  if (queue !== undefined && exchange !== undefined) throw new InvalidCall('give either queue or exchange, not both')
  if (routingKey !== undefined && exchange === undefined) {
    throw new InvalidCall('routingKey goes with an exchange; to address a queue, give queue')
  }
}

/** Options with stamps put on: flat, and their names in a list (CV-STAMP-001). */
export function stampOptions(options: Readonly<ValueMap>, stamps: Readonly<Record<string, unknown>>): ValueMap {
  const taken = Object.keys(stamps).find((name) => RESERVED.has(name))
  if (taken !== undefined) throw new InvalidCall(`stamps: ${taken} is an option of calls; choose another name`)
  const known = (options['stamped_headers'] ?? []) as string[]
  return { ...options, ...(stamps as ValueMap), stamped_headers: [...new Set([...known, ...Object.keys(stamps)])] }
}

/** Names that options of a signature have. A stamp of such a name would be that option. */
const RESERVED: ReadonlySet<string> = new Set<string>([
  ...Object.values(CALL_OPTIONS).map(([wireName]) => wireName),
  ...['root_id', 'parent_id', 'group_id', 'group_index', 'chord', 'chain', 'stamped_headers'],
])

const PROTOCOL_HEADERS: ReadonlySet<string> = new Set(
  FIELDS.filter((row) => row.place === 'headers').map((row) => row.name),
)

function ownHeaders(headers: Readonly<Record<string, unknown>>): ValueMap {
  const [expected, isName] = RULES.name
  for (const name of Object.keys(headers)) {
    if (PROTOCOL_HEADERS.has(name))
      throw new InvalidCall(`headers: ${name} belongs to the protocol; use the option for it`)
    if (!isName(name)) throw new InvalidCall(`headers: a name must be ${expected}`)
  }
  return headers as ValueMap
}

/** The wire form of one or several signatures, always a list. */
export function buildSignatures(signatures: Signature | readonly Signature[]): ValueMap[] {
  return [signatures].flat().map(buildSignature)
}

/** The wire form of a signature. */
export function buildSignature(source: Signature): ValueMap {
  return writePlaces(SIGNATURE_FIELDS, ['signature'], source).signature
}

/** Reads the wire form of a signature, filling what was omitted. Raises `InvalidMessage`. */
export function parseSignature(source: ValueMap): Signature {
  const omitted = { args: [], kwargs: {}, options: {}, subtaskType: null, immutable: false }
  return { ...omitted, ...readPlaces(SIGNATURE_FIELDS, { signature: source }) } as unknown as Signature
}
