/** The options of `send`: checked, completed, and turned into the message to publish. Pure: time and ids come in. */

import { InvalidCall } from './errors.js'
import { FIELDS, type TaskMessage } from './message.js'
import { summary } from './serialization.js'
import { buildSignatures, type Signature } from './signature.js'
import { DateTime, instantOf, isMap, isoText, type Value, type ValueMap } from './values.js'

/** How to send a task. All names are the same in every language of this project, each in its own case. */
export interface SendOptions<Args extends readonly unknown[] = readonly unknown[]> {
  /** Positional arguments. Default `[]`. */
  readonly args?: Args
  /** Keyword arguments. Default `{}`. */
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** Queue to send to. Default: the client's `queue`. */
  readonly queue?: string
  /** Exchange to publish to instead of a queue (RabbitMQ only); it has to exist. */
  readonly exchange?: string
  /** Routing key on that exchange. Default `''`. */
  readonly routingKey?: string
  /** 0 to 255. On RabbitMQ the higher goes first and the queue needs `x-max-priority`; on Redis the lower goes first. */
  readonly priority?: number
  /** Run no sooner than so many seconds from now. */
  readonly countdown?: number
  /** Run no sooner than this instant. */
  readonly eta?: Date | DateTime
  /** Do not run later than so many seconds from now, or this instant. Also sets the AMQP expiration. */
  readonly expires?: number | Date | DateTime
  /** Hard time limit in seconds: the worker kills the task. */
  readonly timeLimit?: number
  /** Soft time limit in seconds: the task gets an exception. */
  readonly softTimeLimit?: number
  /** Id of the task. Default: a new UUID. */
  readonly taskId?: string
  /** `true`: store no result. Default `false`. */
  readonly ignoreResult?: boolean
  /** Headers of one's own, beside those of the protocol. */
  readonly headers?: Readonly<Record<string, unknown>>
  /** Signatures that the worker sends with the result, if the task succeeds. */
  readonly link?: Signature | readonly Signature[]
  /** Signatures that the worker sends if the task fails. */
  readonly linkError?: Signature | readonly Signature[]
  /** Name to show in the worker's logs instead of the task's. */
  readonly shadow?: string
  /** Id of the first task of the workflow. Default: the task's own id. */
  readonly rootId?: string
  /** Id of the task that sends this one. */
  readonly parentId?: string
  /** Queue for the reply. Default: the client's own. */
  readonly replyTo?: string
  /** Stops waiting for the broker; rejects with the signal's reason. The message may be queued all the same. */
  readonly signal?: AbortSignal
}

/** What the message takes from its surroundings. */
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
}

/** A message and where it goes. */
export interface Outgoing {
  readonly message: TaskMessage
  readonly exchange: string
  readonly routingKey: string
}

type Check = (value: unknown) => boolean

/** RabbitMQ holds names and keys in at most 255 bytes, and the driver would cut longer ones silently. */
const isName: Check = (value) => typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 255
const isKey: Check = (value) => value === '' || isName(value)
const isInstant: Check = (value) => value instanceof Date || value instanceof DateTime
const isSeconds: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const isLimit: Check = (value) => isSeconds(value) && (value as number) > 0
const isSignatures: Check = (value) => [value].flat().every((item) => isMap(item) && typeof item['task'] === 'string')

const NAME = 'a string of 1 to 255 bytes'
const LIMIT = 'a number of seconds above 0'

/** Every option: what it must be, and how to test that. */
const OPTIONS: Readonly<Record<keyof SendOptions, readonly [expected: string, check: Check]>> = {
  args: ['a list', Array.isArray],
  kwargs: ['a plain object', isMap],
  queue: [NAME, isName],
  exchange: [NAME, isName],
  routingKey: ['a string of at most 255 bytes', isKey],
  priority: ['an integer from 0 to 255', (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255],
  countdown: ['a number of seconds', isSeconds],
  eta: ['a Date or a DateTime', isInstant],
  expires: ['a number of seconds, a Date or a DateTime', (value) => isSeconds(value) || isInstant(value)],
  timeLimit: [LIMIT, isLimit],
  softTimeLimit: [LIMIT, isLimit],
  taskId: [NAME, isName],
  ignoreResult: ['true or false', (value) => typeof value === 'boolean'],
  headers: ['a plain object', isMap],
  link: ['a signature or a list of them', isSignatures],
  linkError: ['a signature or a list of them', isSignatures],
  shadow: ['a string', (value) => typeof value === 'string'],
  rootId: [NAME, isName],
  parentId: [NAME, isName],
  replyTo: [NAME, isName],
  signal: ['an AbortSignal', (value) => value instanceof AbortSignal],
}

/** RabbitMQ refuses a longer expiration and closes the channel; the worker honours the header all the same. */
const LONGEST_EXPIRATION_MS = 2 ** 32 - 1

/**
 * Checks the options and makes the message.
 * @throws InvalidCall on an unknown option, a wrong type, or options that exclude each other.
 */
export function prepare(task: string, options: SendOptions, around: Surroundings): Outgoing {
  checkOptions(task, options)
  const id = options.taskId ?? around.newId()
  const expires = expiry(options.expires, around.now)
  const headers = ownHeaders(options.headers)
  const { args = [], kwargs = {}, exchange = '' } = options
  const message: TaskMessage = {
    // The values are the caller's; writing the body checks them and names the place of what cannot be sent.
    args: args as readonly Value[],
    kwargs: kwargs as ValueMap,
    lang: 'js',
    task,
    id,
    shadow: options.shadow ?? null,
    eta: startTime(options, around.now),
    expires: expires?.text ?? null,
    group: null,
    groupIndex: null,
    retries: 0,
    timelimit: [options.timeLimit ?? null, options.softTimeLimit ?? null],
    rootId: options.rootId ?? id,
    parentId: options.parentId ?? null,
    argsrepr: summary(args),
    kwargsrepr: summary(kwargs),
    origin: around.origin,
    ignoreResult: options.ignoreResult ?? false,
    replacedTaskNesting: 0,
    stampedHeaders: null,
    stamps: {},
    correlationId: id,
    replyTo: options.replyTo ?? around.replyTo,
    deliveryMode: 2,
    ...(options.priority !== undefined && { priority: options.priority }),
    ...(expires?.expiration !== undefined && { expiration: expires.expiration }),
    callbacks: options.link ? buildSignatures(options.link) : null,
    errbacks: options.linkError ? buildSignatures(options.linkError) : null,
    chain: null,
    chord: null,
    ...(headers && { extra: { headers } }),
  }
  const queue = options.queue ?? around.queue
  return { message, exchange, routingKey: exchange === '' ? queue : (options.routingKey ?? '') }
}

function checkOptions(task: string, options: SendOptions): void {
  if (typeof task !== 'string' || task === '') throw new InvalidCall('the task needs a name')
  for (const [name, value] of Object.entries(options)) {
    const row = Object.hasOwn(OPTIONS, name) ? OPTIONS[name as keyof SendOptions] : undefined
    if (!row) throw new InvalidCall(`unknown option ${name}; the options are ${Object.keys(OPTIONS).join(', ')}`)
    const [expected, check] = row
    if (value !== undefined && !check(value)) throw new InvalidCall(`${name} must be ${expected}`)
  }
  if (options.countdown !== undefined && options.eta !== undefined) throw new InvalidCall('give either countdown or eta, not both')
  if (options.queue !== undefined && options.exchange !== undefined) throw new InvalidCall('give either queue or exchange, not both')
  if (options.routingKey !== undefined && options.exchange === undefined) {
    throw new InvalidCall('routingKey goes with an exchange; to address a queue, give queue')
  }
}

function startTime({ eta, countdown }: SendOptions, now: Date): string | null {
  if (eta !== undefined) return textOf(eta)
  return countdown === undefined ? null : isoText(later(now, countdown))
}

function expiry(expires: SendOptions['expires'], now: Date): { text: string; expiration: string | undefined } | undefined {
  if (expires === undefined) return undefined
  const text = textOf(typeof expires === 'number' ? later(now, expires) : expires)
  const left = Math.max(0, Math.round((instantOf(text) ?? 0) - now.getTime()))
  return { text, expiration: left <= LONGEST_EXPIRATION_MS ? String(left) : undefined }
}

function textOf(instant: Date | DateTime): string {
  return instant instanceof DateTime ? instant.text : isoText(instant)
}

function later(now: Date, seconds: number): Date {
  return new Date(now.getTime() + seconds * 1000)
}

const PROTOCOL_HEADERS: ReadonlySet<string> = new Set(FIELDS.filter((row) => row.place === 'headers').map((row) => row.name))

function ownHeaders(headers: SendOptions['headers']): ValueMap | undefined {
  if (!headers) return undefined
  for (const name of Object.keys(headers)) {
    if (PROTOCOL_HEADERS.has(name)) throw new InvalidCall(`headers: ${name} belongs to the protocol; use the option for it`)
    if (!isName(name)) throw new InvalidCall(`headers: a name must be ${NAME}`)
  }
  return headers as ValueMap
}
