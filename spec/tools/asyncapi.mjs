// Reads asyncapi.json with the official parser of AsyncAPI and prints what it makes of it; exit code 1 when it is invalid.
//
//     npm install --prefix /tmp/asyncapi @asyncapi/parser@3.6.3
//     NODE_PATH=/tmp/asyncapi/node_modules node spec/tools/asyncapi.mjs
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const { Parser } = createRequire(import.meta.url)('@asyncapi/parser')
const text = readFileSync(new URL('../asyncapi.json', import.meta.url), 'utf8')
const { document, diagnostics } = await new Parser().parse(text)
for (const { code, path, message } of diagnostics) console.log(`${code} at ${path.join('/')}: ${message}`)
if (!document) process.exit(1)
const counts = ['channels', 'operations', 'messages'].map((name) => `${document[name]().length} ${name}`)
console.log(`valid: ${counts.join(', ')}`)
