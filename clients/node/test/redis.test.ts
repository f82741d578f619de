import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'

import { Redis } from 'ioredis'

import {
  BrokerUnavailable,
  buildResult,
  Client,
  InvalidCall,
  InvalidMessage,
  PublishFailed,
  TaskTimeout,
  TransportError,
  type ClientOptions,
  type Value,
} from '../src/index.js'
import { proxyTo } from './proxy.js'
import { broker, uniqueName, until } from './support.js'

const { url, skip } = broker('redis')
const limits = { skip, timeout: 30_000 }

/** The tests' own connection: what Redis holds is read past the client. */
let raw: Redis
before(() => {
  if (skip === false) raw = new Redis(url)
})
after(() => {
  if (skip === false) raw.disconnect()
})

const listsOf = (queue: string): string[] => [queue, ...[3, 6, 9].map((step) => `${queue}\u0006\u0016${step}`)]
const keyOf = (taskId: string): string => `celery-task-meta-${taskId}`

/** A client and a queue of the test's own, both gone when it ends. */
function setUp(context: TestContext, options: Partial<ClientOptions> = {}): { client: Client; queue: string } {
  const queue = uniqueName('queue')
  const client = new Client({ broker: url, backend: url, queue, ...options })
  context.after(async () => {
    await client.close()
    await raw.del(...listsOf(queue))
  })
  return { client, queue }
}

/** Stores a document as a worker does: the key with its time to live, and the announcement. */
async function store(taskId: string, status: string, result: Value): Promise<void> {
  const document = Buffer.from(buildResult({ taskId, status, result, traceback: null }).body)
  await raw.multi().setex(keyOf(taskId), 60, document).publish(keyOf(taskId), document).exec()
}

test('the list item is what the specification says, key by key', limits, async (context) => {
  const { client, queue } = setUp(context)
  const { id } = await client.send('shop.add', { args: [2, 3], kwargs: { note: 'é' } })
  const item = (await raw.rpop(queue)) ?? ''
  const envelope = JSON.parse(item) as {
    body: string
    headers: Record<string, unknown>
    properties: Record<string, unknown>
  }
  assert.deepEqual(Object.keys(envelope), ['body', 'content-encoding', 'content-type', 'headers', 'properties'])
  assert.deepEqual(Object.keys(envelope.properties), [
    'correlation_id',
    'reply_to',
    'delivery_mode',
    'delivery_info',
    'priority',
    'body_encoding',
    'delivery_tag',
  ])
  const { reply_to: replyTo, delivery_tag: tag, ...properties } = envelope.properties
  const expected = {
    correlation_id: id,
    delivery_mode: 2,
    delivery_info: { exchange: '', routing_key: queue },
    priority: 0,
    body_encoding: 'base64',
  }
  assert.deepEqual(properties, expected)
  for (const uuid of [replyTo, tag]) assert.match(String(uuid), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  const body = Buffer.from(envelope.body, 'base64').toString()
  assert.equal(
    body,
    '[[2, 3], {"note": "\\u00e9"}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]',
  )
  assert.equal(envelope.headers['id'], id)
})

test('every message has a delivery tag of its own, and the oldest is popped first', limits, async (context) => {
  const { client, queue } = setUp(context)
  const results = await client.sendMany(Array.from({ length: 200 }, (_, index) => ({ task: 'a', args: [index] })))
  const items = (await raw.lrange(queue, 0, -1)).map(
    (item) => JSON.parse(item) as { headers: { id: string }; properties: { delivery_tag: string } },
  )
  assert.equal(new Set(items.map(({ properties }) => properties.delivery_tag)).size, 200)
  assert.deepEqual(
    items.reverse().map(({ headers }) => headers.id),
    results.map(({ id }) => id),
  )
})

test('the priority chooses the list by steps, and is kept', limits, async (context) => {
  const { client, queue } = setUp(context)
  for (const priority of [0, 2, 3, 5, 6, 8, 9, 255]) await client.send('a', { priority })
  const found = await Promise.all(listsOf(queue).map((list) => raw.lrange(list, 0, -1)))
  const priorities = found.map((items) =>
    items.map((item) => (JSON.parse(item) as { properties: { priority: number } }).properties.priority),
  )
  assert.deepEqual(priorities, [
    [2, 0],
    [5, 3],
    [8, 6],
    [255, 9],
  ])
})

test('Redis has no exchanges, and the caller is told', limits, async (context) => {
  const { client } = setUp(context)
  await assert.rejects(client.send('a', { exchange: 'e' }), InvalidCall)
})

test('a result that is there already', limits, async (context) => {
  const { client } = setUp(context)
  const { id } = await client.send('a')
  await store(id, 'SUCCESS', { sum: 5, nan: Number.NaN })
  assert.deepEqual(await client.result(id).get({ timeout: 10 }), { sum: 5, nan: Number.NaN })
  assert.equal(await client.result(id).state(), 'SUCCESS')
  assert.equal(await raw.exists(keyOf(id)), 1, 'reading does not delete')
})

test('a result that is announced wakes the waiting up at once; RETRY is not the end', limits, async (context) => {
  const { client } = setUp(context)
  const result = await client.send('a')
  // By the announcement, not by looking again.
  context.mock.timers.enable({ apis: ['setInterval'] })
  const waiting = result.get({ timeout: 10 })
  await until(async () => (await subscribers(result.id)) === 1)
  await store(result.id, 'RETRY', null)
  await store(result.id, 'SUCCESS', 1)
  assert.equal(await waiting, 1)
  await until(async () => (await subscribers(result.id)) === 0)
})

async function subscribers(taskId: string): Promise<unknown> {
  const [, count] = (await raw.pubsub('NUMSUB', keyOf(taskId))) as [string, number]
  return count
}

test('a result that nobody announced is found all the same', limits, async (context) => {
  const { client } = setUp(context)
  const result = await client.send('a')
  const waiting = result.get({ timeout: 10 })
  await until(async () => (await subscribers(result.id)) === 1)
  await raw.setex(
    keyOf(result.id),
    60,
    Buffer.from(buildResult({ taskId: result.id, status: 'SUCCESS', result: 2 }).body),
  )
  assert.equal(await waiting, 2)
})

test('a document that cannot be read rejects', limits, async (context) => {
  const { client } = setUp(context)
  const result = await client.send('a')
  await raw.setex(keyOf(result.id), 60, '{"status": "SUCCESS"')
  await assert.rejects(result.get({ timeout: 10 }), InvalidMessage)
  await raw.del(keyOf(result.id))
  await raw.lpush(keyOf(result.id), 'not a string')
  await assert.rejects(
    result.get({ timeout: 10 }),
    (error) => error instanceof TransportError && error.message.includes('WRONGTYPE'),
  )
  await raw.del(keyOf(result.id))
})

test('a document compressed by Celery 5.7', limits, async (context) => {
  const { client } = setUp(context)
  const result = await client.send('a')
  const { deflateSync } = await import('node:zlib')
  const document = deflateSync(buildResult({ taskId: result.id, status: 'SUCCESS', result: 3 }).body)
  await raw.setex(
    keyOf(result.id),
    60,
    Buffer.concat([Buffer.from('\0celery-compressed\0application/x-gzip\0'), document]),
  )
  assert.equal(await result.get({ timeout: 10 }), 3)
})

test('a wait ends by timeout and by signal, and can be taken up again', limits, async (context) => {
  const { client } = setUp(context)
  const result = await client.send('a')
  await assert.rejects(result.get({ timeout: 0.05 }), TaskTimeout)
  await assert.rejects(result.get({ signal: AbortSignal.timeout(50) }), { name: 'TimeoutError' })
  await store(result.id, 'SUCCESS', 1)
  assert.equal(await result.get({ timeout: 10 }), 1)
})

test('many waits share two connections', limits, async (context) => {
  await using proxy = await proxyTo(url)
  const { client } = setUp(context, { backend: proxy.url })
  const results = await client.sendMany(Array.from({ length: 50 }, () => ({ task: 'a' })))
  const waiting = Promise.all(results.map((result) => result.get({ timeout: 10 })))
  for (const [index, { id }] of results.entries()) await store(id, 'SUCCESS', index)
  assert.deepEqual(
    await waiting,
    results.map((_, index) => index),
  )
  assert.equal(proxy.taken, 2)
})

test('a wait survives a cut connection', limits, async (context) => {
  await using proxy = await proxyTo(url)
  const { client } = setUp(context, { backend: proxy.url })
  const result = await client.send('a')
  const waiting = result.get({ timeout: 20 })
  await until(async () => (await subscribers(result.id)) === 1)
  proxy.cut()
  await store(result.id, 'SUCCESS', 'after the cut')
  assert.equal(await waiting, 'after the cut')
})

test('after a cut connection the next send works', limits, async (context) => {
  await using proxy = await proxyTo(url)
  const { client, queue } = setUp(context, { broker: proxy.url })
  await client.send('a')
  for (let cuts = 1; cuts <= 3; cuts++) {
    proxy.cut()
    await client.send('a')
    assert.ok(proxy.taken > cuts, 'by a new connection')
  }
  assert.equal(await raw.llen(queue), 4)
})

test('a broker that says nothing: the publish fails in time', limits, async (context) => {
  await using proxy = await proxyTo(url)
  const { client } = setUp(context, { broker: proxy.url, publishTimeout: 0.3 })
  await client.send('a')
  proxy.silence()
  await assert.rejects(
    client.send('a'),
    (error) => error instanceof PublishFailed && error.message.includes('no answer within 300 ms'),
  )
})

test('a broker that is not there', { timeout: 30_000 }, async () => {
  const client = new Client({
    broker: 'redis://:secret@127.0.0.1:1/0',
    backend: 'redis://:secret@127.0.0.1:1/0',
    connectTimeout: 0.3,
  })
  const isUnavailable = (error: unknown): boolean => {
    assert.ok(error instanceof BrokerUnavailable, String(error))
    assert.match(error.message, /cannot reach redis:\/\/:\*\*\*@127\.0\.0\.1:1.*check that Redis runs/)
    return true
  }
  await assert.rejects(client.send('a'), isUnavailable)
  await assert.rejects(client.result('x').get({ timeout: 5 }), isUnavailable)
  await client.close()
})

test('a refused login is reported at once', limits, async (context) => {
  const wrong = new URL(url)
  wrong.username = 'nobody'
  wrong.password = 'secret'
  const client = new Client({ broker: wrong.href, connectTimeout: 20 })
  context.after(() => client.close())
  await assert.rejects(
    client.send('a'),
    (error) => error instanceof BrokerUnavailable && /WRONGPASS.*check the user/.test(error.message),
  )
})

test('close ends everything and can be called twice', limits, async (context) => {
  const { client } = setUp(context)
  const result = await client.send('a')
  const waiting = assert.rejects(result.get(), /the client was closed/)
  await until(async () => (await subscribers(result.id)) === 1)
  await Promise.all([client.close(), client.close(), waiting])
  await assert.rejects(client.send('a'), /the client was closed/)
})
