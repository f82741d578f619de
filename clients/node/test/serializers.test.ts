import assert from 'node:assert/strict'
import { test } from 'node:test'

import { compress, compressionName, COMPRESSIONS, decompress } from '../src/compression.js'
import {
  DateTime,
  decode,
  Decimal,
  encode,
  Float,
  InvalidCall,
  InvalidMessage,
  LocalDate,
  LocalTime,
  Uuid,
  type ReadOptions,
  type Serializer,
} from '../src/index.js'

function roundTrip(value: unknown, serializer: Serializer, options: ReadOptions = {}): unknown {
  return decode(encode(value, serializer), { lossless: true, accept: [serializer], ...options })
}

function read(serializer: Serializer, body: Uint8Array | string, options: ReadOptions = {}): unknown {
  return decode({ ...encode(null, serializer), body: Buffer.from(body) }, { accept: [serializer], ...options })
}

const EXACT = [
  null,
  true,
  false,
  ...[0, 1, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER],
  ...[-1, -32, -33, -128, -129, -32768, -32769, -(2 ** 31), -(2 ** 31) - 1, Number.MIN_SAFE_INTEGER],
  ...[2n ** 53n, -(2n ** 63n), 2n ** 64n - 1n],
  ...[0.5, -1.25, 1e-9],
  ...[new Float(0), new Float(-0), new Float(1), new Float(1e16), new Float(1.5e300)],
  ...[new Float(Infinity), new Float(-Infinity), new Float(Number.NaN)],
  ...['', 'text', 'Grüße 🐇', 'a\nb\t"c"', "it's", 'x'.repeat(31), 'x'.repeat(32), 'x'.repeat(256), 'x'.repeat(65536)],
  ...['yes', 'No', 'null', '~', '1', '01', '1e5', '1.5', '0x1f', '0o17', '1:30', '2026-01-02', '<<', '=', '.inf', '-'],
  ...[
    '- a',
    'a: b',
    'a #b',
    '# c',
    '!tag',
    '&a',
    '*a',
    '---',
    '...',
    '%x',
    '@x',
    '`x',
    '{a}',
    '[a]',
    ' lead',
    'trail ',
    '?',
  ],
  Buffer.of(0xff, 0),
  Buffer.alloc(300, 7),
  [],
  [[], {}],
  Array.from({ length: 16 }, (_, index) => index),
  { a: 1, 'b c': { é: [null] }, yes: 'yes', '1': 2 },
  Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`k${index}`, index])),
]

for (const serializer of ['json', 'msgpack', 'yaml'] as const) {
  test(`${serializer}: values come back exactly`, () => {
    for (const value of EXACT) assert.deepEqual(roundTrip(value, serializer), value)
    assert.deepEqual(roundTrip(EXACT, serializer), EXACT)
  })

  test(`${serializer}: undefined, toJSON and shared objects`, () => {
    const shared = [1]
    const value = { gone: undefined, list: [undefined], own: { toJSON: () => 'own' }, shared, again: shared }
    assert.deepEqual(roundTrip(value, serializer), { list: [null], own: 'own', shared: [1], again: [1] })
  })

  test(`${serializer}: what cannot be written is InvalidCall and says where`, () => {
    const circular: unknown[] = []
    circular.push(circular)
    assert.throws(() => encode({ a: [() => 1] }, serializer), { code: 'INVALID_CALL', message: /function at \.a\[0\]/ })
    assert.throws(() => encode({ a: new Map() }, serializer), { code: 'INVALID_CALL', message: /a Map at \.a/ })
    assert.throws(() => encode(circular, serializer), InvalidCall)
  })

  test(`${serializer}: limits`, () => {
    const deep = { a: [[[1]]] }
    assert.deepEqual(roundTrip(deep, serializer, { maxDepth: 4 }), deep)
    assert.throws(() => roundTrip(deep, serializer, { maxDepth: 3 }), InvalidMessage)
    assert.throws(() => roundTrip('text', serializer, { maxBytes: 3 }), InvalidMessage)
  })

  test(`${serializer}: __proto__ is a key like any other`, () => {
    const value = JSON.parse('{"__proto__": {"polluted": 1}}') as object
    const back = roundTrip(value, serializer) as Record<string, unknown>
    assert.deepEqual(Object.keys(back), ['__proto__'])
    assert.equal(back['polluted'], undefined)
  })
}

test('only JSON is accepted unless asked for more', () => {
  for (const serializer of ['msgpack', 'yaml'] as const) {
    assert.throws(() => decode(encode(1, serializer)), {
      code: 'INVALID_MESSAGE',
      message: /is not accepted, only application\/json/,
    })
    assert.throws(
      () => decode({ ...encode(1, serializer), contentEncoding: 'latin-1' }, { accept: [serializer] }),
      InvalidMessage,
    )
  }
})

test('msgpack: types that it has not are refused', () => {
  const values = [new Date(0), new DateTime('2026-01-02T03:04:05'), new LocalDate('2026-01-02'), new Decimal('1.1')]
  for (const value of [...values, new Uuid('01234567-89ab-cdef-0123-456789abcdef'), 2n ** 64n, -(2n ** 63n) - 1n])
    assert.throws(() => encode([value], 'msgpack'), InvalidCall)
})

test('msgpack: extension types, keys that are no text, text that is no UTF-8 and loose ends are malformed', () => {
  const bad = ['d6ff00000000', '810101', 'a1ff', '0101', 'c1', '92', 'dd7fffffff', 'df7fffffff', 'c6ffffffff', '']
  for (const hex of bad) assert.throws(() => read('msgpack', Buffer.from(hex, 'hex')), InvalidMessage, hex)
  assert.throws(() => read('msgpack', Buffer.alloc(100_000, 0x91)), /nested deeper/)
})

test('yaml: dates and times', () => {
  const value = [new LocalDate('2026-01-02'), new DateTime('2026-01-02T03:04:05.000006+05:30')]
  assert.deepEqual(roundTrip(value, 'yaml'), value)
  assert.deepEqual(roundTrip(new Date(5), 'yaml', { lossless: false }), new Date(5))
  assert.deepEqual(
    read('yaml', '2026-1-2 3:04:05.5 +5', { lossless: true }),
    new DateTime('2026-01-02T03:04:05.500000+05:00'),
  )
  for (const other of [new LocalTime('03:04:05'), new Decimal('1.1'), new Uuid('01234567-89ab-cdef-0123-456789abcdef')])
    assert.throws(() => encode([other], 'yaml'), InvalidCall)
})

test('yaml: scalars as PyYAML reads them', () => {
  const text =
    "[yes, Off, ~, 0x1F, 010, 0b11, 1_000, 1:30, -5, .5, 1e5, 1.0e+3, .inf, 0o17, !!int '7', !!str 8, !!binary /wA=]"
  const value = [
    true,
    false,
    null,
    31,
    8,
    3,
    1000,
    90,
    -5,
    0.5,
    '1e5',
    1000,
    Infinity,
    '0o17',
    7,
    '8',
    Buffer.of(255, 0),
  ]
  assert.deepEqual(read('yaml', text), value)
  assert.deepEqual(read('yaml', '? 1\n: a\n2.0: b\ntrue: c\n~: d'), { '1': 'a', '2.0': 'b', true: 'c', null: 'd' })
  assert.deepEqual(read('yaml', '- &a [1]\n- *a\n'), [[1], [1]])
})

test('yaml: tags build nothing, and what unfolds without end is malformed', () => {
  const bad = [
    '!!python/object/apply:os.system ["true"]',
    '!custom x',
    '!!set {a}',
    '!!omap [a: 1]',
    '!!int x',
    '!!timestamp x',
    '!!binary "?"',
    '[1',
    'a: b: c',
    '--- 1\n--- 2\n',
    '&a [*a]',
    '*nobody',
    '? [1]\n: 2',
    [
      'a: &a [x, x, x, x, x, x, x, x, x]',
      ...Array.from('bcdefghi', (name, index) => {
        const last = 'abcdefgh'.charAt(index)
        return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${last}`).join(', ')}]`
      }),
    ].join('\n'),
  ]
  for (const text of bad) assert.throws(() => read('yaml', text), InvalidMessage, text)
  assert.throws(() => read('yaml', '['.repeat(100_000)), InvalidMessage)
})

test('compression: every method that is offered goes there and back, within the limit', () => {
  const body = Buffer.from('text '.repeat(1000))
  assert.ok(COMPRESSIONS.includes('application/x-gzip') && COMPRESSIONS.includes('application/x-bz2'))
  for (const name of COMPRESSIONS) {
    const small = compress(name, body)
    assert.ok(small.length < 200, name)
    assert.deepEqual(Buffer.from(decompress(name, small)), body)
    assert.throws(() => decompress(name, small, { maxBytes: 4999 }), InvalidMessage)
    assert.throws(() => decompress(name, small.subarray(0, 10)), InvalidMessage)
    assert.throws(() => decompress(name, Buffer.from('no such data')), InvalidMessage)
  }
  assert.equal(compressionName('zlib'), 'application/x-gzip')
  assert.throws(() => compress('shrink', body), InvalidCall)
  assert.throws(() => decompress('shrink', body), { code: 'INVALID_MESSAGE', message: /"shrink" is not supported/ })
})

test('bzip2: runs, nothing, and bytes of every value', () => {
  const every = Buffer.from(Array.from({ length: 3000 }, (_, index) => (index * index) % 256))
  for (const body of [
    Buffer.alloc(0),
    Buffer.from('a'),
    Buffer.alloc(1000, 7),
    Buffer.from('aaaab'.repeat(300)),
    every,
  ])
    assert.deepEqual(Buffer.from(decompress('bzip2', compress('bzip2', body))), body)
  const small = Buffer.from(compress('bzip2', every))
  for (let at = 0; at < small.length; at += 7) {
    const broken = Buffer.from(small)
    broken.writeUInt8(small.readUInt8(at) ^ 0x55, at)
    // A byte of the second table changes nothing, as no group is coded with it; any other one is noticed.
    assert.equal(readOrRefuse(broken, every), true, String(at))
  }
})

/** Whether data are refused as malformed, or mean what they should. */
function readOrRefuse(data: Uint8Array, meant: Uint8Array): boolean {
  try {
    return Buffer.from(decompress('bzip2', data)).equals(meant)
  } catch (error) {
    return error instanceof InvalidMessage
  }
}
