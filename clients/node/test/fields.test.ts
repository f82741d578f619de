import assert from 'node:assert/strict'
import { test } from 'node:test'

import { camel, type Field } from '../src/fields.js'
import { ENVELOPE_FIELDS, FIELDS, RESULT_FIELDS, SIGNATURE_FIELDS } from '../src/index.js'
import { fieldLists } from './support.js'

const TABLES: Readonly<Record<string, readonly Field[]>> = {
  'task-v2': FIELDS,
  envelope: ENVELOPE_FIELDS,
  signature: SIGNATURE_FIELDS,
  result: RESULT_FIELDS,
}

for (const [list, table] of Object.entries(TABLES)) {
  test(`the table of ${list} is the specification's`, () => {
    const rows = fieldLists()[list] ?? []
    assert.ok(rows.length > 0, `spec/fields.json has no list ${list}`)
    const ours = table.map(({ name, place, types, ...rest }) => ({ name, place, type: types, ...('omitted' in rest && { omitted: rest.omitted }) }))
    const theirs = rows.map(({ name, place, type, ...rest }) => ({ name, place, type, ...('omitted' in rest && { omitted: rest.omitted }) }))
    assert.deepEqual(ours, theirs)
  })
}

test('property names are the wire names in camel case', () => {
  assert.equal(camel('replaced_task_nesting'), 'replacedTaskNesting')
  assert.equal(camel('id'), 'id')
})
