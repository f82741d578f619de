/** The client: sends tasks, hands out results. */

import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { ConnectionOptions as TlsOptions } from 'node:tls'

import { InvalidCall, PublishFailed, TransportError } from './errors.js'
import { EventStream, type EventOptions } from './event-stream.js'
import { build } from './message.js'
import {
  checkClientOptions,
  signatureToApply,
  signatureToSend,
  type ApplyOptions,
  type SendOptions,
  type Surroundings,
} from './options.js'
import { plan, type Expected, type Plan } from './planning.js'
import { RemoteControl } from './remote-control.js'
import { checkRules, RULES } from './rules.js'
import type { ReadOptions } from './serialization.js'
import { GroupResult } from './group-result.js'
import type { CanvasEnd, Signature } from './signature.js'
import { TaskResult } from './task-result.js'
import { connect } from './transport/connect.js'
import type { Broker, Bus, ResultStore, Route } from './transport/transport.js'
import { abortable } from './transport/waiting.js'
import type { Wire } from './wire.js'

/** Names of tasks and what they take and return, for types only: `{ 'tasks.add': (x: number, y: number) => number }`. */
export type TaskMap<Tasks> = { [Name in keyof Tasks]: (...args: never[]) => unknown }

/** Any task, with any arguments. */
export type AnyTasks = Record<string, (...args: unknown[]) => unknown>

/** Name of a task of the map. */
export type TaskName<Tasks> = keyof Tasks & string

/** What a task takes. */
export type ArgsOf<Task> = Task extends (...args: infer Args) => unknown ? Readonly<Args> : never

/** What a task returns. */
export type ReturnOf<Task> = Task extends (...args: never[]) => infer Result ? Awaited<Result> : never

/** One task of `sendMany`: its name and its options. */
export type Call<Tasks> = {
  [Name in TaskName<Tasks>]: SendOptions<ArgsOf<Tasks[Name]>> & { readonly task: Name }
}[TaskName<Tasks>]

/** Options of a client. */
export interface ClientOptions extends ReadOptions {
  /** `amqp://`, `amqps://`, `redis://`, `rediss://`, `redis+socket://`, or a transport of one's own. */
  readonly broker: string | Broker
  /** `rpc://` (through an AMQP broker), a Redis URL, or a store of one's own. Default: no results. */
  readonly backend?: string | ResultStore
  /** Queue for tasks sent without `queue`. Default `celery`, as workers have it. */
  readonly queue?: string
  /** Seconds to wait for a connection before `BrokerUnavailable`. Default 4. */
  readonly connectTimeout?: number
  /** Seconds to wait for the broker's confirm before `PublishFailed`. Default 30. */
  readonly publishTimeout?: number
  /** Seconds for which the result store keeps what a chord is counted by. Default one day, as workers have it. */
  readonly resultExpires?: number
  /** TLS settings (`ca`, `cert`, `key`, ...) for `amqps://` and `rediss://`. */
  readonly tls?: TlsOptions
}

const DEFAULTS = { queue: 'celery', connectTimeout: 4, publishTimeout: 30, resultExpires: 86_400 } as const

/**
 * Sends tasks to Celery workers and reads their results. Connects when first used, reconnects by itself, and is meant
 * to live as long as the program.
 *
 * ```ts
 * const client = new Client({ broker: 'amqp://localhost', backend: 'rpc://' })
 * const result = await client.send('tasks.add', { args: [2, 3] })
 * console.log(await result.get({ timeout: 10 })) // 5
 * await client.close()
 * ```
 */
export class Client<Tasks extends TaskMap<Tasks> = AnyTasks> implements AsyncDisposable {
  readonly #broker: Broker
  readonly #store: ResultStore | undefined
  readonly #read: ReadOptions
  readonly #queue: string
  readonly #replyTo: string
  readonly #chords: Surroundings['chords']
  readonly #resultExpires: number
  readonly #origin = `gen${process.pid}@${hostname()}`
  readonly #closing = new AbortController()
  readonly #streams = new Set<EventStream>()
  #control: RemoteControl | undefined
  #closed: Promise<void> | undefined

  /** @throws InvalidCall on a URL that cannot be used. Nothing is connected yet. */
  constructor(options: ClientOptions) {
    const { broker, backend, tls, queue, connectTimeout, publishTimeout, resultExpires, ...read } = {
      ...DEFAULTS,
      ...checkClientOptions(options),
    }
    const replyTo = randomUUID()
    const milliseconds = { connectTimeout: connectTimeout * 1000, publishTimeout: publishTimeout * 1000 }
    const transport = connect({ broker, backend, tls, replyTo, ...milliseconds })
    this.#broker = transport.broker
    this.#store = transport.store
    this.#replyTo = this.#store?.replyTo ?? replyTo
    this.#chords = chordsOf(this.#store, backend)
    this.#resultExpires = resultExpires
    this.#queue = queue
    this.#read = read
  }

  /**
   * Sends a task. Resolves when the broker has confirmed it.
   * @throws InvalidCall before anything is sent; BrokerUnavailable; PublishFailed.
   */
  async send<Name extends TaskName<Tasks>>(
    task: Name,
    options: SendOptions<ArgsOf<Tasks[Name]>> = {},
  ): Promise<TaskResult<ReturnOf<Tasks[Name]>>> {
    return this.#publish(this.#prepare(signatureToSend(task, options)), options.signal) as Promise<TaskResult<never>>
  }

  /**
   * Sends many tasks at once, pipelined: one round trip for all. All are checked before the first is sent.
   * @throws as `send`; when only some fail, PublishFailed with an AggregateError as `cause`.
   */
  async sendMany<const Calls extends readonly Call<Tasks>[]>(
    calls: Calls,
  ): Promise<{ -readonly [Index in keyof Calls]: TaskResult<ReturnOf<Tasks[Calls[Index]['task']]>> }> {
    const plain: readonly (SendOptions & { readonly task: string })[] = calls
    const prepared = plain.map(({ task, ...options }) => ({
      ready: this.#prepare(signatureToSend(task, options)),
      signal: options.signal,
    }))
    return (await allOf(prepared.map(({ ready, signal }) => this.#publish(ready, signal)))) as never
  }

  /**
   * Applies a signature: of a task, or a chain, group, chord or map. Resolves, when the broker has confirmed every message,
   * to the handle of its end: a `GroupResult` where it ends in a group, else a `TaskResult`.
   * ```ts
   * const sums = await client.apply(group([signature('tasks.add', { args: [1, 1] }), signature('tasks.add', { args: [2, 2] })]))
   * await sums.get() // [2, 4]
   * ```
   * The options come before those of the signature; see `chain`, `group` and `chord` for where they go.
   * @throws as `sendMany`; InvalidCall also for a chord on a result backend that workers cannot count in.
   */
  async apply<End extends CanvasEnd>(
    canvas: Signature<End>,
    options: ApplyOptions = {},
  ): Promise<End extends 'group' ? GroupResult : TaskResult> {
    const result = await this.#publish(this.#prepare(signatureToApply(canvas, options)), options.signal)
    return result as End extends 'group' ? GroupResult : TaskResult
  }

  /** The handle of a task whose id is known, say from another process. Replies of `rpc://` come only to their sender. */
  result<T = unknown>(taskId: string): TaskResult<T> {
    return new TaskResult(taskId, {
      slot: this.#store?.slot(taskId),
      why: 'no result backend: pass backend: "rpc://" or a Redis URL to the client',
      read: this.#read,
      closed: this.#closing.signal,
    })
  }

  /**
   * Questions and orders to workers.
   * ```ts
   * for (const { node, reply } of await client.control.ping()) console.log(node, reply)
   * await client.control.revoke(result.id)
   * ```
   * @throws InvalidCall when the broker is a transport of one's own without remote control.
   */
  get control(): RemoteControl {
    this.#control ??= new RemoteControl(this.#bus(), this.#read, this.#closing.signal)
    return this.#control
  }

  /**
   * What workers and producers tell of tasks and of themselves, as long as somebody reads it.
   * ```ts
   * for await (const event of client.events()) console.log(event.type, event.uuid)
   * ```
   * Events are news: they are sent once, to whoever happens to listen. To be sure that none from now on is missed,
   * `await stream.ready()`.
   * @throws InvalidCall on wrong options, and as `control`.
   */
  events(options: EventOptions = {}): EventStream {
    const { groups, enable = true } = checkRules(options, { groups: RULES.list, enable: RULES.flag })
    this.#closing.signal.throwIfAborted()
    const switchOn = async (): Promise<unknown> => enable && this.control.enableEvents()
    const stream = new EventStream(this.#bus(), groups, this.#read, switchOn)
    this.#streams.add(stream)
    return stream
  }

  /** Ends the connections. `get()` calls still waiting are rejected. Idempotent; every call waits for the end. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  /** So that `await using client = new Client(...)` closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#closing.abort(new TransportError('the client was closed'))
    await Promise.all([...this.#streams].map((stream) => stream.return()))
    await Promise.all([this.#broker.close(), this.#store?.close()])
  }

  /** Checks and serializes; whatever the caller did wrong is said here. */
  #prepare(call: Signature): Ready {
    const { chords, messages, result } = plan(call, this.#surroundings())
    return { chords, result, messages: messages.map((route) => ({ route, wire: build(route.message) })) }
  }

  #bus(): Bus {
    const { bus } = this.#broker
    if (!bus) throw new InvalidCall(`the broker ${this.#broker.constructor.name} has no remote control and no events`)
    return bus
  }

  #surroundings(): Surroundings {
    return {
      now: new Date(),
      newId: randomUUID,
      origin: this.#origin,
      replyTo: this.#replyTo,
      queue: this.#queue,
      chords: this.#chords,
    }
  }

  async #publish(ready: Ready, signal: AbortSignal | undefined): Promise<TaskResult | GroupResult> {
    signal?.throwIfAborted()
    this.#closing.signal.throwIfAborted()
    // Made before the messages are sent: a reply to a task that nobody holds is dropped.
    const result = this.#expect(ready.result)
    await abortable(this.#sendAll(ready), signal)
    return result
  }

  async #sendAll({ chords, messages, result }: Ready): Promise<void> {
    if (!isIgnored(result)) await this.#store?.prepare()
    for (const { groupId, size } of chords) await this.#store?.startChord?.(groupId, size, this.#resultExpires)
    await allOf(messages.map(({ wire, route }) => this.#broker.publish(wire, route)))
  }

  #expect({ id, ignored, members }: Expected): TaskResult | GroupResult {
    if (members)
      return new GroupResult(
        id,
        members.map((member) => this.#expect(member)),
      )
    return ignored ? this.#ignored(id) : this.result(id)
  }

  #ignored(taskId: string): TaskResult {
    const why = 'the task was sent with ignoreResult: there is no result to wait for'
    return new TaskResult(taskId, { slot: undefined, why, read: this.#read, closed: this.#closing.signal })
  }
}

/** A plan whose messages are serialized. */
interface Ready extends Omit<Plan, 'messages'> {
  readonly messages: readonly { readonly wire: Wire; readonly route: Route }[]
}

function isIgnored({ ignored, members }: Expected): boolean {
  return members ? members.every(isIgnored) : ignored
}

/** Workers count in the client's store if they can; without one, a worker does what the producer would have to. */
function chordsOf(store: ResultStore | undefined, backend: string | ResultStore | undefined): Surroundings['chords'] {
  if (!store) return 'worker'
  if (store.startChord) return 'store'
  const name = typeof backend === 'string' ? backend : store.constructor.name
  return { refused: `the backend ${name} cannot count the members of a chord: pass a Redis URL as backend` }
}

/** What all promises resolve to, once all have ended. */
async function allOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  try {
    return await Promise.all(promises)
  } catch {
    const settled = await Promise.allSettled(promises)
    const errors = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
    throw failureOf(errors, promises.length)
  }
}

function failureOf(errors: readonly unknown[], total: number): unknown {
  if (errors.length === total) return errors[0]
  const cause = new AggregateError(errors)
  return new PublishFailed(`${errors.length} of ${total} messages were not confirmed: ${String(errors[0])}`, { cause })
}
