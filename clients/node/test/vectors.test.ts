import assert from 'node:assert/strict'
import { test } from 'node:test'

import { InvalidMessage } from '../src/errors.js'
import { CODECS, type Codec, type JsonMap } from '../src/neutral.js'
import { vectors, type Vector } from './support.js'

const FOLDERS = ['task-v2', 'redis', 'result', 'serialization'] as const

/** Vectors whose compression Node has no decoder for: the error has to name it. */
const UNSUPPORTED: ReadonlyMap<string, RegExp> = new Map([['task-v2/compression-bzip2', /application\/x-bz2/]])

function codecOf(vector: Vector): Codec {
  const codec = CODECS[vector.kind]
  assert.ok(codec, `no codec for the kind ${vector.kind}`)
  return codec
}

function text(wire: JsonMap): string {
  return Buffer.from((wire['body'] ?? wire['item']) as string, 'base64').toString()
}

/** What encoding has to bring back. The properties of a reply are its transport's business, not the document's. */
function comparable(vector: Vector, wire: JsonMap): JsonMap {
  const rest = { ...wire }
  if (vector.kind === 'result') delete rest['properties']
  const isCompressed = typeof vector.message['compression'] === 'string'
  delete rest['body']
  delete rest['item']
  // A result document's keys come in another order than Celery writes them.
  const byValue = isCompressed || vector.kind === 'result'
  return { ...rest, body: byValue ? codecOf(vector).decode(wire) : text(wire) }
}

for (const folder of FOLDERS) {
  for (const vector of vectors(folder)) {
    const unsupported = UNSUPPORTED.get(vector.id)
    test(`${vector.id}: decode and encode`, () => {
      const { decode, encode } = codecOf(vector)
      if (unsupported) {
        assert.throws(
          () => decode(vector.wire),
          (error) => error instanceof InvalidMessage && unsupported.test(error.message),
        )
        return
      }
      assert.deepEqual(decode(vector.wire), vector.message)
      const wire = encode(vector.message)
      assert.deepEqual(decode(wire), vector.message)
      // Python's own bytes come back one for one; a hand-written body may be laid out in another way.
      if (vector.provenance.source === 'capture')
        assert.deepEqual(comparable(vector, wire), comparable(vector, vector.wire))
    })
  }

  for (const vector of vectors(`${folder}/optional`)) {
    test(`${vector.id}: decode, and encode to something equal`, () => {
      const { decode, encode } = codecOf(vector)
      assert.deepEqual(decode(vector.wire), vector.message)
      assert.deepEqual(decode(encode(vector.message)), vector.message)
    })
  }

  for (const vector of vectors(`${folder}/invalid`)) {
    test(`${vector.id}: InvalidMessage`, () => {
      assert.throws(() => codecOf(vector).decode(vector.wire), InvalidMessage)
    })
  }
}
