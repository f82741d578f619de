/** The client: sends tasks, hands out results. */

import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { ConnectionOptions as TlsOptions } from 'node:tls'

import { PublishFailed, TransportError } from './errors.js'
import { build } from './message.js'
import {
  checkClientOptions,
  prepare,
  prepareChain,
  type Outgoing,
  type SendOptions,
  type Surroundings,
} from './options.js'
import type { ReadOptions } from './serialization.js'
import type { Signature } from './signature.js'
import { TaskResult } from './task-result.js'
import { connect } from './transport/connect.js'
import type { Broker, ResultStore } from './transport/transport.js'
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
  /** TLS settings (`ca`, `cert`, `key`, ...) for `amqps://` and `rediss://`. */
  readonly tls?: TlsOptions
}

const DEFAULTS = { queue: 'celery', connectTimeout: 4, publishTimeout: 30 } as const

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
  readonly #origin = `gen${process.pid}@${hostname()}`
  readonly #closing = new AbortController()
  #closed: Promise<void> | undefined

  /** @throws InvalidCall on a URL that cannot be used. Nothing is connected yet. */
  constructor(options: ClientOptions) {
    const { broker, backend, tls, queue, connectTimeout, publishTimeout, ...read } = {
      ...DEFAULTS,
      ...checkClientOptions(options),
    }
    const replyTo = randomUUID()
    const milliseconds = { connectTimeout: connectTimeout * 1000, publishTimeout: publishTimeout * 1000 }
    const transport = connect({ broker, backend, tls, replyTo, ...milliseconds })
    this.#broker = transport.broker
    this.#store = transport.store
    this.#replyTo = this.#store?.replyTo ?? replyTo
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
    return this.#publish(this.#prepare(task, options), options)
  }

  /**
   * Sends many tasks at once, pipelined: one round trip for all. All are checked before the first is sent.
   * @throws as `send`; when only some fail, PublishFailed with an AggregateError as `cause`.
   */
  async sendMany<const Calls extends readonly Call<Tasks>[]>(
    calls: Calls,
  ): Promise<{ -readonly [Index in keyof Calls]: TaskResult<ReturnOf<Tasks[Calls[Index]['task']]>> }> {
    const plain: readonly (SendOptions & { readonly task: string })[] = calls
    const prepared = plain.map(({ task, ...options }) => ({ ready: this.#prepare(task, options), options }))
    const settled = await Promise.allSettled(prepared.map(({ ready, options }) => this.#publish(ready, options)))
    const errors = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
    if (errors.length > 0) throw failureOf(errors, calls.length)
    return settled.map((one) => (one as PromiseFulfilledResult<unknown>).value) as never
  }

  /**
   * Sends a chain: the task, then each step with the result of the one before put before its own arguments. Resolves,
   * when the broker has confirmed the first message, to the handle of the last step.
   * ```ts
   * const result = await client.sendChain('tasks.add', { args: [2, 3] }, [signature('tasks.mul', { args: [10] })])
   * await result.get() // 50
   * ```
   * A failed step fails all after it. The options are those of the first message; only `linkError` goes to every step
   * and `link` to the last.
   * @throws as `send`.
   */
  async sendChain<Name extends TaskName<Tasks>, T = unknown>(
    task: Name,
    options: SendOptions<ArgsOf<Tasks[Name]>>,
    steps: readonly Signature[],
  ): Promise<TaskResult<T>> {
    const outgoing = prepareChain(task, options, steps, this.#surroundings())
    const ready = { outgoing, id: outgoing.lastId, wire: build(outgoing.message) }
    // Without the result of the first step there is still that of the last to wait for.
    return this.#publish(ready, options.signal ? { signal: options.signal } : {})
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
    await Promise.all([this.#broker.close(), this.#store?.close()])
  }

  /** Checks and serializes; whatever the caller did wrong is said here. */
  #prepare(task: string, options: SendOptions): Ready {
    const outgoing = prepare(task, options, this.#surroundings())
    return { outgoing, id: outgoing.message.id, wire: build(outgoing.message) }
  }

  #surroundings(): Surroundings {
    return { now: new Date(), newId: randomUUID, origin: this.#origin, replyTo: this.#replyTo, queue: this.#queue }
  }

  async #publish<T>(
    { outgoing, id, wire }: Ready,
    { signal, ignoreResult = false }: SendOptions,
  ): Promise<TaskResult<T>> {
    signal?.throwIfAborted()
    this.#closing.signal.throwIfAborted()
    // Made before the message is sent: a reply to a task that nobody holds is dropped.
    const result = ignoreResult ? this.#ignored<T>(id) : this.result<T>(id)
    const sending = async (): Promise<void> => {
      if (!ignoreResult) await this.#store?.prepare()
      await this.#broker.publish(wire, outgoing)
    }
    await abortable(sending(), signal)
    return result
  }

  #ignored<T>(taskId: string): TaskResult<T> {
    const why = 'the task was sent with ignoreResult: there is no result to wait for'
    return new TaskResult(taskId, { slot: undefined, why, read: this.#read, closed: this.#closing.signal })
  }
}

/** A message ready to be published, and the id of the task to wait for. */
interface Ready {
  readonly outgoing: Outgoing
  readonly id: string
  readonly wire: Wire
}

function failureOf(errors: readonly unknown[], total: number): unknown {
  if (errors.length === total) return errors[0]
  const cause = new AggregateError(errors)
  return new PublishFailed(`${errors.length} of ${total} messages were not confirmed: ${String(errors[0])}`, { cause })
}
