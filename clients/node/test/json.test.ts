import assert from 'node:assert/strict'
import { test } from 'node:test'

import { InvalidCall, InvalidMessage } from '../src/errors.js'
import { decodeText, encodeText } from '../src/serialization.js'
import { summary } from '../src/summary.js'
import { DateTime, Decimal, Float, LocalDate, LocalTime, Uuid } from '../src/values.js'

const read = (text: string, lossless = false): unknown => decodeText(Buffer.from(text), { lossless })

test('integers are exact: numbers up to 2^53, bigints beyond', () => {
  assert.equal(read('9007199254740991'), 9007199254740991)
  assert.equal(read('9007199254740993'), 9007199254740993n)
  assert.equal(read('-9007199254740993'), -9007199254740993n)
  assert.ok(Object.is(read('-0'), 0), '-0 is the integer 0')
})

test('an integer of more digits than Python takes is refused', () => {
  assert.equal(typeof read('1'.repeat(4300)), 'bigint')
  assert.throws(() => read('1'.repeat(4301)), InvalidMessage)
})

test('floats are numbers, or Float where lossless reading needs it', () => {
  assert.deepEqual(read('[1.0, 1.5, 1e3, NaN, -Infinity]'), [1, 1.5, 1000, NaN, -Infinity])
  assert.deepEqual(read('[1.0, 1.5, 1e3]', true), [new Float(1), 1.5, new Float(1000)])
  assert.equal(String(read('-0.0', true)), '-0.0')
})

test('values are written as Python writes them', () => {
  const rows: readonly (readonly [unknown, string])[] = [
    [1, '1'],
    [-0, '-0.0'],
    [1.5, '1.5'],
    [2 ** 53, '9007199254740992.0'],
    [1e16, '1e+16'],
    [1.5e-7, '1.5e-07'],
    [new Float(1), '1.0'],
    [new Float(Number.NaN), 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [2n ** 64n, '18446744073709551616'],
    [[1, [], {}], '[1, [], {}]'],
    [{ a: 1, b: undefined }, '{"a": 1}'],
    [[undefined], '[null]'],
    ['Grüße \u{1F407}', '"Gr\\u00fc\\u00dfe \\ud83d\\udc07"'],
    [{ toJSON: () => ({ x: 1 }) }, '{"x": 1}'],
  ]
  for (const [value, text] of rows) assert.equal(encodeText(value), text)
  class Money {
    toJSON(): unknown {
      return { cents: 5 }
    }
  }
  assert.equal(encodeText([new Money()]), '[{"cents": 5}]')
})

test('typed values', () => {
  const values = [
    [new DateTime('2026-01-02T03:04:05.000006+05:30'), 'datetime', '"2026-01-02T03:04:05.000006+05:30"'],
    [new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6)), 'datetime', '"2026-01-02T03:04:05.006000+00:00"'],
    [new LocalDate('2026-01-02'), 'date', '"2026-01-02"'],
    [new LocalTime('03:04:05'), 'time', '"03:04:05"'],
    [new Decimal('1.10'), 'decimal', '"1.10"'],
    [new Uuid('12345678-1234-5678-1234-567812345678'), 'uuid', '{"hex": "12345678123456781234567812345678"}'],
    [Buffer.from('text'), 'bytes', '"text"'],
    [Uint8Array.of(255), 'base64', '"/w=="'],
  ] as const
  for (const [value, name, payload] of values) {
    const text = `{"__type__": "${name}", "__value__": ${payload}}`
    assert.equal(encodeText(value), text)
    assert.equal(encodeText(read(text, true)), text, 'lossless reading brings it back')
  }
})

test('typed values are read into what JavaScript has, unless lossless', () => {
  assert.deepEqual(
    read('{"__type__": "datetime", "__value__": "2026-01-02T03:04:05.678901"}'),
    new Date('2026-01-02T03:04:05.678Z'),
  )
  const uuid = '{"__type__": "uuid", "__value__": {"hex": "12345678123456781234567812345678"}}'
  assert.equal(read(uuid), '12345678-1234-5678-1234-567812345678')
})

test('what cannot be sent is refused, and named', () => {
  const circle: unknown[] = []
  circle.push(circle)
  const rows: readonly (readonly [unknown, RegExp])[] = [
    [{ a: [1, () => 1] }, /function at \.a\[1\]/],
    [[new Map()], /a Map at \[0\]/],
    [Symbol('s'), /symbol/],
    [circle, /nested deeper than 500/],
    [new Date(Number.NaN), /Invalid Date/],
    [{ __type__: 'x', __value__: 1 }, /type tag/],
  ]
  for (const [value, message] of rows) {
    assert.throws(
      () => encodeText(value),
      (error) => error instanceof InvalidCall && message.test(error.message),
    )
  }
  assert.equal(encodeText({ __type__: 'x', __value__: 1, other: 2 }), '{"__type__": "x", "__value__": 1, "other": 2}')
})

test('the key __proto__ is a key like any other', () => {
  const value = read('{"__proto__": {"admin": true}}') as object
  assert.deepEqual(Object.keys(value), ['__proto__'])
  assert.equal('admin' in value, false)
  assert.equal(encodeText(value), '{"__proto__": {"admin": true}}')
})

test('depth and size have limits', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  assert.ok(read(nested(500)))
  assert.throws(() => read(nested(501)), /nested deeper than 500/)
  assert.throws(() => read('['.repeat(1_000_000)), InvalidMessage)
  assert.throws(() => decodeText(Buffer.from('[1, 2]'), { maxBytes: 5 }), /over the limit/)
})

test('the value classes refuse text that is not theirs', () => {
  assert.throws(() => new DateTime('2026-01-02T03:04:05.1234567'), InvalidCall)
  assert.throws(() => new LocalDate('2026-13-01'), InvalidCall)
  assert.throws(() => new Uuid('no'), InvalidCall)
  assert.throws(() => new Decimal('1,5'), InvalidCall)
})

test('the summary of arguments is short, shallow and cheap', () => {
  assert.equal(
    summary([1, 'a', { b: [[[1]]] }, null, new Decimal('1.10'), Buffer.from('xyz')]),
    '[1, "a", {"b": [[...]]}, null, 1.10, <3 bytes>]',
  )
  assert.equal(summary(['x'.repeat(100_000)]).length, 1024)
  assert.equal(summary(Array.from({ length: 100_000 }, (_, index) => index)).length, 1024)
  assert.ok(summary(['\u{1F407}'.repeat(1000)]).isWellFormed())
})
