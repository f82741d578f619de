import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

interface Layers {
  readonly importsOf: (folder: string) => Record<string, string[]>
  readonly problems: (modules: Record<string, string[]>, rules?: object) => string[]
}

const { importsOf, problems } = (await import(new URL('../../tools/layers.mjs', import.meta.url).href)) as Layers
const modules = importsOf(fileURLToPath(new URL('../../src', import.meta.url)))

test('no module imports what is above it, and there is no cycle', () => {
  assert.ok(Object.keys(modules).length > 20, 'the modules were found')
  assert.deepEqual(problems(modules), [])
})

test('a forbidden import is found', () => {
  const planted = { ...modules, message: [...(modules['message'] ?? []), 'own:client', 'ioredis'] }
  const found = problems(planted).join('\n')
  assert.match(found, /message: may not import client/)
  assert.match(found, /message: may not import ioredis/)
  assert.match(found, /cycle: .*message -> client/)
})

test('an unknown and a missing module are found', () => {
  const rules = { a: { own: ['b'], other: [] }, b: { own: [], other: [] } }
  assert.deepEqual(problems({ a: ['own:b'], c: [] }, rules), [
    'c: not in the table of layers',
    'b: in the table of layers, but there is no such module',
  ])
})
