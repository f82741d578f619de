/** The options of `send`: checked, completed, and turned into the message to publish. Pure: time and ids come in. */

import { InvalidCall } from './errors.js'
import { FIELDS, type TaskMessage } from './message.js'
import { ALL_SERIALIZERS } from './serialization.js'
import { summary } from './summary.js'
import { buildSignature, buildSignatures, type Signature } from './signature.js'
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
  /** Run no sooner than so many seconds from now: header `eta` (TM-HDR-010). */
  readonly countdown?: number
  /** Run no sooner than this instant: header `eta`, with offset (TM-HDR-011). */
  readonly eta?: Date | DateTime
  /** Do not run later than so many seconds from now, or this instant: header `expires`, property `expiration` (TM-PROP-005). */
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
/** What a value must be, in words, and how to test that. */
type Rule = readonly [expected: string, check: Check]

/** RabbitMQ holds names and keys in at most 255 bytes, and the driver would cut longer ones silently. */
const isName: Check = (value) => typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 255
const isKey: Check = (value) => value === '' || isName(value)
const isInstant: Check = (value) => value instanceof Date || value instanceof DateTime
const isSeconds: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const isLimit: Check = (value) => isSeconds(value) && (value as number) > 0
const isSignatures: Check = (value) => [value].flat().every((item) => isMap(item) && typeof item['task'] === 'string')

const NAME = 'a string of 1 to 255 bytes'
const LIMIT = 'a number of seconds above 0'

/** Every option of `send`. */
const OPTIONS: Readonly<Record<keyof SendOptions, Rule>> = {
  args: ['a list', Array.isArray],
  kwargs: ['a plain object', isMap],
  queue: [NAME, isName],
  exchange: [NAME, isName],
  routingKey: ['a string of at most 255 bytes', isKey],
  priority: [
    'an integer from 0 to 255',
    (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255,
  ],
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

/** RabbitMQ refuses a longer expiration and closes the channel (TM-PROP-006); the worker honours the header all the same. */
const LONGEST_EXPIRATION_MS = 2 ** 32 - 1

/** What an option is that is not given, where the message says so. */
const NOT_GIVEN = {
  args: [],
  kwargs: {},
  exchange: '',
  routingKey: '',
  shadow: null,
  parentId: null,
  timeLimit: null,
  softTimeLimit: null,
  ignoreResult: false,
} as const

/**
 * Checks the options and makes the message.
 * @throws InvalidCall on an unknown option, a wrong type, or options that exclude each other.
 */
export function prepare(task: string, options: SendOptions, around: Surroundings): Outgoing {
  if (typeof task !== 'string' || task === '') throw new InvalidCall('the task needs a name')
  const given = check(options)
  const {
    taskId: id = around.newId(),
    queue = around.queue,
    exchange,
    routingKey,
    ...rest
  } = { ...NOT_GIVEN, ...given }
  const message: TaskMessage = {
    lang: 'js',
    task,
    id,
    shadow: rest.shadow,
    group: null,
    groupIndex: null,
    retries: 0,
    timelimit: [rest.timeLimit, rest.softTimeLimit],
    rootId: rest.rootId ?? id,
    parentId: rest.parentId,
    argsrepr: summary(rest.args),
    kwargsrepr: summary(rest.kwargs),
    origin: around.origin,
    ignoreResult: rest.ignoreResult,
    replacedTaskNesting: 0,
    stampedHeaders: null,
    stamps: {},
    correlationId: id,
    replyTo: rest.replyTo ?? around.replyTo,
    deliveryMode: 2,
    // The values are the caller's; writing the body checks them and names the place of what cannot be sent.
    args: rest.args as readonly Value[],
    kwargs: rest.kwargs,
    callbacks: rest.link ? buildSignatures(rest.link) : null,
    errbacks: rest.linkError ? buildSignatures(rest.linkError) : null,
    chain: null,
    chord: null,
    ...times(given, around.now),
    ...(rest.priority !== undefined && { priority: rest.priority }),
    ...(rest.headers && { extra: { headers: ownHeaders(rest.headers) } }),
  }
  return { message, exchange, routingKey: exchange === '' ? queue : routingKey }
}

/**
 * A chain: the message of its first task, carrying the steps after it. Every step gets its id now, so that the last one
 * can be waited for before it exists.
 * @throws InvalidCall as `prepare`, or when there is no step.
 */
export function prepareChain(
  task: string,
  options: SendOptions,
  steps: readonly Signature[],
  around: Surroundings,
): Outgoing & { lastId: string } {
  if (!isSignatures(steps) || steps.length === 0)
    throw new InvalidCall('a chain needs steps: a list of signatures that is not empty')
  const { link, ...first } = options
  const { message, ...route } = prepare(task, first, around)
  const frozen = steps.map((step, index) =>
    freeze(step, options, index === steps.length - 1 ? link : undefined, around),
  )
  const last = frozen.at(-1)?.options['task_id'] as string
  return { ...route, message: { ...message, chain: frozen.map(buildSignature).reverse() }, lastId: last }
}

/** As Celery freezes a step (TM-BODY-014): its own id, our reply queue, the chain's errbacks, and on the last step its callbacks. */
function freeze(
  step: Signature,
  { linkError, replyTo }: SendOptions,
  link: SendOptions['link'],
  around: Surroundings,
): Signature {
  const options: ValueMap = { task_id: around.newId(), reply_to: replyTo ?? around.replyTo, ...step.options }
  if (linkError && !('link_error' in options)) options['link_error'] = buildSignatures(linkError)
  if (link) options['link'] = [...[(options['link'] ?? []) as Value].flat(), ...buildSignatures(link)]
  return { ...step, options }
}

/** Options of a client: the rest is checked where it is used. */
const CLIENT_OPTIONS: Readonly<Record<string, Rule>> = {
  broker: ['a URL or a transport', (value) => typeof value === 'string' || isTransport(value)],
  backend: ['a URL or a transport', (value) => typeof value === 'string' || isTransport(value)],
  queue: [NAME, isName],
  connectTimeout: [LIMIT, isLimit],
  publishTimeout: [LIMIT, isLimit],
  tls: ['an object of TLS settings', isMap],
  maxBytes: ['a number above 0', isLimit],
  maxDepth: ['a number above 0', isLimit],
  lossless: ['true or false', (value) => typeof value === 'boolean'],
  accept: [`a list of ${ALL_SERIALIZERS.join(', ')}`, isSerializers],
}

function isSerializers(value: unknown): boolean {
  return Array.isArray(value) && value.every((name) => (ALL_SERIALIZERS as readonly unknown[]).includes(name))
}

function isTransport(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'close' in value
}

/** The options that are given. @throws InvalidCall on an unknown option or one of a wrong type. */
export function checkClientOptions<Options extends object>(options: Options): Options {
  const given = checkRules(options, CLIENT_OPTIONS)
  if (!('broker' in given)) throw new InvalidCall('a client needs a broker: { broker: "amqp://..." }')
  return given
}

function checkRules<Options extends object>(options: Options, rules: Readonly<Record<string, Rule>>): Options {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  for (const [name, value] of given) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (!rule) throw new InvalidCall(`unknown option ${name}; the options are ${Object.keys(rules).join(', ')}`)
    const [expected, isRight] = rule
    if (!isRight(value)) throw new InvalidCall(`${name} must be ${expected}`)
  }
  return Object.fromEntries(given) as Options
}

/** The options that are given, each of the right type. */
function check(options: SendOptions): SendOptions {
  const given = checkRules(options, OPTIONS)
  const { countdown, eta, queue, exchange, routingKey } = options
  if (countdown !== undefined && eta !== undefined) throw new InvalidCall('give either countdown or eta, not both')
  if (queue !== undefined && exchange !== undefined) throw new InvalidCall('give either queue or exchange, not both')
  if (routingKey !== undefined && exchange === undefined) {
    throw new InvalidCall('routingKey goes with an exchange; to address a queue, give queue')
  }
  return given
}

function times(options: SendOptions, now: Date): Pick<TaskMessage, 'eta' | 'expires' | 'expiration'> {
  const eta = startTime(options, now)
  if (options.expires === undefined) return { eta, expires: null }
  const expires = textOf(typeof options.expires === 'number' ? later(now, options.expires) : options.expires)
  const left = Math.max(0, Math.round((instantOf(expires) ?? 0) - now.getTime()))
  return { eta, expires, ...(left <= LONGEST_EXPIRATION_MS && { expiration: String(left) }) }
}

function startTime({ eta, countdown }: SendOptions, now: Date): string | null {
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

const PROTOCOL_HEADERS: ReadonlySet<string> = new Set(
  FIELDS.filter((row) => row.place === 'headers').map((row) => row.name),
)

function ownHeaders(headers: Readonly<Record<string, unknown>>): ValueMap {
  for (const name of Object.keys(headers)) {
    if (PROTOCOL_HEADERS.has(name))
      throw new InvalidCall(`headers: ${name} belongs to the protocol; use the option for it`)
    if (!isName(name)) throw new InvalidCall(`headers: a name must be ${NAME}`)
  }
  return headers as ValueMap
}
