import assert from 'node:assert/strict'
import { test } from 'node:test'

import { InvalidMessage } from '../src/errors.js'
import { CODECS } from '../src/codecs.js'
import type { Json, JsonMap } from '../src/neutral.js'
import {
  decode,
  parse,
  parseControl,
  parseEnvelope,
  parseEvents,
  parseGroup,
  parseReply,
  parseResult,
  parseSigned,
  parseV1,
} from '../src/index.js'
import { vectorFolders, vectors } from './support.js'

/** A small generator with a seed, so that a failure can be repeated. */
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), state | 1) + 0x6d2b79f5) | 0
    return ((state ^ (state >>> 14)) >>> 0) % below
  }
}

function pick<T>(list: readonly T[], random: (below: number) => number): T {
  const [item] = list.slice(random(list.length))
  if (item === undefined) throw new Error('an empty list')
  return item
}

const CONTENT = { contentType: 'application/json', contentEncoding: 'utf-8' } as const
const HEADERS = { task: 'a', id: 'b' } as const

function raisesOnlyInvalidMessage(what: string, read: () => unknown): void {
  try {
    read()
  } catch (error) {
    assert.ok(error instanceof InvalidMessage, `${what}: ${String(error)}`)
  }
}

function readEverything(what: string, body: Uint8Array): void {
  raisesOnlyInvalidMessage(what, () => decode({ ...CONTENT, body }))
  raisesOnlyInvalidMessage(what, () => decode({ ...CONTENT, body }, { lossless: true }))
  raisesOnlyInvalidMessage(what, () => parse({ ...CONTENT, body, headers: HEADERS, properties: {} }))
  raisesOnlyInvalidMessage(what, () =>
    parse({ ...CONTENT, body, headers: { ...HEADERS, compression: 'zlib' }, properties: {} }),
  )
  const wire = { ...CONTENT, body, headers: {}, properties: {} }
  for (const read of [parseResult, parseGroup, parseV1, parseControl, parseReply, parseEvents])
    raisesOnlyInvalidMessage(what, () => read(wire))
  raisesOnlyInvalidMessage(what, () => parseSigned({ ...wire, contentType: 'application/data' }, { certificates: [] }))
  raisesOnlyInvalidMessage(what, () => parseEnvelope(body))
  const accept = ['msgpack', 'yaml'] as const
  for (const lossless of [false, true]) {
    raisesOnlyInvalidMessage(what, () =>
      decode({ ...wire, contentType: 'application/x-msgpack', contentEncoding: 'binary' }, { accept, lossless }),
    )
    raisesOnlyInvalidMessage(what, () => decode({ ...wire, contentType: 'application/x-yaml' }, { accept, lossless }))
  }
}

const SAMPLES = vectorFolders()
  .flatMap((folder) => vectors(folder))
  .filter(({ wire }) => 'body' in wire || 'item' in wire)

test('random bytes', () => {
  const random = generator(1)
  const alphabet = Buffer.from('{}[]",:\\u0123456789-+.eE truefalsnNIity_\u00ff\n|>&*!#%@`?')
  for (let round = 0; round < 5000; round += 1) {
    const bytes = Uint8Array.from({ length: random(40) }, () =>
      round % 2 === 0 ? random(256) : (alphabet[random(alphabet.length)] ?? 0),
    )
    readEverything(`seed 1, round ${round}, ${Buffer.from(bytes).toString('base64')}`, bytes)
  }
})

test('vectors with bytes changed, cut and doubled', () => {
  const random = generator(2)
  for (let round = 0; round < 3000; round += 1) {
    const { body, item } = pick(SAMPLES, random).wire
    const bytes = Buffer.from((body ?? item) as string, 'base64')
    const start = random(bytes.length)
    const piece = bytes.subarray(start, start + random(20))
    const mutated = [
      () => Buffer.concat([bytes.subarray(0, start), Buffer.of(random(256)), bytes.subarray(start + 1)]),
      () => bytes.subarray(0, start),
      () => Buffer.concat([bytes.subarray(0, start), piece, bytes.subarray(start)]),
    ][random(3)]?.()
    readEverything(`seed 2, round ${round}`, mutated ?? bytes)
  }
})

const ODD_VALUES: readonly Json[] = [
  null,
  true,
  -1,
  1.5,
  1e300,
  '',
  'text',
  [],
  [null],
  {},
  { a: [] },
  { $float: 'NaN' },
  { $bytes: '/w==' },
]

test('vectors with headers and properties replaced', () => {
  const random = generator(3)
  const messages = SAMPLES.filter(({ wire }) => 'headers' in wire && 'properties' in wire)
  for (let round = 0; round < 3000; round += 1) {
    const { kind, wire: original } = pick(messages, random)
    const wire = structuredClone(original)
    const part = wire[random(4) === 0 ? 'properties' : 'headers'] as JsonMap
    part[pick([...Object.keys(part), 'other'], random)] = pick(ODD_VALUES, random)
    raisesOnlyInvalidMessage(`seed 3, round ${round}`, () => CODECS[kind]?.decode(wire))
  }
})
