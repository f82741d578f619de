import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = new URL('../../', import.meta.url)
const readme = readFileSync(new URL('README.md', ROOT), 'utf8')

for (const name of readdirSync(new URL('examples/', ROOT)).filter((file) => /\.(?:mjs|ts)$/.test(file))) {
  test(`the README shows examples/${name} as it is`, () => {
    const source = readFileSync(new URL(`examples/${name}`, ROOT), 'utf8')
    const language = name.endsWith('.ts') ? 'ts' : 'js'
    assert.ok(readme.includes(`\`\`\`${language}\n${source}\`\`\``))
  })
}

test('every error and every option has its row in the README', async () => {
  const errors = readFileSync(new URL('src/errors.ts', ROOT), 'utf8').matchAll(/code(?:: string)? = '(\w+)'/g)
  for (const [, code = ''] of errors) assert.ok(readme.includes(`\`${code}\``), code)
  const { Client, MemoryTransport } = await import('../src/index.js')
  const client = new Client({ broker: new MemoryTransport() })
  const refused: unknown = await client.send('a', { bogus: 1 } as object).catch((error: unknown) => error)
  const names = /the options are (.*)/.exec(String(refused))?.[1]?.split(', ') ?? []
  assert.ok(names.length > 15)
  for (const name of names) assert.ok(readme.includes(`\`${name}\``), name)
})

test('examples/testing.mjs prints what it says', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL('examples/testing.mjs', ROOT))])
  assert.equal(stdout, '[ 2, 3 ]\n5\n')
})
