import assert from 'node:assert/strict'
import { test } from 'node:test'

/** Everything that the package promises to keep. A new name is a decision, not an accident. */
const NAMES = [
  'BrokerUnavailable',
  'CONTROL_FIELDS',
  'CeleriacError',
  'Client',
  'DateTime',
  'Decimal',
  'ENVELOPE_FIELDS',
  'EVENT_FIELDS',
  'EVENT_MESSAGE_FIELDS',
  'EventStream',
  'FIELDS',
  'FIELDS_V1',
  'Float',
  'GroupResult',
  'InvalidCall',
  'InvalidMessage',
  'LocalDate',
  'LocalTime',
  'MemoryTransport',
  'NotRegistered',
  'PublishFailed',
  'REPLY_FIELDS',
  'RESULT_FIELDS',
  'RemoteControl',
  'ResultError',
  'SIGNATURE_FIELDS',
  'TaskFailure',
  'TaskResult',
  'TaskRevoked',
  'TaskTimeout',
  'TransportError',
  'Uuid',
  'build',
  'buildControl',
  'buildEnvelope',
  'buildEvents',
  'buildGroup',
  'buildReply',
  'buildResult',
  'chain',
  'chord',
  'chunks',
  'decode',
  'encode',
  'group',
  'instantOf',
  'isTerminal',
  'isV1',
  'map',
  'outcome',
  'parse',
  'parseControl',
  'parseEnvelope',
  'parseEvents',
  'parseGroup',
  'parseReply',
  'parseResult',
  'parseSignature',
  'parseSigned',
  'parseV1',
  'signature',
  'starmap',
]

// The package by its own name, as a user imports it: this goes through "exports" to the built files.
const SELF = 'celeriac'

test('the package exports what it promises', async () => {
  assert.deepEqual(Object.keys((await import(SELF)) as object).sort(), NAMES)
})

test('nothing but the root can be imported', async () => {
  await assert.rejects(import(`${SELF}/dist/client.js`), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' })
})
