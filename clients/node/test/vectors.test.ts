import assert from 'node:assert/strict'
import { test } from 'node:test'

import { CODECS, type Codec } from '../src/codecs.js'
import { COMPRESSIONS } from '../src/compression.js'
import { InvalidMessage } from '../src/errors.js'
import type { JsonMap } from '../src/neutral.js'
import { vectorFolders, vectors, type Vector } from './support.js'

/** What our own declarations are held against elsewhere: `topology` is no message. */
const NO_MESSAGES: readonly string[] = ['topology']
/** Kinds that nobody has to write any more, and those whose key is not ours. */
const DECODE_ONLY: readonly string[] = ['task-v1', 'signed']
/** Compressed when it was stored; nothing in the document says so. */
const LOSES_COMPRESSION: readonly string[] = ['stored/result-compressed']

const FOLDERS = vectorFolders().filter((folder) => !NO_MESSAGES.includes(folder.split('/', 1).join('')))

function codecOf(vector: Vector): Codec {
  const codec = CODECS[vector.kind]
  assert.ok(codec, `no codec for the kind ${vector.kind}`)
  return codec
}

/** What encoding has to bring back. The properties of a reply are its transport's business, not the document's. */
function comparable(vector: Vector, wire: JsonMap): JsonMap {
  if ('messages' in wire)
    return { ...wire, messages: (wire['messages'] as JsonMap[]).map((one) => comparable(vector, one)) }
  const rest = { ...wire }
  if (vector.kind === 'result') delete rest['properties']
  // Compressors differ; and some documents' keys come in another order than Celery writes them.
  const byValue = 'compression' in (vector.message ?? {}) || ['result', 'stored', 'event'].includes(vector.kind)
  if (byValue) return { ...rest, body: codecOf(vector).decode(wire), item: null }
  return 'item' in wire ? { ...rest, item: Buffer.from(wire['item'] as string, 'base64').toString() } : rest
}

test('every kind of vector was found', () => {
  const kinds = new Set(FOLDERS.flatMap((folder) => vectors(folder)).map(({ kind }) => kind))
  assert.deepEqual([...kinds].sort(), Object.keys(CODECS).sort())
})

for (const vector of FOLDERS.flatMap((folder) => vectors(folder))) {
  const { decode, encode } = codecOf(vector)
  const { message } = vector
  const compression = message?.['compression']
  const isUnsupported =
    typeof compression === 'string' && compression.includes('/') && !COMPRESSIONS.includes(compression)
  if (message === undefined) {
    test(`${vector.id}: InvalidMessage`, () => {
      // Nobody asked for another serializer than JSON.
      assert.throws(() => decode(vector.wire, []), InvalidMessage)
    })
  } else if (isUnsupported) {
    test(`${vector.id}: an error that names the compression`, () => {
      assert.throws(() => decode(vector.wire), new RegExp(compression))
    })
  } else {
    test(`${vector.id}: decode and encode`, () => {
      assert.deepEqual(decode(vector.wire), message)
      if (DECODE_ONLY.includes(vector.kind)) return
      const wire = encode(message)
      assert.deepEqual(decode(wire), message)
      // Python's own bytes come back one for one; a hand-written body may be laid out in another way.
      if (
        vector.provenance.source === 'capture' &&
        !vector.id.includes('/optional/') &&
        !LOSES_COMPRESSION.includes(vector.id)
      )
        assert.deepEqual(comparable(vector, wire), comparable(vector, vector.wire))
    })
  }
}
