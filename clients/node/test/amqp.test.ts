import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { after, before, test, type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'

import { Connection, type SyncMessage } from 'rabbitmq-client'

import {
  BrokerUnavailable,
  buildResult,
  Client,
  Decimal,
  Float,
  InvalidCall,
  InvalidMessage,
  PublishFailed,
  TaskFailure,
  TaskTimeout,
  type ClientOptions,
  type TaskResult,
  type Value,
} from '../src/index.js'
import { gather } from '../src/transport/amqp-connection.js'
import { proxyTo } from './proxy.js'
import { broker, uniqueName, until } from './support.js'

const { url, skip } = broker('rabbitmq')
const limits = { skip, timeout: 30_000 }

/** The tests' own connection: what the broker holds is read past the client. */
let raw: Connection
before(() => {
  if (skip === false) raw = new Connection(url)
})
after(() => (skip === false ? raw.close() : undefined))

/** A client and a queue of the test's own, both gone when it ends. */
function setUp(context: TestContext, options: Partial<ClientOptions> = {}): { client: Client; queue: string } {
  const queue = uniqueName('queue')
  const client = new Client({ broker: url, queue, ...options })
  context.after(async () => {
    await client.close()
    await raw.queueDelete(queue)
  })
  return { client, queue }
}

async function take(queue: string): Promise<SyncMessage> {
  const message = await raw.basicGet({ queue, noAck: true })
  assert.ok(message, `a message in ${queue}`)
  return message
}

/** Replies as a worker does. */
async function reply(task: { replyTo?: string; correlationId?: string }, status: string, result: Value): Promise<void> {
  const { body, ...content } = buildResult({ taskId: task.correlationId ?? '', status, result, traceback: null })
  await replyRaw(task, Buffer.from(body), content.contentEncoding)
}

async function replyRaw(
  task: { replyTo?: string; correlationId?: string },
  body: Buffer,
  contentEncoding?: string,
): Promise<void> {
  const channel = await raw.acquire()
  await channel.confirmSelect()
  const envelope = {
    routingKey: task.replyTo ?? '',
    correlationId: task.correlationId ?? '',
    contentType: 'application/json',
  }
  await channel.basicPublish({ ...envelope, ...(contentEncoding && { contentEncoding }) }, body)
  await channel.close()
}

test('the message in the queue is what the specification says', limits, async (context) => {
  const { client, queue } = setUp(context, { backend: 'rpc://' })
  const { id } = await client.send('shop.add', {
    args: [2, 3],
    headers: { small: -5, big: 2 ** 40, nested: [1, null, { a: 'b' }] },
  })
  const message = await take(queue)
  assert.equal(
    (message.body as Buffer).toString(),
    '[[2, 3], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]',
  )
  const { origin, ...rest } = message.headers as Record<string, unknown>
  assert.match(String(origin), /^gen\d+@./)
  assert.deepEqual(rest, {
    lang: 'js',
    task: 'shop.add',
    id,
    shadow: null,
    eta: null,
    expires: null,
    group: null,
    group_index: null,
    retries: 0,
    timelimit: [null, null],
    root_id: id,
    parent_id: null,
    argsrepr: '[2, 3]',
    kwargsrepr: '{}',
    ignore_result: false,
    replaced_task_nesting: 0,
    stamped_headers: null,
    stamps: {},
    small: -5,
    big: 2 ** 40,
    nested: [1, null, { a: 'b' }],
  })
  const { contentType, contentEncoding, correlationId, replyTo, deliveryMode, priority, timestamp, expiration } =
    message as SyncMessage & { deliveryMode: number }
  assert.deepEqual([contentType, contentEncoding, correlationId, deliveryMode], ['application/json', 'utf-8', id, 2])
  assert.deepEqual(
    [priority, timestamp, expiration],
    [undefined, undefined, undefined],
    'nothing that was not asked for',
  )
  assert.match(String(replyTo), /^[0-9a-f-]{36}$/)
})

test('a header that AMQP or the driver would change is refused', limits, async (context) => {
  const { client, queue } = setUp(context)
  const values = [new Date(), new Float(1), Number.NaN, 2 ** 60, 2n ** 63n, Buffer.from('x'), [new Decimal('1.10')]]
  for (const value of values) await assert.rejects(client.send('a', { headers: { value } }), InvalidCall)
  await client.send('a', { headers: { half: 0.5, big: 2n ** 63n - 1n, none: undefined } })
  const { half, big, ...rest } = (await take(queue)).headers as Record<string, unknown>
  assert.deepEqual([half, big, 'none' in rest], [0.5, 2 ** 63, false])
})

test('priority and expiration travel as properties', limits, async (context) => {
  const { client, queue } = setUp(context)
  await client.send('a', { priority: 7, expires: 60 })
  const { priority, expiration } = await take(queue)
  assert.deepEqual([priority, expiration], [7, '60000'])
})

test('a queue that does not exist is declared durable, without arguments', limits, async (context) => {
  const { client, queue } = setUp(context)
  await client.send('a')
  const { messageCount } = await raw.queueDeclare({ queue, durable: true, arguments: {} })
  assert.equal(messageCount, 1)
})

for (const [kind, declaration] of [
  ['quorum', { 'x-queue-type': 'quorum' }],
  ['priority', { 'x-max-priority': 9 }],
] as const) {
  test(`an existing ${kind} queue is left alone`, limits, async (context) => {
    const { client, queue } = setUp(context)
    await raw.queueDeclare({ queue, durable: true, arguments: declaration })
    await client.send('a')
    await client.send('a')
    assert.equal((await take(queue)).messageCount, 1)
  })
}

test('a message that no queue takes is reported, and the next one is not lost', limits, async (context) => {
  const { client, queue } = setUp(context)
  await client.send('a')
  await raw.queueDelete(queue)
  await assert.rejects(client.send('a'), (error) => error instanceof PublishFailed && error.message.includes(queue))
  await client.send('a')
  assert.equal((await take(queue)).messageCount, 0)
})

test('of many messages in flight, only those that came back fail', limits, async (context) => {
  const { client, queue } = setUp(context)
  const exchange = uniqueName('exchange')
  await raw.exchangeDeclare({ exchange, type: 'direct', autoDelete: true })
  await raw.queueDeclare({ queue, durable: true })
  await raw.queueBind({ exchange, queue, routingKey: 'good' })
  const sends = Array.from({ length: 40 }, (_, index) =>
    client.send('a', { exchange, routingKey: index % 4 === 0 ? 'bad' : 'good' }),
  )
  const settled = await Promise.allSettled(sends)
  assert.deepEqual(
    settled.map(({ status }, index) => status === (index % 4 === 0 ? 'rejected' : 'fulfilled')).includes(false),
    false,
  )
  assert.equal((await take(queue)).messageCount, 29)
})

test('an exchange that does not exist fails its own messages only', limits, async (context) => {
  const { client, queue } = setUp(context)
  await client.send('a')
  const [good, bad] = await Promise.allSettled([client.send('a'), client.send('a', { exchange: uniqueName('none') })])
  assert.equal(good.status, 'fulfilled')
  assert.ok(bad.status === 'rejected' && bad.reason instanceof PublishFailed)
  assert.match(bad.reason.message, /NOT_FOUND|no exchange/)
  assert.equal((await take(queue)).messageCount, 1)
})

test('sendMany is pipelined and loses nothing', limits, async (context) => {
  const { client, queue } = setUp(context)
  const results = await client.sendMany(Array.from({ length: 500 }, (_, index) => ({ task: 'a', args: [index] })))
  assert.equal(new Set(results.map(({ id }) => id)).size, 500)
  assert.equal((await take(queue)).messageCount, 499)
})

test('a body of many frames arrives whole', limits, async (context) => {
  const { client, queue } = setUp(context)
  const text = 'x'.repeat(1_000_000)
  await client.send('a', { args: [text] })
  assert.equal(((await take(queue)).body as Buffer).toString().slice(0, text.length + 4), `[["${text}"`)
})

async function sendAndTake(client: Client, queue: string): Promise<{ result: TaskResult; task: SyncMessage }> {
  return { result: await client.send('a'), task: await take(queue) }
}

test('rpc: results, in whatever order they come', limits, async (context) => {
  const { client, queue } = setUp(context, { backend: 'rpc://' })
  const one = await sendAndTake(client, queue)
  const two = await sendAndTake(client, queue)
  await reply(two.task, 'STARTED', { pid: 1 })
  await reply(two.task, 'SUCCESS', [1.5, 'é', null])
  await reply(one.task, 'FAILURE', { exc_type: 'ValueError', exc_message: ['no'], exc_module: 'builtins' })
  assert.deepEqual(await two.result.get({ timeout: 10 }), [1.5, 'é', null])
  await assert.rejects(one.result.get({ timeout: 10 }), TaskFailure)
  assert.equal(await one.result.state(), 'FAILURE')
})

test('rpc: NaN is read, a broken document rejects, also without a content encoding', limits, async (context) => {
  const { client, queue } = setUp(context, { backend: 'rpc://' })
  const nan = await sendAndTake(client, queue)
  await replyRaw(nan.task, Buffer.from(`{"task_id": "${nan.result.id}", "status": "SUCCESS", "result": NaN}`), 'utf-8')
  assert.ok(Number.isNaN(await nan.result.get({ timeout: 10 })))
  const broken = await sendAndTake(client, queue)
  await replyRaw(broken.task, Buffer.from('{"status": '))
  await assert.rejects(broken.result.get({ timeout: 10 }), InvalidMessage)
})

test('rpc: the reply queue is declared as Celery 5.7 declares it', limits, async (context) => {
  const { client, queue } = setUp(context, { backend: 'rpc://' })
  const { task } = await sendAndTake(client, queue)
  await raw.queueDeclare({
    queue: task.replyTo ?? '',
    durable: true,
    autoDelete: true,
    arguments: { 'x-expires': 86_400_000 },
  })
})

test('rpc: a wait ends by timeout and by signal, and can be taken up again', limits, async (context) => {
  const { client, queue } = setUp(context, { backend: 'rpc://' })
  const { result, task } = await sendAndTake(client, queue)
  await assert.rejects(result.get({ timeout: 0.05 }), TaskTimeout)
  await assert.rejects(result.get({ signal: AbortSignal.timeout(50) }), { name: 'TimeoutError' })
  await reply(task, 'SUCCESS', 1)
  assert.equal(await result.get({ timeout: 10 }), 1)
})

test('rpc: a lost connection is made again while somebody waits', limits, async (context) => {
  await using proxy = await proxyTo(url)
  const { client, queue } = setUp(context, { broker: proxy.url, backend: 'rpc://' })
  const { result, task } = await sendAndTake(client, queue)
  const waiting = result.get({ timeout: 20 })
  proxy.cut()
  await until(() => proxy.taken >= 2)
  await until(() => isConsumed(task.replyTo ?? ''))
  await reply(task, 'SUCCESS', 'after the cut')
  assert.equal(await waiting, 'after the cut')
})

/** The reply queue is deleted with its consumer, so it has to be declared again. */
async function isConsumed(queue: string): Promise<boolean> {
  const found = await raw.queueDeclare({ queue, passive: true }).catch(() => undefined)
  return found !== undefined && found.consumerCount > 0
}

test('after a cut connection the next send works', limits, async (context) => {
  await using proxy = await proxyTo(url)
  const { client, queue } = setUp(context, { broker: proxy.url })
  await client.send('a')
  for (let cuts = 1; cuts <= 3; cuts++) {
    proxy.cut()
    await client.send('a')
    assert.ok(proxy.taken > cuts, 'by a new connection')
  }
  assert.equal((await take(queue)).messageCount, 3, 'besides the one taken')
})

test('messages in flight when the connection is cut are each confirmed or reported', limits, async (context) => {
  await using proxy = await proxyTo(url)
  const { client, queue } = setUp(context, { broker: proxy.url })
  await client.send('a')
  const sends = Array.from({ length: 200 }, () => client.send('a', { args: ['x'.repeat(2000)] }))
  const cut = setTimeout(5).then(() => {
    proxy.cut()
  })
  const settled = await Promise.allSettled(sends)
  await cut
  for (const one of settled)
    assert.ok(one.status === 'fulfilled' || one.reason instanceof PublishFailed, JSON.stringify(one))
  const confirmed = settled.filter(({ status }) => status === 'fulfilled').length
  await client.send('a')
  assert.ok((await take(queue)).messageCount >= confirmed, 'every confirmed message is in the queue')
})

test('a broker that says nothing: the publish fails in time', limits, async (context) => {
  await using proxy = await proxyTo(url)
  const { client } = setUp(context, { broker: proxy.url, publishTimeout: 0.3, connectTimeout: 0.5 })
  await client.send('a')
  proxy.silence()
  await assert.rejects(
    client.send('a'),
    (error) => error instanceof PublishFailed && error.message.includes('no confirm within 300 ms'),
  )
  await assert.rejects(client.send('a', { signal: AbortSignal.timeout(50) }), { name: 'TimeoutError' })
})

test('messages that are sent one after the other are given up one after the other', limits, async (context) => {
  await using proxy = await proxyTo(url)
  const { client } = setUp(context, { broker: proxy.url, publishTimeout: 1, connectTimeout: 0.5 })
  await client.send('a')
  proxy.silence()
  const sends = [0, 1, 2].map(async (number) => {
    await setTimeout(number * 200)
    const start = performance.now()
    await assert.rejects(client.send('a'), PublishFailed)
    const waited = performance.now() - start
    assert.ok(waited > 900 && waited < 20_000, `given up after ${waited} ms`)
  })
  await Promise.all(sends)
})

test(
  "what is written in one turn leaves in one piece: the driver's socket is where it is looked for",
  limits,
  async () => {
    const channel = await raw.acquire()
    const { _conn: connection } = channel as unknown as { _conn: { _socket: Socket } }
    gather(channel)
    gather(channel)
    assert.equal(connection._socket.writableCorked, 1)
    await setTimeout(0)
    assert.equal(connection._socket.writableCorked, 0)
    await channel.close()
  },
)

test('a broker that is not there', { timeout: 30_000 }, async () => {
  const client = new Client({ broker: 'amqp://guest:secret@127.0.0.1:1//', backend: 'rpc://', connectTimeout: 0.3 })
  const start = performance.now()
  await assert.rejects(client.send('a'), (error) => {
    assert.ok(error instanceof BrokerUnavailable)
    assert.match(error.message, /cannot reach amqp:\/\/guest:\*\*\*@127\.0\.0\.1:1.*check that RabbitMQ runs/)
    assert.match(String(error.cause), /ECONNREFUSED/)
    return true
  })
  assert.ok(performance.now() - start < 20_000)
  await client.close()
})

test('a refused login is reported at once', limits, async (context) => {
  const wrong = new URL(url)
  wrong.password = 'wrong'
  const client = new Client({ broker: wrong.href, connectTimeout: 20 })
  context.after(() => client.close())
  await assert.rejects(
    client.send('a'),
    (error) => error instanceof BrokerUnavailable && /ACCESS_REFUSED.*check the user/.test(error.message),
  )
  await assert.rejects(client.send('a'), BrokerUnavailable)
})

test('close ends everything and can be called twice', limits, async (context) => {
  const { client } = setUp(context, { backend: 'rpc://' })
  const result = await client.send('a')
  const waiting = assert.rejects(result.get(), /the client was closed/)
  await Promise.all([client.close(), client.close(), waiting])
  await assert.rejects(client.send('a'), /the client was closed/)
})
