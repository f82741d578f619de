import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

import { camel, type Field } from '../src/fields.js'
import {
  CONTROL_FIELDS,
  ENVELOPE_FIELDS,
  EVENT_FIELDS,
  EVENT_MESSAGE_FIELDS,
  FIELDS,
  FIELDS_V1,
  REPLY_FIELDS,
  RESULT_FIELDS,
  SIGNATURE_FIELDS,
} from '../src/index.js'
import { fieldLists, requirementIds } from './support.js'

const TABLES: Readonly<Record<string, readonly Field[]>> = {
  'task-v2': FIELDS,
  'task-v1': FIELDS_V1,
  envelope: ENVELOPE_FIELDS,
  signature: SIGNATURE_FIELDS,
  result: RESULT_FIELDS,
  control: CONTROL_FIELDS,
  reply: REPLY_FIELDS,
  'event-message': EVENT_MESSAGE_FIELDS,
  event: EVENT_FIELDS,
}

test('every list of the specification has a table', () => {
  const lists = Object.entries(fieldLists()).filter(([, list]) => Array.isArray(list))
  assert.deepEqual(lists.map(([name]) => name).sort(), Object.keys(TABLES).sort())
})

for (const [list, table] of Object.entries(TABLES)) {
  test(`the table of ${list} is the specification's`, () => {
    const rows = fieldLists()[list] ?? []
    assert.ok(rows.length > 0, `spec/fields.json has no list ${list}`)
    const ours = table.map(({ name, place, types, ...rest }) => ({
      name,
      place,
      type: types,
      ...('omitted' in rest && { omitted: rest.omitted }),
    }))
    const theirs = rows.map(({ name, place, type, ...rest }) => ({
      name,
      place,
      type,
      ...('omitted' in rest && { omitted: rest.omitted }),
    }))
    assert.deepEqual(ours, theirs)
  })
}

test('property names are the wire names in camel case', () => {
  assert.equal(camel('replaced_task_nesting'), 'replacedTaskNesting')
  assert.equal(camel('id'), 'id')
})

test('every requirement that the source names exists', () => {
  const known = new Set(requirementIds())
  const folder = new URL('../../src/', import.meta.url)
  const files = readdirSync(folder, { recursive: true }).filter((name) => String(name).endsWith('.ts'))
  const named = files.flatMap(
    (name) =>
      readFileSync(new URL(String(name), folder), 'utf8').match(/\b(?:TM|SER|RS|BR|CV|CT|EV|SEC)-[A-Z0-9]+-\d{3}\b/g) ??
      [],
  )
  assert.ok(named.length > 20)
  assert.deepEqual(
    named.filter((id) => !known.has(id)),
    [],
  )
})
