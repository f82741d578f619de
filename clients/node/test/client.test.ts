import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  BrokerUnavailable,
  chain,
  buildResult,
  Client,
  Decimal,
  InvalidCall,
  InvalidMessage,
  MemoryTransport,
  NotRegistered,
  parse,
  PublishFailed,
  signature,
  TaskFailure,
  TaskRevoked,
  TaskTimeout,
  TransportError,
  type Broker,
  type TaskResult,
  type Value,
} from '../src/index.js'

function setUp(): { memory: MemoryTransport; client: Client } {
  const memory = new MemoryTransport()
  return { memory, client: new Client({ broker: memory, backend: memory }) }
}

function reply(memory: MemoryTransport, id: string, status: string, result: Value = null): void {
  memory.reply(id, buildResult({ taskId: id, status, result, traceback: null }))
}

test('send publishes a message that parses back', async () => {
  const { memory, client } = setUp()
  const result = await client.send('shop.add', {
    args: [2, new Decimal('1.10')],
    kwargs: { note: 'é' },
    queue: 'shop',
    headers: { tenant: 'acme' },
  })
  const [wire] = memory.messages('shop')
  assert.ok(wire)
  const message = parse(wire)
  assert.deepEqual(
    [message.id, message.task, message.args, message.kwargs],
    [result.id, 'shop.add', [2, new Decimal('1.10')], { note: 'é' }],
  )
  assert.deepEqual(message.extra, { headers: { tenant: 'acme' } })
})

test('get resolves to the value, whether it comes before or after', async () => {
  const { memory, client } = setUp()
  const early = await client.send('a')
  reply(memory, early.id, 'SUCCESS', 5)
  assert.equal(await early.get(), 5)
  const late = await client.send('a')
  const waiting = late.get({ timeout: 5 })
  setImmediate(() => {
    reply(memory, late.id, 'SUCCESS', [6])
  })
  assert.deepEqual(await waiting, [6])
  assert.deepEqual(await late.get(), [6], 'and again')
})

test('STARTED, RETRY and states of the user are not the end; the first end counts', async () => {
  const { memory, client } = setUp()
  const result = await client.send('a')
  assert.equal(await result.state(), 'PENDING')
  const waiting = result.get({ timeout: 5 })
  for (const status of ['STARTED', 'RETRY', 'PROGRESS']) {
    reply(memory, result.id, status)
    assert.equal(await result.state(), status)
  }
  reply(memory, result.id, 'SUCCESS', 1)
  reply(memory, result.id, 'STARTED')
  assert.equal(await waiting, 1)
  assert.equal(await result.state(), 'SUCCESS')
})

test('a task that failed rejects with what the worker stored', async () => {
  const { memory, client } = setUp()
  const exception = (excType: string, ...args: Value[]): Value => ({
    exc_type: excType,
    exc_message: args,
    exc_module: 'builtins',
  })
  const outcome = async (status: string, stored: Value): Promise<unknown> => {
    const result = await client.send('a')
    reply(memory, result.id, status, stored)
    return result.get().catch((error: unknown) => error)
  }
  const failure = await outcome('FAILURE', exception('ValueError', 'no stock', 3, { sku: 'mug' }))
  assert.ok(failure instanceof TaskFailure)
  assert.deepEqual(
    [failure.code, failure.excType, failure.excModule, failure.args],
    ['TASK_FAILURE', 'ValueError', 'builtins', ['no stock', 3, { sku: 'mug' }]],
  )
  assert.equal(failure.message, "ValueError: no stock, 3, { sku: 'mug' }")
  const unknown = await outcome('FAILURE', exception('NotRegistered', 'a'))
  assert.ok(unknown instanceof NotRegistered && unknown instanceof TaskFailure)
  const wrapped = await outcome(
    'FAILURE',
    exception('UnpickleableExceptionWrapper', 'shop', 'Local', ['x'], "Local('x')"),
  )
  assert.ok(wrapped instanceof TaskFailure)
  assert.deepEqual([wrapped.excModule, wrapped.excType, wrapped.args], ['shop', 'Local', ['x']])
  const revoked = await outcome('REVOKED', exception('TaskRevokedError', 'expired'))
  assert.ok(revoked instanceof TaskRevoked && !(revoked instanceof TaskFailure))
  assert.deepEqual(revoked.args, ['expired'])
})

test('a document that cannot be read rejects at once', async () => {
  const { memory, client } = setUp()
  const result = await client.send('a')
  const waiting = result.get({ timeout: 5 })
  memory.reply(result.id, { contentType: 'application/json', contentEncoding: 'utf-8', body: Buffer.from('{') })
  await assert.rejects(waiting, InvalidMessage)
})

test('a wait ends by its timeout, its signal, or the close of the client', async () => {
  const { client } = setUp()
  const result = await client.send('a')
  await assert.rejects(
    result.get({ timeout: 0.01 }),
    (error) => error instanceof TaskTimeout && error.taskId === result.id,
  )
  await assert.rejects(result.get({ timeout: -1 }), InvalidCall)
  const reason = new Error('enough')
  await assert.rejects(result.get({ signal: AbortSignal.abort(reason) }), reason)
  const stopper = new AbortController()
  const stopped = result.get({ signal: stopper.signal })
  stopper.abort(reason)
  await assert.rejects(stopped, reason)
  const waiting = result.get()
  await Promise.all([client.close(), client.close(), assert.rejects(waiting, TransportError)])
  await assert.rejects(result.get(), TransportError)
  await assert.rejects(client.send('a'), TransportError)
})

test('a wait goes on when its very first look is lost (RS-WAIT-002)', async () => {
  const { memory, client } = setUp()
  const slotOf = memory.slot.bind(memory)
  let looks = 0
  memory.slot = (id) => {
    const slot = slotOf(id)
    const read = () => (looks++ === 0 ? Promise.reject(new BrokerUnavailable('gone')) : slot.read())
    return { ...slot, read }
  }
  const result = await client.send('a')
  const waiting = result.get({ timeout: 30 })
  while (looks === 0) await new Promise(setImmediate)
  reply(memory, result.id, 'SUCCESS', 5)
  assert.equal(await waiting, 5)
})

test('without a backend, or with ignoreResult, get says what to do', async () => {
  const memory = new MemoryTransport()
  const client = new Client({ broker: memory })
  await assert.rejects((await client.send('a')).get(), /InvalidCall: no result backend: pass backend/)
  const other = new Client({ broker: memory, backend: memory })
  await assert.rejects((await other.send('a', { ignoreResult: true })).get(), /ignoreResult/)
})

test('sendMany checks all before it sends any', async () => {
  const { memory, client } = setUp()
  const results = await client.sendMany([
    { task: 'a', args: [1] },
    { task: 'b', queue: 'other' },
  ])
  assert.deepEqual([results.length, memory.messages('celery').length, memory.messages('other').length], [2, 1, 1])
  await assert.rejects(client.sendMany([{ task: 'a' }, { task: 'b', args: [() => 1] }]), InvalidCall)
  assert.equal(memory.messages('celery').length, 1)
})

test('sendMany says how many were not confirmed', async () => {
  let count = 0
  const broker: Broker = {
    publish: () => (++count % 2 === 0 ? Promise.reject(new PublishFailed(`number ${count}`)) : Promise.resolve()),
    close: () => Promise.resolve(),
  }
  const client = new Client({ broker })
  await assert.rejects(client.sendMany([{ task: 'a' }, { task: 'b' }, { task: 'c' }]), (error) => {
    assert.ok(error instanceof PublishFailed && error.cause instanceof AggregateError)
    assert.match(error.message, /1 of 3 messages were not confirmed: .*number 2/)
    return true
  })
})

test('a chain is one message, and the result is that of its last step', async () => {
  const { memory, client } = setUp()
  const result = await client.apply(chain([signature('a', { args: [1] }), signature('b'), signature('c')]))
  const [wire] = memory.messages('celery')
  assert.ok(wire)
  const { chain: steps, id } = parse(wire)
  assert.equal((steps as { task: string; options: { task_id: string } }[])[0]?.options.task_id, result.id)
  assert.notEqual(id, result.id)
})

test('the client is disposable', async () => {
  const { client } = setUp()
  await client[Symbol.asyncDispose]()
  await assert.rejects(client.send('a'), TransportError)
})

interface Shop {
  'shop.add': (x: number, y: number) => number
  'shop.find': (sku: string) => Promise<{ name: string } | null>
}

test('a task map types arguments and results', async () => {
  const memory = new MemoryTransport()
  const client = new Client<Shop>({ broker: memory, backend: memory })
  const sum: TaskResult<number> = await client.send('shop.add', { args: [2, 3] })
  const found: TaskResult<{ name: string } | null> = await client.send('shop.find', { args: ['mug'] })
  const [one, two] = await client.sendMany([
    { task: 'shop.add', args: [1, 2] },
    { task: 'shop.find', kwargs: { sku: 'mug' } },
  ])
  const ids: [TaskResult<number>, TaskResult<{ name: string } | null>] = [one, two]
  assert.equal(new Set([sum.id, found.id, ...ids.map(({ id }) => id)]).size, 4)
  // @ts-expect-error -- no such task
  await client.send('shop.ad', { args: [2, 3] })
  // @ts-expect-error -- wrong type of argument
  await client.send('shop.add', { args: [2, '3'] })
  // @ts-expect-error -- unknown option
  await assert.rejects(client.send('shop.add', { expire: 60 }), InvalidCall)
})
