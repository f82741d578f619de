// Removes compiled files whose source is gone: `node tools/prune.mjs OUTPUT SOURCE`. The output folder itself stays, so
// that a program that is using the built package is not left without it while it is built again.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'

const [output, source] = process.argv.slice(2)
const compiled = existsSync(output) ? readdirSync(output, { recursive: true, withFileTypes: true }) : []
for (const entry of compiled.filter(({ name }) => /(?:\.d\.ts|\.js)$/.test(name))) {
  const file = join(entry.parentPath ?? entry.path, entry.name)
  const origin = join(source, relative(output, file)).replace(/(?:\.d\.ts|\.js)$/, '.ts')
  if (!existsSync(origin)) rmSync(file)
}
