/** From a call to the message to publish: checked, completed. Pure: time and ids come in. */

import { stamped } from './canvas.js'
import { InvalidCall } from './errors.js'
import type { TaskMessage } from './message.js'
import { checkRules, RULES, someOf, type Rule } from './rules.js'
import { ALL_SERIALIZERS, contentTypeOf, type Serializer } from './serialization.js'
import { CALL_RULES, newSignature, wireOptions, type CallOptions, type Signature } from './signature.js'
import { summary } from './summary.js'
import { instantOf, isoText, type DateTime, type Value, type ValueMap } from './values.js'

/** How to apply a canvas. All names are the same in every language of this project, each in its own case. */
export interface ApplyOptions extends CallOptions {
  /** Id of the first task of the workflow. Default: the id of the task itself. */
  readonly rootId?: string
  /** Id of the task that sends this one. */
  readonly parentId?: string
  /** Stops waiting for the broker; rejects with the signal's reason. The message may be queued all the same. */
  readonly signal?: AbortSignal
}

/** How to send a task. */
export interface SendOptions<Args extends readonly unknown[] = readonly unknown[]> extends ApplyOptions {
  /** Positional arguments. Default `[]`. */
  readonly args?: Args
  /** Keyword arguments. Default `{}`. */
  readonly kwargs?: Readonly<Record<string, unknown>>
}

/** What messages take from their surroundings. */
export interface Surroundings {
  /** The present instant. */
  readonly now: Date
  /** Makes a task id. */
  readonly newId: () => string
  /** Name of this process. */
  readonly origin: string
  /** The client's own reply queue. */
  readonly replyTo: string
  /** The client's default queue. */
  readonly queue: string
  /** Who counts the members of a chord, or why nobody can. */
  readonly chords: 'store' | 'worker' | { readonly refused: string }
}

/** A message and where it goes. */
export interface Outgoing {
  readonly message: TaskMessage
  readonly exchange: string
  readonly routingKey: string
}

const APPLY_RULES: Readonly<Record<keyof ApplyOptions, Rule>> = {
  ...CALL_RULES,
  rootId: RULES.name,
  parentId: RULES.name,
  signal: RULES.signal,
}

const SEND_RULES: Readonly<Record<keyof SendOptions, Rule>> = { args: RULES.list, kwargs: RULES.map, ...APPLY_RULES }

/** The signature of a task that is sent. @throws InvalidCall on an unknown option or one of a wrong type. */
export function signatureToSend(task: string, options: SendOptions): Signature<'task'> {
  const { args = [], kwargs = {}, ...given } = checkRules(options, SEND_RULES)
  const call = newSignature<'task'>(task, { args: args as readonly Value[], kwargs: kwargs as ValueMap }, given)
  return override(call, placeOptions(given))
}

/** A canvas with the options with which it is applied: they come before its own. @throws InvalidCall likewise. */
export function signatureToApply(canvas: Signature, options: ApplyOptions): Signature {
  const { stamps: marks, ...given } = checkRules(options, APPLY_RULES)
  const call = override(canvas, { ...wireOptions(given), ...placeOptions(given) })
  return marks ? stamped(call, marks) : call
}

/** Options that another one takes the place of. */
const REPLACED: Readonly<Record<string, readonly string[]>> = {
  queue: ['exchange', 'routing_key'],
  exchange: ['queue', 'routing_key'],
  countdown: ['eta'],
  eta: ['countdown'],
}

/** A signature with options that come before its own. */
export function override<One extends Signature>(call: One, given: Readonly<ValueMap>): One {
  const replaced = Object.keys(given).flatMap((name) => REPLACED[name] ?? [])
  const kept = Object.entries(call.options).filter(([name]) => !replaced.includes(name))
  return { ...call, options: { ...Object.fromEntries(kept), ...given } }
}

function placeOptions({ rootId, parentId }: ApplyOptions): ValueMap {
  return { ...(rootId !== undefined && { root_id: rootId }), ...(parentId !== undefined && { parent_id: parentId }) }
}

/** Options of a signature, in wire names, as the message needs them; what one is that is not given. */
const NOT_GIVEN = {
  exchange: '',
  routing_key: '',
  shadow: null,
  group_id: null,
  group_index: null,
  time_limit: null,
  soft_time_limit: null,
  root_id: null,
  parent_id: null,
  ignore_result: false,
  link: null,
  link_error: null,
  chain: null,
  chord: null,
} as const

/** Options of a signature, in wire names. */
interface WireOptions {
  readonly task_id: string
  readonly reply_to: string
  readonly queue?: string
  readonly exchange: string
  readonly routing_key: string
  readonly priority?: number
  readonly countdown?: number
  readonly eta?: Date | DateTime
  readonly expires?: number | Date | DateTime
  readonly time_limit: number | null
  readonly soft_time_limit: number | null
  readonly ignore_result: boolean
  readonly headers?: ValueMap
  readonly link: Value[] | null
  readonly link_error: Value[] | null
  readonly shadow: string | null
  readonly root_id: string | null
  readonly parent_id: string | null
  readonly group_id: string | null
  readonly group_index: number | null
  readonly chord: ValueMap | null
  readonly chain: Value[] | null
  readonly stamped_headers?: string[]
  readonly serializer?: Serializer
  readonly compression?: string
}

/** The message of a task whose signature has its id and reply queue: what a worker makes of it too (CV-SIG-001). */
export function messageOf(call: Signature, around: Surroundings): Outgoing {
  const options = { ...NOT_GIVEN, ...call.options } as unknown as WireOptions
  const { task_id: id, queue = around.queue, exchange, routing_key: routingKey } = options
  const message: TaskMessage = {
    lang: 'js',
    task: call.task,
    id,
    shadow: options.shadow,
    ...times(options, around.now),
    group: options.group_id,
    groupIndex: options.group_index,
    retries: 0,
    timelimit: [options.time_limit, options.soft_time_limit],
    rootId: options.root_id ?? id,
    parentId: options.parent_id,
    argsrepr: summary(call.args),
    kwargsrepr: summary(call.kwargs),
    origin: around.origin,
    ignoreResult: options.ignore_result,
    replacedTaskNesting: 0,
    ...stamps(options.stamped_headers, call.options),
    correlationId: id,
    replyTo: options.reply_to,
    deliveryMode: 2,
    // The values are the caller's; writing the body checks them and names the place of what cannot be sent.
    args: call.args,
    kwargs: call.kwargs,
    callbacks: options.link,
    errbacks: options.link_error,
    chain: options.chain,
    chord: options.chord,
    ...content(options),
  }
  return { message, exchange, routingKey: exchange === '' ? queue : routingKey }
}

/** What the message has only when it was asked for. */
function content(options: WireOptions): Partial<TaskMessage> {
  const { priority, compression, serializer, headers } = options
  return {
    ...(priority !== undefined && { priority }),
    ...(compression !== undefined && { compression }),
    ...(serializer !== undefined && { contentType: contentTypeOf(serializer) }),
    ...(headers && { extra: { headers } }),
  }
}

function stamps(names: readonly string[] | undefined, options: Readonly<ValueMap>): Partial<TaskMessage> {
  if (!names) return { stampedHeaders: null, stamps: {} }
  const values = names.map((name): [string, Value] => [name, options[name] ?? null])
  return { stampedHeaders: names, stamps: Object.fromEntries(values) }
}

/** RabbitMQ refuses a longer expiration and closes the channel (TM-PROP-006); the worker honours the header all the same. */
const LONGEST_EXPIRATION_MS = 2 ** 32 - 1

function times(options: WireOptions, now: Date): Pick<TaskMessage, 'eta' | 'expires' | 'expiration'> {
  const eta = startTime(options, now)
  if (options.expires === undefined) return { eta, expires: null }
  const expires = textOf(typeof options.expires === 'number' ? later(now, options.expires) : options.expires)
  const left = Math.max(0, Math.round((instantOf(expires) ?? 0) - now.getTime()))
  return { eta, expires, ...(left <= LONGEST_EXPIRATION_MS && { expiration: String(left) }) }
}

function startTime({ eta, countdown }: WireOptions, now: Date): string | null {
  if (eta !== undefined) return textOf(eta)
  return countdown === undefined ? null : isoText(later(now, countdown))
}

function textOf(instant: Date | DateTime): string {
  if (instant instanceof Date) return isoText(instant)
  return instant.isAware ? instant.text : `${instant.text}+00:00`
}

function later(now: Date, seconds: number): Date {
  return new Date(now.getTime() + seconds * 1000)
}

/** Options of a client: the rest is checked where it is used. */
const CLIENT_RULES: Readonly<Record<string, Rule>> = {
  broker: ['a URL or a transport', isTransport],
  backend: ['a URL or a transport', isTransport],
  queue: RULES.name,
  connectTimeout: RULES.limit,
  publishTimeout: RULES.limit,
  resultExpires: RULES.limit,
  tls: ['an object of TLS settings', RULES.map[1]],
  maxBytes: RULES.size,
  maxDepth: RULES.size,
  lossless: RULES.flag,
  accept: someOf(ALL_SERIALIZERS),
}

function isTransport(value: unknown): boolean {
  return typeof value === 'string' || (typeof value === 'object' && value !== null && 'close' in value)
}

/** The options that are given. @throws InvalidCall on an unknown option or one of a wrong type. */
export function checkClientOptions<Options extends object>(options: Options): Options {
  const given = checkRules(options, CLIENT_RULES)
  if (!('broker' in given)) throw new InvalidCall('a client needs a broker: { broker: "amqp://..." }')
  return given
}
