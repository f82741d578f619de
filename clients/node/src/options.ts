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
const REPLACED: ReadonlyMap<string, readonly string[]> = new Map([
  ['queue', ['exchange', 'routing_key']],
  ['exchange', ['queue', 'routing_key']],
  ['countdown', ['eta']],
  ['eta', ['countdown']],
])

/** A signature with options that come before its own. */
export function override<One extends Signature>(call: One, given: Readonly<ValueMap>): One {
  const replaced = Object.keys(given).flatMap((name) => REPLACED.get(name) ?? [])
  const isKept = ([name]: [string, unknown]): boolean => !replaced.includes(name)
  const kept = replaced.length === 0 ? call.options : Object.fromEntries(Object.entries(call.options).filter(isKept))
  return { ...call, options: { ...kept, ...given } }
}

function placeOptions({ rootId, parentId }: ApplyOptions): ValueMap {
  return { ...(rootId !== undefined && { root_id: rootId }), ...(parentId !== undefined && { parent_id: parentId }) }
}

/** Options of a signature, in wire names. */
interface WireOptions {
  readonly task_id: string
  readonly reply_to: string
  readonly queue?: string
  readonly exchange?: string
  readonly routing_key?: string
  readonly priority?: number
  readonly countdown?: number
  readonly eta?: Date | DateTime
  readonly expires?: number | Date | DateTime
  readonly time_limit?: number | null
  readonly soft_time_limit?: number | null
  readonly ignore_result?: boolean
  readonly headers?: ValueMap
  readonly link?: Value[] | null
  readonly link_error?: Value[] | null
  readonly shadow?: string | null
  readonly root_id?: string | null
  readonly parent_id?: string | null
  readonly group_id?: string | null
  readonly group_index?: number | null
  readonly chord?: ValueMap | null
  readonly chain?: Value[] | null
  readonly stamped_headers?: string[]
  readonly serializer?: Serializer
  readonly compression?: string
}

/** The message of a task whose signature has its id and reply queue: what a worker makes of it too (CV-SIG-001). */
export function messageOf(call: Signature, around: Surroundings): Outgoing {
  const options = call.options as unknown as WireOptions
  const { task_id: id, queue = around.queue, exchange = '', routing_key: routingKey = '' } = options
  const { ignore_result: ignoreResult = false } = options
  const { stampedHeaders, stamps } = stampsOf(options.stamped_headers, call.options)
  const message: Writable<TaskMessage> = {
    lang: 'js',
    task: call.task,
    id,
    shadow: orNull(options.shadow),
    eta: startTime(options, around.now),
    expires: null,
    group: orNull(options.group_id),
    groupIndex: orNull(options.group_index),
    retries: 0,
    timelimit: [orNull(options.time_limit), orNull(options.soft_time_limit)],
    rootId: options.root_id ?? id,
    parentId: orNull(options.parent_id),
    argsrepr: summary(call.args),
    kwargsrepr: summary(call.kwargs),
    origin: around.origin,
    ignoreResult,
    replacedTaskNesting: 0,
    stampedHeaders,
    stamps,
    correlationId: id,
    replyTo: options.reply_to,
    deliveryMode: 2,
    // The values are the caller's; writing the body checks them and names the place of what cannot be sent.
    args: call.args,
    kwargs: call.kwargs,
    callbacks: orNull(options.link),
    errbacks: orNull(options.link_error),
    chain: orNull(options.chain),
    chord: orNull(options.chord),
  }
  addAskedFor(message, options, around.now)
  return { message, exchange, routingKey: exchange === '' ? queue : routingKey }
}

function orNull<T>(value: T | undefined): T | null {
  return value ?? null
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] }

/** What the message has only when it was asked for. */
function addAskedFor(message: Writable<TaskMessage>, options: WireOptions, now: Date): void {
  const { priority, compression, serializer, headers, expires } = options
  if (priority !== undefined) message.priority = priority
  if (compression !== undefined) message.compression = compression
  if (serializer !== undefined) message.contentType = contentTypeOf(serializer)
  if (headers) message.extra = { headers }
  if (expires !== undefined) addExpires(message, expires, now)
}

function stampsOf(
  names: readonly string[] | undefined,
  options: Readonly<ValueMap>,
): Required<Pick<TaskMessage, 'stampedHeaders' | 'stamps'>> {
  if (!names) return { stampedHeaders: null, stamps: {} }
  const values = names.map((name): [string, Value] => [name, options[name] ?? null])
  return { stampedHeaders: names, stamps: Object.fromEntries(values) }
}

/** RabbitMQ refuses a longer expiration and closes the channel (TM-PROP-006); the worker honours the header all the same. */
const LONGEST_EXPIRATION_MS = 2 ** 32 - 1

function addExpires(message: Writable<TaskMessage>, given: NonNullable<WireOptions['expires']>, now: Date): void {
  const expires = textOf(typeof given === 'number' ? later(now, given) : given)
  const left = Math.max(0, Math.round((instantOf(expires) ?? 0) - now.getTime()))
  message.expires = expires
  if (left <= LONGEST_EXPIRATION_MS) message.expiration = String(left)
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
