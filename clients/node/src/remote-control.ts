/** Remote control: questions and orders to workers (spec chapter 7). */

import { randomUUID } from 'node:crypto'

import { buildControl, parseReply, type ControlRequest } from './control.js'
import { InvalidMessage } from './errors.js'
import { checkRules, oneOf, RULES, type Rule } from './rules.js'
import type { ReadOptions } from './serialization.js'
import type { Bus } from './transport/transport.js'
import { abortable, atMost } from './transport/waiting.js'
import type { Value, ValueMap } from './values.js'
import type { Wire } from './wire.js'

/** Whom a command is for, and how long to wait for replies. */
export interface ControlOptions {
  /** Names of the nodes that are meant. Default: every node. */
  readonly destination?: string | readonly string[]
  /** Pattern of the names of the nodes that are meant. */
  readonly pattern?: string
  /** How to read the pattern. Default `glob`. */
  readonly matcher?: 'glob' | 'pcre'
  /** Seconds to wait for replies: nobody says how many nodes there are (CT-RPL-003). Default 1. */
  readonly timeout?: number
  /** Most replies to wait for. Default: as many as `destination` names. */
  readonly limit?: number
  /** Ends the wait; rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** Options of a command that orders something. */
export interface OrderOptions extends ControlOptions {
  /** `true`: wait for replies. Default `false`: the promise resolves to none as soon as the broker has the order. */
  readonly reply?: boolean
}

/** Options of `revoke`. */
export interface RevokeOptions extends OrderOptions {
  /** `true`: stop the task also while it runs (CT-REV-003). Default `false`. */
  readonly terminate?: boolean
  /** Signal that ends it. Default `SIGTERM`. */
  readonly killSignal?: string
}

/** Options of `broadcast`. */
export interface BroadcastOptions extends OrderOptions {
  /** Keyword arguments of the command. */
  readonly arguments?: Readonly<Record<string, unknown>>
}

/** What one node said. An array and not a map: two nodes of one name are two. */
export interface NodeReply<T = Value> {
  /** Name of the node, such as `celery@host`. */
  readonly node: string
  /** What it said; `null` when it had nothing to say. */
  readonly reply: T
}

/** What a node says to an order: an error is a reply like any other (CT-CMD-003). */
export type OrderReply = { readonly ok: string } | { readonly error: string }

/** A task as nodes tell of it. */
export interface TaskInfo {
  readonly id: string
  readonly name: string
  readonly args: Value
  readonly kwargs: Value
  readonly hostname: string
  readonly time_start: number | null
  readonly acknowledged: boolean
  readonly delivery_info: ValueMap
  readonly worker_pid: number | null
}

type Replies<T> = Promise<readonly NodeReply<T>[]>
type Orders = Replies<OrderReply>

const BROADCAST_RULES: Readonly<Record<keyof BroadcastOptions, Rule>> = {
  destination: RULES.names,
  pattern: RULES.text,
  matcher: oneOf(['glob', 'pcre']),
  timeout: RULES.seconds,
  limit: RULES.size,
  signal: RULES.signal,
  reply: RULES.flag,
  arguments: RULES.map,
}

const DEFAULT_TIMEOUT = 1
const ASK = { reply: true } as const

/** How long to wait for replies: until there are enough, the time is over, or the wait is ended. */
interface Patience {
  readonly milliseconds: number
  readonly limit: number
  readonly ending: AbortSignal
}

/** Sends commands to workers; `client.control`. A command resolves to the replies in the order in which they came. */
export class RemoteControl {
  readonly #bus: Bus
  readonly #read: ReadOptions
  readonly #closed: AbortSignal
  /** Logical clock: goes on with the clock of whoever replies. */
  #clock = 0

  /** @internal */
  constructor(bus: Bus, read: ReadOptions, closed: AbortSignal) {
    this.#bus = bus
    this.#read = read
    this.#closed = closed
  }

  /**
   * Sends any command, also those of one's own workers. With `reply`, waits for `timeout` seconds or `limit` replies.
   * @throws InvalidCall, BrokerUnavailable, TransportError.
   */
  async broadcast(method: string, options: BroadcastOptions = {}): Promise<readonly NodeReply[]> {
    const given = checkRules(options, BROADCAST_RULES)
    const { timeout = DEFAULT_TIMEOUT, reply = false } = given
    const ending = given.signal ? AbortSignal.any([given.signal, this.#closed]) : this.#closed
    ending.throwIfAborted()
    const request = this.#request(method, given, timeout)
    if (!reply) {
      await this.#bus.broadcast(buildControl(request))
      return []
    }
    const { destination } = request
    const limit = given.limit ?? (destination ? destination.length : Infinity)
    return this.#ask(request, { milliseconds: timeout * 1000, limit, ending })
  }

  /** Who is there. */
  ping(options: ControlOptions = {}): Replies<{ readonly ok: 'pong' }> {
    return this.#question('ping', {}, options)
  }

  /** Tasks that run. */
  active(options: ControlOptions = {}): Replies<TaskInfo[]> {
    return this.#question('active', { safe: null }, options)
  }

  /** Tasks that a node has taken and not begun. */
  reserved(options: ControlOptions = {}): Replies<TaskInfo[]> {
    return this.#question('reserved', {}, options)
  }

  /** Tasks that a node holds for their eta. */
  scheduled(options: ControlOptions = {}): Replies<{ eta: string; priority: number; request: TaskInfo }[]> {
    return this.#question('scheduled', {}, options)
  }

  /** Ids of tasks that were revoked. */
  revoked(options: ControlOptions = {}): Replies<string[]> {
    return this.#question('revoked', {}, options)
  }

  /** Names of the tasks that a node knows, with the named attributes behind each. */
  registered(attributes: readonly string[] = [], options: ControlOptions = {}): Replies<string[]> {
    return this.#question('registered', { taskinfoitems: attributes }, options)
  }

  /** Queues that a node reads. */
  activeQueues(options: ControlOptions = {}): Replies<ValueMap[]> {
    return this.#question('active_queues', {}, options)
  }

  /** Numbers about a node; which keys there are depends on its pool (CT-INS-005). */
  stats(options: ControlOptions = {}): Replies<ValueMap> {
    return this.#question('stats', {}, options)
  }

  /** Where tasks are: `active`, `reserved`, `scheduled` or `ready`, and what is known of each; only those that a node holds. */
  queryTask(
    taskIds: string | readonly string[],
    options: ControlOptions = {},
  ): Replies<Record<string, [string, TaskInfo]>> {
    return this.#question('query_task', { ids: [taskIds].flat() }, options)
  }

  /** Forget these tasks. `ok` is no proof that one has ended or will not run (CT-REV-002): its result tells. */
  revoke(taskIds: string | readonly string[], options: RevokeOptions = {}): Orders {
    return this.#revoke('revoke', { task_id: taskIds }, options)
  }

  /** Forget the tasks in whose stamps one of these names has one of these values (CT-REV-004). */
  revokeByStamps(stamps: Readonly<Record<string, unknown>>, options: RevokeOptions = {}): Orders {
    return this.#revoke('revoke_by_stamped_headers', { headers: stamps }, options)
  }

  /** At most so many runs of a task: `10/m`, `5/s`, a number a second; 0 for no limit. */
  rateLimit(task: string, rate: string | number, options: OrderOptions = {}): Orders {
    return this.#order('rate_limit', { task_name: task, rate_limit: rate }, options)
  }

  /** Time limits of a task in seconds; `null` for none. */
  timeLimit(
    task: string,
    { hard = null, soft = null }: { readonly hard?: number | null; readonly soft?: number | null },
    options: OrderOptions = {},
  ): Orders {
    return this.#order('time_limit', { task_name: task, hard, soft }, options)
  }

  /** Read a queue too. */
  addConsumer(queue: string, options: OrderOptions = {}): Orders {
    return this.#order('add_consumer', { queue, exchange: null, exchange_type: 'direct', routing_key: null }, options)
  }

  /** Read a queue no longer. */
  cancelConsumer(queue: string, options: OrderOptions = {}): Orders {
    return this.#order('cancel_consumer', { queue }, options)
  }

  /** Send task events from now on. */
  enableEvents(options: OrderOptions = {}): Orders {
    return this.#order('enable_events', {}, options)
  }

  /** Send no more task events. */
  disableEvents(options: OrderOptions = {}): Orders {
    return this.#order('disable_events', {}, options)
  }

  /** So many more processes or threads. */
  poolGrow(n = 1, options: OrderOptions = {}): Orders {
    return this.#order('pool_grow', { n }, options)
  }

  /** So many fewer. */
  poolShrink(n = 1, options: OrderOptions = {}): Orders {
    return this.#order('pool_shrink', { n }, options)
  }

  /** Stop, after the tasks that run. Nobody replies (CT-CMD-005): ping, or wait for the event `worker-offline`. */
  async shutdown(options: Pick<ControlOptions, 'destination' | 'pattern' | 'matcher'> = {}): Promise<void> {
    await this.broadcast('shutdown', options)
  }

  #question<T>(method: string, args: Readonly<Record<string, unknown>>, options: ControlOptions): Replies<T> {
    return this.broadcast(method, { ...options, arguments: args, ...ASK }) as unknown as Replies<T>
  }

  #order(method: string, args: Readonly<Record<string, unknown>>, options: OrderOptions): Orders {
    return this.broadcast(method, { ...options, arguments: args }) as unknown as Orders
  }

  #revoke(method: string, args: Readonly<Record<string, unknown>>, options: RevokeOptions): Orders {
    const { terminate = false, killSignal: signal = 'SIGTERM', ...rest } = options
    return this.#order(method, { ...args, terminate, signal }, rest)
  }

  #request(method: string, given: BroadcastOptions, timeout: number): ControlRequest {
    const { destination, pattern = null } = given
    this.#clock += 1
    return {
      method,
      arguments: (given.arguments ?? {}) as ValueMap,
      destination: destination === undefined ? null : [destination].flat(),
      pattern,
      matcher: given.matcher ?? (pattern === null ? null : 'glob'),
      clock: this.#clock,
      expires: Date.now() / 1000 + timeout,
      deliveryMode: 2,
      priority: 0,
    }
  }

  /** Listens first, as workers answer within milliseconds (CT-REQ-006). */
  async #ask(request: ControlRequest, { milliseconds, limit, ending }: Patience): Promise<readonly NodeReply[]> {
    const ticket = randomUUID()
    const replies: NodeReply[] = []
    let full = (): void => undefined
    const filled = new Promise<void>((resolve) => {
      full = resolve
    })
    const stop = await this.#bus.replies(ticket, (wire) => {
      const reply = this.#reply(wire, ticket)
      if (reply) replies.push(reply)
      if (replies.length >= limit) full()
    })
    try {
      const replyTo = { exchange: 'reply.celery.pidbox', routing_key: ticket }
      await this.#bus.broadcast(buildControl({ ...request, ticket, replyTo }))
      await abortable(atMost(filled, milliseconds), ending)
      return replies.slice(0, limit)
    } finally {
      full()
      await stop()
    }
  }

  /** The reply, if it is one to this question (CT-RPL-002). */
  #reply(wire: Wire, asked: string): NodeReply | undefined {
    try {
      const { node, reply, ticket, clock } = parseReply(wire, this.#read)
      this.#clock = Math.max(this.#clock, clock ?? 0)
      return ticket === asked ? { node, reply } : undefined
    } catch (error) {
      if (error instanceof InvalidMessage) return undefined
      throw error
    }
  }
}
