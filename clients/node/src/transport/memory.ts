/**
 * A broker and result store in memory, for unit tests of programs that send tasks. What goes through it is really
 * serialized: a message that it takes can be sent, one that cannot be sent it refuses as the real ones do.
 */

import type { Wire } from '../wire.js'
import type { Encoded } from '../serialization.js'
import type { Broker, ResultSlot, ResultStore, Route } from './transport.js'

interface Documents {
  readonly list: Encoded[]
  readonly wakes: Set<() => void>
}

/**
 * ```ts
 * const memory = new MemoryTransport()
 * const client = new Client({ broker: memory, backend: memory })
 * const result = await client.send('tasks.add', { args: [2, 3] })
 * parse(memory.messages('celery')[0]).args // [2, 3]
 * memory.reply(result.id, buildResult({ taskId: result.id, status: 'SUCCESS', result: 5 }))
 * await result.get() // 5
 * ```
 */
export class MemoryTransport implements Broker, ResultStore {
  readonly replyTo = undefined
  readonly #queues = new Map<string, Wire[]>()
  readonly #documents = new Map<string, Documents>()
  /** Members of every chord that was sent, by the id of its group. */
  readonly chords = new Map<string, number>()

  /** The messages published to a queue (or, with an exchange, to `exchange/routing key`), oldest first. */
  messages(queue: string): readonly Wire[] {
    return this.#queues.get(queue) ?? []
  }

  /** Stores a result document, as a worker would; see `buildResult`. */
  reply(taskId: string, document: Encoded): void {
    const { list, wakes } = this.#of(taskId)
    list.push(document)
    for (const wake of wakes) wake()
  }

  publish(wire: Wire, route: Route): Promise<void> {
    const name = route.exchange === '' ? route.routingKey : `${route.exchange}/${route.routingKey}`
    const queue = this.#queues.get(name) ?? []
    this.#queues.set(name, queue)
    queue.push(wire)
    return Promise.resolve()
  }

  prepare(): Promise<void> {
    return Promise.resolve()
  }

  startChord(groupId: string, size: number): Promise<void> {
    this.chords.set(groupId, size)
    return Promise.resolve()
  }

  slot(taskId: string): ResultSlot {
    const { list, wakes } = this.#of(taskId)
    return {
      read: () => Promise.resolve(list),
      watch: (wake) => {
        wakes.add(wake)
        return Promise.resolve(() => {
          wakes.delete(wake)
        })
      },
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #of(taskId: string): Documents {
    const documents = this.#documents.get(taskId) ?? { list: [], wakes: new Set() }
    this.#documents.set(taskId, documents)
    return documents
  }
}
