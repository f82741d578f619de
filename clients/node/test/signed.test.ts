import assert from 'node:assert/strict'
import { test } from 'node:test'

import { InvalidMessage, parseSigned, type SignedOptions } from '../src/index.js'
import { vectors } from './support.js'

const [vector] = vectors('security').filter(({ id }) => id === 'security/signed')
assert.ok(vector)
const { body, certificate } = vector.wire as { body: string; certificate: string }
const BEFORE_IT_ENDS = new Date('2030-01-01T00:00:00Z')

function parse(encoded: Uint8Array, options: Partial<SignedOptions> = {}): ReturnType<typeof parseSigned> {
  const wire = { contentType: 'application/data', contentEncoding: 'utf-8', body: encoded }
  return parseSigned(wire, { certificates: [certificate], now: BEFORE_IT_ENDS, ...options })
}

/** The body with its last bytes changed. */
function changed(): Uint8Array {
  const payload = Buffer.from(Buffer.from(body, 'base64').toString(), 'base64')
  payload.write('0', payload.indexOf('[[2, 3]') + 2)
  return Buffer.from(payload.toString('base64'))
}

test('a body that its signer signed', () => {
  const signed = parse(Buffer.from(body, 'base64'))
  assert.equal(signed.signer, 'shop.example 4711')
  assert.deepEqual((signed.body as unknown[])[0], [2, 3])
})

test('a body that was changed, an unknown signer, and a certificate that is not valid then', () => {
  assert.throws(() => parse(changed()), /the signature of "shop.example 4711" does not hold/)
  const whole = Buffer.from(body, 'base64')
  assert.throws(() => parse(whole, { certificates: [] }), /"shop.example 4711" is not known/)
  assert.throws(() => parse(whole, { now: new Date('2040-01-01') }), /not valid at 2040/)
  assert.throws(() => parse(whole, { now: new Date('2020-01-01') }), InvalidMessage)
  assert.throws(() => parse(whole, { digest: 'sha512' }), InvalidMessage)
})
