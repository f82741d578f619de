import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Client, InvalidCall } from '../src/index.js'
import { parseUrl } from '../src/transport/url.js'

test('the virtual host is read as Celery reads it', () => {
  const vhosts = {
    'amqp://': '/',
    'amqp://h': '/',
    'amqp://h/': '/',
    'amqp://h//': '/',
    'amqp://h/%2F': '/',
    'amqp://h/shop': 'shop',
    'amqp://h//shop': '/shop',
  }
  for (const [url, vhost] of Object.entries(vhosts)) {
    const address = parseUrl(url)
    assert.equal(address.kind === 'amqp' && address.vhost, vhost, url)
  }
})

test('an AMQP URL', () => {
  const { shown, ...address } = parseUrl('amqps://us%40er:p%2Fw@mq.example:5700/v?heartbeat=10')
  assert.deepEqual(address, {
    kind: 'amqp',
    tls: true,
    host: 'mq.example',
    port: 5700,
    username: 'us@er',
    password: 'p/w',
    vhost: 'v',
    heartbeat: 10,
  })
  assert.equal(shown, 'amqps://us%40er:***@mq.example:5700/v?heartbeat=10')
})

test('Redis URLs', () => {
  const { shown, ...address } = parseUrl('rediss://:secret@[::1]:6380/3')
  assert.deepEqual(address, {
    kind: 'redis',
    tls: true,
    endpoint: { host: '::1', port: 6380 },
    username: undefined,
    password: 'secret',
    database: 3,
  })
  assert.doesNotMatch(shown, /secret/)
  const socket = parseUrl('redis+socket:///run/redis.sock?virtual_host=2')
  assert.deepEqual(socket.kind === 'redis' && [socket.endpoint, socket.database], [{ path: '/run/redis.sock' }, 2])
})

test('URLs that cannot be used are refused when the client is made', () => {
  const rows: readonly (readonly [string, string | undefined, RegExp])[] = [
    ['localhost', undefined, /not a URL/],
    ['http://secret:secret@h', undefined, /http:\/\/ is not/],
    ['redis://h/x', undefined, /database/],
    ['redis://h', 'rpc://', /rpc:\/\/ needs an amqp/],
    ['', undefined, /not a URL/],
    ['amqp://h', 'amqp://h', /must be rpc:\/\/ or a Redis URL/],
  ]
  for (const [broker, backend, message] of rows) {
    const options = { broker, ...(backend !== undefined && { backend }) }
    assert.throws(
      () => new Client(options),
      (error) => error instanceof InvalidCall && message.test(error.message) && !error.message.includes('secret'),
    )
  }
})

test('mistakes in the options of a client are refused', () => {
  const broker = 'amqp://h'
  const rows: readonly (readonly [object, RegExp])[] = [
    [{}, /needs a broker/],
    [{ broker, brokerUrl: 'x' }, /unknown option brokerUrl; the options are broker, backend/],
    [{ broker, connectTimeout: '4' }, /connectTimeout must be a number of seconds above 0/],
    [{ broker, queue: '' }, /queue must be/],
    [{ broker: 5 }, /broker must be a URL or a transport/],
  ]
  for (const [options, message] of rows) {
    assert.throws(
      () => new Client(options as { broker: string }),
      (error) => error instanceof InvalidCall && message.test(error.message),
    )
  }
})
