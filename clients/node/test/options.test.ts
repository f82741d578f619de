import assert from 'node:assert/strict'
import { test } from 'node:test'

import { InvalidCall } from '../src/errors.js'
import { build, parse } from '../src/message.js'
import { signatureToSend, type Outgoing, type SendOptions } from '../src/options.js'
import { plan } from '../src/planning.js'
import { signature } from '../src/signature.js'
import { DateTime } from '../src/values.js'

let ids = 0
const around = {
  now: new Date('2030-05-17T09:30:00.250Z'),
  newId: (): string => `id-${++ids}`,
  origin: 'gen1@host',
  replyTo: 'mine',
  queue: 'celery',
  chords: 'store',
} as const
const prepared = (options: SendOptions): Outgoing => {
  const [message] = plan(signatureToSend('shop.add', options), around).messages
  assert.ok(message)
  return message
}
const headers = (options: SendOptions): Record<string, unknown> => build(prepared(options).message).headers

test('a plain call writes every header that Celery writes', () => {
  const { message, exchange, routingKey } = prepared({ taskId: 'one', args: [2, 3] })
  const wire = build(message)
  assert.deepEqual([exchange, routingKey], ['', 'celery'])
  assert.deepEqual(wire.headers, {
    lang: 'js',
    task: 'shop.add',
    id: 'one',
    shadow: null,
    eta: null,
    expires: null,
    group: null,
    group_index: null,
    retries: 0,
    timelimit: [null, null],
    root_id: 'one',
    parent_id: null,
    argsrepr: '[2, 3]',
    kwargsrepr: '{}',
    origin: 'gen1@host',
    ignore_result: false,
    replaced_task_nesting: 0,
    stamped_headers: null,
    stamps: {},
  })
  assert.deepEqual(wire.properties, { correlation_id: 'one', reply_to: 'mine', delivery_mode: 2 })
  assert.equal(
    Buffer.from(wire.body).toString(),
    '[[2, 3], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]',
  )
})

test('the time limit is [hard, soft]', () => {
  assert.deepEqual(headers({ timeLimit: 30, softTimeLimit: 20 })['timelimit'], [30, 20])
  assert.deepEqual(headers({ softTimeLimit: 2.5 })['timelimit'], [null, 2.5])
})

test('times are instants with an offset and at most six digits', () => {
  assert.equal(headers({ countdown: 10 })['eta'], '2030-05-17T09:30:10.250000+00:00')
  assert.equal(headers({ eta: new Date('2030-05-17T10:00:00Z') })['eta'], '2030-05-17T10:00:00+00:00')
  assert.equal(
    headers({ eta: new DateTime('2030-05-17T10:00:00.000001+05:30') })['eta'],
    '2030-05-17T10:00:00.000001+05:30',
  )
  assert.equal(headers({ eta: new DateTime('2030-05-17T10:00:00') })['eta'], '2030-05-17T10:00:00+00:00')
})

test('expires reaches the broker, within its limits', () => {
  const { expires, expiration } = prepared({ expires: 60 }).message
  assert.deepEqual([expires, expiration], ['2030-05-17T09:31:00.250000+00:00', '60000'])
  assert.equal(prepared({ expires: new Date('2001-01-01') }).message.expiration, '0')
  assert.equal(prepared({ expires: 4294967.295 }).message.expiration, '4294967295')
  assert.equal(prepared({ expires: 60 * 86400 }).message.expiration, undefined)
})

test('signatures are whole', () => {
  const { message } = prepared({
    link: signature('shop.log', { queue: 'logs', timeLimit: 5 }),
    linkError: [signature('shop.alarm')],
  })
  const plain = { args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false }
  assert.deepEqual(message.callbacks, [{ ...plain, task: 'shop.log', options: { queue: 'logs', time_limit: 5 } }])
  assert.deepEqual(message.errbacks, [{ ...plain, task: 'shop.alarm' }])
})

test('mistakes are refused before anything is sent', () => {
  const mistakes: readonly (readonly [object, RegExp])[] = [
    [{ expire: 60 }, /unknown option expire; the options are .*expires/],
    [{ args: 'abc' }, /args must be a list/],
    [{ kwargs: [] }, /kwargs must be a plain object/],
    [{ priority: 256 }, /priority must be an integer from 0 to 255/],
    [{ priority: 1.5 }, /priority/],
    [{ countdown: Number.NaN }, /countdown/],
    [{ countdown: 1, eta: new Date() }, /either countdown or eta/],
    [{ countdown: 1e15 }, /Date/],
    [{ eta: '2030-01-01' }, /eta must be a Date/],
    [{ timeLimit: 0 }, /timeLimit/],
    [{ taskId: '' }, /taskId/],
    [{ taskId: 'x'.repeat(256) }, /taskId/],
    [{ queue: 'a', exchange: 'b' }, /either queue or exchange/],
    [{ routingKey: 'a' }, /routingKey goes with an exchange/],
    [{ headers: { id: 'x' } }, /id belongs to the protocol/],
    [{ link: { args: [] } }, /link must be a signature/],
    [{ ignoreResult: 'false' }, /ignoreResult/],
    [{ serializer: 'pickle' }, /serializer must be one of json, msgpack, yaml/],
    [{ compression: 'shrink' }, /compression must be one of application\/x-gzip/],
    [{ stamps: { queue: 'x' } }, /stamps: queue is an option of calls/],
  ]
  for (const [options, message] of mistakes) {
    assert.throws(
      () => prepared(options),
      (error) => error instanceof InvalidCall && message.test(error.message),
      JSON.stringify(options),
    )
  }
  assert.throws(() => signatureToSend('', {}), /needs a name/)
  assert.throws(() => signature(''), InvalidCall)
  assert.throws(() => signature('a', { bogus: 1 } as object), /unknown option bogus/)
  assert.throws(() => signature('a', { timeLimit: 'long' } as object), /timeLimit must be a number of seconds above 0/)
})

test('an option that is undefined is not given', () => {
  const options = { queue: undefined, countdown: undefined, shadow: undefined } as unknown as SendOptions
  assert.equal(prepared(options).routingKey, 'celery')
  assert.equal(headers(options)['shadow'], null)
})

test('serializer, compression and stamps', () => {
  const wire = build(
    prepared({ args: [1], serializer: 'msgpack', compression: 'zlib', stamps: { tenant: 'acme' } }).message,
  )
  assert.deepEqual([wire.contentType, wire.contentEncoding], ['application/x-msgpack', 'binary'])
  const { compression, stamps, stamped_headers: names } = wire.headers
  assert.deepEqual([compression, stamps, names], ['application/x-gzip', { tenant: 'acme' }, ['tenant']])
  assert.deepEqual(parse(wire, { accept: ['msgpack'] }).args, [1])
})
