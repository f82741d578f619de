/** Remote control and events: what is sent, and a real Celery worker on both brokers. */

import assert from 'node:assert/strict'
import { after, before, describe, it, test } from 'node:test'

import {
  buildEvents,
  buildReply,
  Client,
  MemoryTransport,
  parseControl,
  type Bus,
  type CeleryEvent,
  type ClientOptions,
  type ControlRequest,
  type EventStream,
  type RemoteControl,
  type Value,
  type Wire,
} from '../src/index.js'
import { EXCHANGES, QUEUES } from '../src/transport/amqp-bus.js'
import { REPLY_QUEUE } from '../src/transport/amqp-replies.js'
import type { JsonMap } from '../src/neutral.js'
import { noCelery, startWorker, type Worker } from './celery.js'
import { broker, uniqueName, until, vectors } from './support.js'

/** A broker whose one node answers what it is told to. */
class FakeBus extends MemoryTransport {
  readonly sent: Wire[] = []
  answers: readonly Wire[] = []
  #takeReply: ((wire: Wire) => void) | undefined
  takeEvents: ((wire: Wire) => void) | undefined
  readonly stopped: string[] = []

  readonly bus: Bus = {
    broadcast: (wire) => {
      this.sent.push(wire)
      for (const answer of this.answers) this.#takeReply?.(answer)
      return Promise.resolve()
    },
    replies: (_key, take) => {
      this.#takeReply = (wire) => {
        take({ ...wire, headers: { ticket: this.request(-1).ticket ?? null, ...wire.headers } })
      }
      return Promise.resolve(() => this.#stop('replies'))
    },
    events: (_groups, take) => {
      this.takeEvents = take
      return Promise.resolve(() => this.#stop('events'))
    },
  }

  /** One of the requests that were sent. */
  request(index: number): ControlRequest {
    const wire = this.sent.at(index)
    assert.ok(wire)
    return parseControl(wire)
  }

  #stop(what: string): Promise<void> {
    this.stopped.push(what)
    return Promise.resolve()
  }
}

function faked(options: Partial<ClientOptions> = {}): { fake: FakeBus; client: Client } {
  const fake = new FakeBus()
  return { fake, client: new Client({ broker: fake, ...options }) }
}

function answer(node: string, reply: Value, ticket?: string): Wire {
  const wire = buildReply({ node, reply, clock: 41 })
  return ticket === undefined ? wire : { ...wire, headers: { ...wire.headers, ticket } }
}

/** The body of the request of a vector, without what differs from call to call. */
function requestOf(id: string): unknown {
  const [vector] = vectors('control').filter((one) => one.id === `control/${id}`)
  const { method, arguments: args, destination, pattern, matcher } = vector?.message ?? {}
  return { method, arguments: args, destination, pattern, matcher }
}

const w1 = 'w1@host.example'
/** So that a question ends with its one answer. */
const ONE = { limit: 1 } as const

/** The call that sends the request of a vector. */
const CALLS: Readonly<Record<string, (control: RemoteControl) => Promise<unknown>>> = {
  'ping-request': (control) => control.ping(ONE),
  'ping-destination-request': (control) => control.ping({ destination: w1 }),
  'ping-pattern-request': (control) => control.ping({ pattern: 'w*', ...ONE }),
  'active-request': (control) => control.active(ONE),
  'active-queues-request': (control) => control.activeQueues(ONE),
  'reserved-request': (control) => control.reserved(ONE),
  'scheduled-request': (control) => control.scheduled(ONE),
  'revoked-request': (control) => control.revoked(ONE),
  'registered-request': (control) => control.registered([], ONE),
  'registered-attributes-request': (control) => control.registered(['rate_limit', 'max_retries'], ONE),
  'stats-request': (control) => control.stats(ONE),
  'query-task-request': (control) => control.queryTask(['order-running', 'order-reserved', 'order-unknown'], ONE),
  'revoke-no-reply-request': (control) => control.revoke('order-4711'),
  'revoke-list-request': (control) => control.revoke(['order-4713']),
  'revoke-terminate-request': (control) => control.revoke('order-running', { terminate: true, killSignal: 'SIGKILL' }),
  'revoke-stamped-headers-request': (control) => control.revokeByStamps({ tenant: 'acme' }),
  'rate-limit-request': (control) => control.rateLimit('shop.add', '10/m'),
  'time-limit-request': (control) => control.timeLimit('shop.add', { hard: 30, soft: 20 }),
  'add-consumer-request': (control) => control.addConsumer('shop.more'),
  'cancel-consumer-request': (control) => control.cancelConsumer('shop.more'),
  'enable-events-request': (control) => control.enableEvents(),
  'disable-events-request': (control) => control.disableEvents(),
  'pool-grow-request': (control) => control.poolGrow(1),
  'shutdown-request': (control) => control.shutdown(),
}

for (const [id, call] of Object.entries(CALLS)) {
  test(`control/${id} is what we send`, async () => {
    const { fake, client } = faked()
    fake.answers = [answer(w1, null)]
    await call(client.control)
    const { method, arguments: args, destination, pattern, matcher } = fake.request(0)
    assert.deepEqual({ method, arguments: args, destination, pattern, matcher }, requestOf(id))
  })
}

test('replies come in order, with the ticket of the question, until there are enough', async () => {
  const { fake, client } = faked()
  const stray = answer('w0@host', 'late', 'of another question')
  fake.answers = [
    stray,
    answer('w2@host', { ok: 'pong' }),
    { ...stray, body: Buffer.from('{}') },
    answer('w1@host', null),
  ]
  const replies = await client.control.ping({ limit: 2, timeout: 30 })
  assert.deepEqual(replies, [
    { node: 'w2@host', reply: { ok: 'pong' } },
    { node: 'w1@host', reply: null },
  ])
  const request = fake.request(0)
  assert.ok(request.ticket)
  assert.deepEqual(request.replyTo, { exchange: 'reply.celery.pidbox', routing_key: request.ticket })
  assert.deepEqual(fake.stopped, ['replies'])
  await client.control.revoke('x')
  const order = fake.request(1)
  assert.deepEqual([order.ticket, order.replyTo, order.clock], [undefined, undefined, 42])
})

test('a wait ends with its time, its signal, or the client', async () => {
  const { client } = faked()
  assert.deepEqual(await client.control.ping({ timeout: 0.02 }), [])
  const signal = AbortSignal.timeout(20)
  await assert.rejects(client.control.ping({ timeout: 60, signal }), { name: 'TimeoutError' })
  const waiting = client.control.ping({ timeout: 60 })
  await client.close()
  await assert.rejects(waiting, { code: 'TRANSPORT_ERROR' })
  await assert.rejects(client.control.ping(), { code: 'TRANSPORT_ERROR' })
})

test('mistakes are refused', async () => {
  const { client } = faked()
  await assert.rejects(client.control.ping({ matcher: 'regex' as 'pcre' }), /matcher must be one of glob, pcre/)
  await assert.rejects(client.control.revoke('a', { bogus: 1 } as object), /unknown option bogus/)
  assert.throws(() => client.events({ groups: 'task' } as object), /groups must be a list/)
  const without = new Client({ broker: { publish: () => Promise.resolve(), close: () => Promise.resolve() } })
  assert.throws(() => without.control, /has no remote control/)
})

test('events: one by one, malformed messages dropped, and an end', async () => {
  const { fake, client } = faked()
  const stream = client.events()
  await stream.ready()
  assert.equal(fake.request(0).method, 'enable_events')
  const event = { type: 'task-progress', hostname: 'w1@host', timestamp: 1.5, uuid: 'one', extra: { done: 3 } }
  const message = buildEvents({ events: [event, { ...event, uuid: 'two' }] })
  const next = stream.next()
  fake.takeEvents?.({ ...message, body: Buffer.from('no event') })
  fake.takeEvents?.(message)
  assert.deepEqual(await next, { value: event, done: false })
  for await (const { uuid } of stream) {
    assert.equal(uuid, 'two')
    break
  }
  assert.deepEqual(fake.stopped, ['events'])
  assert.deepEqual(await stream.next(), { value: undefined, done: true })
  const other = client.events({ enable: false })
  const pending = other.next()
  await other.ready()
  await client.close()
  assert.deepEqual(await pending, { value: undefined, done: true })
  assert.equal(fake.sent.length, 1)
})

test('a reader that is too slow loses the oldest events', async () => {
  const { fake, client } = faked()
  const stream = client.events({ enable: false })
  await stream.ready()
  const events = Array.from({ length: 10_001 }, (_, clock) => ({ type: 'a', hostname: 'h', timestamp: 1, clock }))
  fake.takeEvents?.(buildEvents({ events }))
  assert.equal((await stream.next()).value?.clock, 1)
  assert.equal(stream.dropped, 1)
})

test('exchanges and queues are declared as Celery declares them', () => {
  const of = (id: string): JsonMap[] =>
    vectors('topology').flatMap((one) => (one.id === `topology/${id}` ? (one.wire['methods'] as JsonMap[]) : []))
  const methods = [...of('worker'), ...of('client-rpc')]
  for (const { exchange, type, durable } of Object.values(EXCHANGES)) {
    const theirs = methods.find((one) => one['method'] === 'exchange.declare' && one['exchange'] === exchange)
    assert.deepEqual([theirs?.['type'], theirs?.['durable']], [type, durable], exchange)
  }
  const queues = [
    [QUEUES.replies, /\.celery\.pidbox$/],
    [QUEUES.events, /^celeryev\./],
    [{ exclusive: false, ...REPLY_QUEUE }, /^[0-9a-f-]{36}$/],
  ] as const
  for (const [{ durable, exclusive, autoDelete, arguments: args }, name] of queues) {
    const theirs = methods.find((one) => one['method'] === 'queue.declare' && name.test(one['queue'] as string))
    const { durable: d, exclusive: e, auto_delete: a, arguments: g } = theirs ?? {}
    assert.deepEqual([durable, exclusive, autoDelete, args], [d, e, a, g], String(name))
  }
})

for (const name of ['rabbitmq', 'redis'] as const) {
  const { url, skip } = broker(name)
  const backend = name === 'redis' ? url : 'rpc://'

  describe(`a Celery worker on ${name}`, { skip: noCelery || skip }, () => {
    const queue = uniqueName('control')
    let worker: Worker
    let client: Client
    let stream: EventStream

    before(async () => {
      worker = await startWorker(url, backend, queue)
      client = new Client({ broker: url, backend, queue })
      stream = client.events()
      await stream.ready()
    })
    after(async () => {
      await client.close()
      await worker.stop()
    })

    const WAIT = { timeout: 30 }

    it('answers questions', async () => {
      const destination = worker.node
      const ask = { destination, ...WAIT }
      const { control } = client
      assert.deepEqual(await control.ping(ask), [{ node: destination, reply: { ok: 'pong' } }])
      assert.deepEqual(await control.ping({ pattern: `${queue}@*`, limit: 1, ...WAIT }), await control.ping(ask))
      const [tasks] = await control.registered([], ask)
      assert.ok(tasks?.reply.includes('t.add'))
      const [queues] = await control.activeQueues(ask)
      assert.deepEqual(
        queues?.reply.map(({ name: one }) => one),
        [queue],
      )
      const [stats] = await control.stats(ask)
      assert.ok(Number(stats?.reply['pid']) > 0)
      for (const list of [await control.active(ask), await control.reserved(ask), await control.scheduled(ask)])
        assert.deepEqual(list, [{ node: destination, reply: [] }])
      const [failure] = await control.rateLimit('no.such.task', '1/s', { reply: true, ...ask })
      assert.deepEqual(failure?.reply, { error: 'unknown task' })
    })

    it('revokes a task that waits for its time, and remembers it', async () => {
      const { control } = client
      const result = await client.send('t.add', { args: [1, 2], countdown: 600 })
      const ask = { destination: worker.node, ...WAIT }
      await until(async () => (await control.scheduled(ask))[0]?.reply.length === 1)
      const [found] = await control.queryTask(result.id, ask)
      assert.equal(found?.reply[result.id]?.[0], 'scheduled')
      const [order] = await control.revoke(result.id, { reply: true, ...ask })
      assert.ok(order && 'ok' in order.reply)
      const [revoked] = await control.revoked(ask)
      assert.ok(revoked?.reply.includes(result.id))
    })

    it('sends events', async () => {
      const result = await client.send('t.add', { args: [1, 2] })
      const seen: CeleryEvent[] = []
      for await (const event of stream) {
        if (event.uuid === result.id) seen.push(event)
        if (event.uuid === result.id && event.type === 'task-succeeded') break
      }
      assert.deepEqual(
        seen.map(({ type }) => type),
        ['task-received', 'task-started', 'task-succeeded'],
      )
      assert.deepEqual([seen[0]?.name, seen[0]?.args, seen[2]?.result], ['t.add', '[1, 2]', '3'])
      assert.equal(seen[0]?.hostname, worker.node)
    })

    it(
      'leaves nothing behind of a question',
      { skip: name !== 'redis' && 'RabbitMQ deletes the queue itself' },
      async () => {
        const { Redis } = await import('ioredis')
        const redis = new Redis(url)
        await client.control.ping({ destination: worker.node, ...WAIT })
        assert.deepEqual(await redis.smembers('_kombu.binding.reply.celery.pidbox'), [])
        redis.disconnect()
      },
    )
  })
}

test('no broker: an error that says so', async () => {
  for (const url of ['amqp://127.0.0.1:1', 'redis://127.0.0.1:1']) {
    const client = new Client({ broker: url, connectTimeout: 0.2 })
    await assert.rejects(client.control.ping(), { code: 'BROKER_UNAVAILABLE' })
    await assert.rejects(client.events().ready(), { code: 'BROKER_UNAVAILABLE' })
    await client.close()
  }
})
