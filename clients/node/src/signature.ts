/**
 * Signatures: a call described as data, to be sent by a worker later (`link`, `linkError`, the steps of a chain).
 */

import { InvalidCall } from './errors.js'
import { readPlaces, writePlaces, type Extra, type Field, type Snake } from './fields.js'
import type { Value, ValueMap } from './values.js'

/** Fields of a signature. Six are always written (TM-BODY-009): a worker fails on a callback without `options`. */
export const SIGNATURE_FIELDS = [
  { name: 'task', place: 'signature', types: ['string'] },
  { name: 'args', place: 'signature', types: ['array'], omitted: [] },
  { name: 'kwargs', place: 'signature', types: ['object'], omitted: {} },
  { name: 'options', place: 'signature', types: ['object'], omitted: {} },
  { name: 'subtask_type', place: 'signature', types: ['string', 'null'], omitted: null },
  { name: 'immutable', place: 'signature', types: ['boolean'], omitted: false },
  { name: 'chord_size', place: 'signature', types: ['integer', 'null'], omitted: null },
] as const satisfies readonly Field<Snake<Exclude<keyof Signature, 'extra'>>>[]

/** A call described as data. Make one with {@link signature}. */
export interface Signature {
  /** Name of the task. */
  readonly task: string
  /** Positional arguments; a parent's result is put before them unless `immutable`. */
  readonly args: readonly Value[]
  /** Keyword arguments. */
  readonly kwargs: Readonly<ValueMap>
  /** How to send it, in wire names. */
  readonly options: Readonly<ValueMap>
  /** `null`, or `chain`, `group`, `chord` in signatures that Python made. */
  readonly subtaskType: string | null
  /** `true`: ignores the result that a parent hands on. */
  readonly immutable: boolean
  /** Only Celery 4.4 writes it, for chords. */
  readonly chordSize?: number | null
  /** Fields that the table does not name. */
  readonly extra?: Extra
}

/** How a worker is to send a signature. The same names as the options of `send`. */
export interface SignatureOptions {
  /** Positional arguments. */
  readonly args?: readonly unknown[]
  /** Keyword arguments. */
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** `true`: do not put the parent's result before `args`. Default `false`. */
  readonly immutable?: boolean
  /** Queue to send it to. */
  readonly queue?: string
  /** Exchange to send it to. */
  readonly exchange?: string
  /** Routing key on that exchange. */
  readonly routingKey?: string
  /** Priority, 0 to 255. */
  readonly priority?: number
  /** Seconds to wait, counted from when the worker sends it. */
  readonly countdown?: number
  /** Not before this instant. */
  readonly eta?: Date
  /** Seconds after which it is no longer to run, or the instant. */
  readonly expires?: number | Date
  /** Hard time limit in seconds. */
  readonly timeLimit?: number
  /** Soft time limit in seconds. */
  readonly softTimeLimit?: number
  /** Id of the task; by default the worker makes one. */
  readonly taskId?: string
  /** Queue of an rpc reply. */
  readonly replyTo?: string
  /** `true`: store no result. */
  readonly ignoreResult?: boolean
  /** Name to show in logs. */
  readonly shadow?: string
  /** Headers of one's own. */
  readonly headers?: Readonly<Record<string, unknown>>
  /** Signatures to send with its result. */
  readonly link?: Signature | readonly Signature[]
  /** Signatures to send when it fails. */
  readonly linkError?: Signature | readonly Signature[]
}

type SendingOption = Exclude<keyof SignatureOptions, 'args' | 'kwargs' | 'immutable'>

/** Wire name of every option that goes into `options`. */
const OPTION_NAMES = {
  queue: 'queue',
  exchange: 'exchange',
  routingKey: 'routing_key',
  priority: 'priority',
  countdown: 'countdown',
  eta: 'eta',
  expires: 'expires',
  timeLimit: 'time_limit',
  softTimeLimit: 'soft_time_limit',
  taskId: 'task_id',
  replyTo: 'reply_to',
  ignoreResult: 'ignore_result',
  shadow: 'shadow',
  headers: 'headers',
  link: 'link',
  linkError: 'link_error',
} as const satisfies Record<SendingOption, string>

/**
 * Describes a call for `link`, `linkError` or `sendChain`.
 *
 * ```ts
 * await client.send('tasks.add', { args: [2, 3], link: signature('tasks.log', { kwargs: { level: 'info' } }) })
 * ```
 * @throws InvalidCall on an empty task name or an unknown option.
 */
export function signature(task: string, options: SignatureOptions = {}): Signature {
  if (typeof task !== 'string' || task === '') throw new InvalidCall('signature: the task needs a name')
  const { args = [], kwargs = {}, immutable = false, ...sending } = options
  // What the caller put in is checked when it is written; until then it is taken at its word.
  return Object.freeze({
    task,
    args: args as readonly Value[],
    kwargs: kwargs as ValueMap,
    options: wireOptions(sending),
    subtaskType: null,
    immutable,
  })
}

function wireOptions(options: Pick<SignatureOptions, SendingOption>): ValueMap {
  const result: ValueMap = {}
  for (const [name, value] of Object.entries(options) as [SendingOption, unknown][]) {
    if (!Object.hasOwn(OPTION_NAMES, name)) throw new InvalidCall(`signature: unknown option ${name}`)
    if (value === undefined) continue
    const isLink = name === 'link' || name === 'linkError'
    result[OPTION_NAMES[name]] = isLink ? buildSignatures(value as Signature | readonly Signature[]) : (value as Value)
  }
  return result
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
