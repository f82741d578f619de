// Who may import whom, and no cycles. `node tools/layers.mjs` exits with 1 and says what is wrong.
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'

const CORE = [
  ...['errors', 'values', 'limits', 'text', 'json', 'summary', 'serialization', 'compression', 'fields', 'wire'],
  'message',
]
/** The other kinds of messages: codecs as well, which nothing of the core knows. */
const KINDS = ['message-v1', 'result', 'control', 'events', 'signed']

/** What a module may import of the package, and from elsewhere. Anything not listed is refused. */
const RULES = {
  errors: { own: [], other: ['node:util'] },
  values: { own: ['errors'], other: [] },
  limits: { own: [], other: [] },
  text: { own: ['errors'], other: [] },
  json: { own: ['errors', 'values'], other: [] },
  tree: { own: ['json', 'values'], other: [] },
  summary: { own: ['values'], other: [] },
  msgpack: { own: ['errors', 'values', 'json', 'text', 'tree'], other: [] },
  yaml: { own: ['errors', 'values', 'json', 'text', 'tree'], other: ['node:module', 'yaml'] },
  serialization: { own: ['errors', 'values', 'json', 'limits', 'msgpack', 'text', 'yaml'], other: [] },
  'bzip2-format': { own: [], other: [] },
  bzip2: { own: ['bzip2-format'], other: [] },
  bunzip2: { own: ['bzip2-format'], other: [] },
  compression: { own: ['bunzip2', 'bzip2', 'errors', 'limits'], other: ['node:zlib'] },
  fields: { own: ['errors', 'values', 'json'], other: [] },
  wire: { own: ['fields', 'serialization', 'values'], other: [] },
  rules: { own: ['errors', 'values'], other: [] },
  signature: { own: [...CORE, 'rules'], other: [] },
  canvas: { own: [...CORE, 'rules', 'signature'], other: [] },
  message: { own: CORE, other: [] },
  'message-v1': { own: CORE, other: [] },
  result: { own: CORE, other: [] },
  control: { own: CORE, other: [] },
  events: { own: CORE, other: [] },
  signed: { own: CORE, other: ['node:crypto'] },
  'transport/waiting': { own: [], other: ['node:events'] },
  'transport/url': { own: ['errors'], other: [] },
  'transport/transport': { own: ['serialization', 'wire'], other: ['node:tls'] },
  'transport/memory': { own: [...CORE, 'transport/transport'], other: [] },
  'transport/envelope': { own: CORE, other: ['node:crypto'] },
  'transport/amqp-connection': {
    own: [...CORE, 'transport/transport', 'transport/url', 'transport/waiting'],
    other: ['rabbitmq-client'],
  },
  'transport/amqp': {
    own: [...CORE, 'transport/transport', 'transport/waiting', 'transport/amqp-connection'],
    other: ['node:util', 'rabbitmq-client'],
  },
  'transport/amqp-bus': {
    own: [...CORE, 'transport/transport', 'transport/amqp', 'transport/amqp-connection'],
    other: ['node:crypto', 'rabbitmq-client'],
  },
  'transport/amqp-replies': {
    own: [...CORE, 'transport/transport', 'transport/amqp-connection'],
    other: ['rabbitmq-client'],
  },
  'transport/redis-connection': {
    own: [...CORE, 'transport/transport', 'transport/url', 'transport/waiting'],
    other: ['ioredis'],
  },
  'transport/redis': {
    own: [...CORE, 'transport/transport', 'transport/waiting', 'transport/envelope', 'transport/redis-connection'],
    other: [],
  },
  'transport/redis-bus': {
    own: [...CORE, 'transport/transport', 'transport/envelope', 'transport/redis-connection', 'transport/waiting'],
    other: [],
  },
  'transport/redis-results': {
    own: [...CORE, 'transport/transport', 'transport/waiting', 'transport/redis-connection'],
    other: [],
  },
  'transport/connect': { own: ['errors', 'transport/*'], other: ['node:tls'] },
  options: { own: [...CORE, 'rules', 'signature', 'canvas'], other: [] },
  planning: { own: [...CORE, 'signature', 'canvas', 'options'], other: [] },
  'event-stream': { own: [...CORE, 'events', 'transport/transport'], other: [] },
  'remote-control': {
    own: [...CORE, 'control', 'rules', 'transport/transport', 'transport/waiting'],
    other: ['node:crypto'],
  },
  'group-result': { own: ['task-result'], other: [] },
  'task-result': { own: [...CORE, 'result', 'transport/transport', 'transport/waiting'], other: [] },
  client: {
    own: [
      ...[...CORE, 'result', 'signature', 'options', 'planning', 'task-result', 'group-result'],
      ...['event-stream', 'remote-control', 'rules'],
      ...['transport/connect', 'transport/transport', 'transport/waiting'],
    ],
    other: ['node:crypto', 'node:os', 'node:tls'],
  },
  neutral: { own: CORE, other: [] },
  codecs: { own: [...CORE, ...KINDS, 'neutral', 'transport/envelope'], other: ['node:crypto'] },
  index: { own: ['*'], other: [] },
}

const IMPORT = /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)['"]([^'"]+)['"]/g

/** The imports of every module of a folder: `{ module: [specifier, ...] }`, type imports counted. */
export function importsOf(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.name.endsWith('.ts'),
  )
  const modules = {}
  for (const file of files) {
    const path = posix.join(file.parentPath ?? file.path, file.name)
    const name = posix.relative(folder, path).replace(/\.ts$/, '')
    modules[name] = [...readFileSync(path, 'utf8').matchAll(IMPORT)].map(([, target]) => resolve(name, target))
  }
  return modules
}

function resolve(from, target) {
  return target.startsWith('.') ? `own:${posix.join(posix.dirname(from), target).replace(/\.js$/, '')}` : target
}

/** What is wrong with a set of modules; empty when nothing is. */
export function problems(modules, rules = RULES) {
  const found = []
  for (const [name, imports] of Object.entries(modules)) {
    const rule = rules[name]
    if (!rule) found.push(`${name}: not in the table of layers`)
    else
      for (const target of imports)
        if (!isAllowed(target, rule)) found.push(`${name}: may not import ${target.replace(/^own:/, '')}`)
  }
  for (const name of Object.keys(rules))
    if (!(name in modules)) found.push(`${name}: in the table of layers, but there is no such module`)
  return [...found, ...cycles(modules)]
}

function isAllowed(target, { own, other }) {
  if (!target.startsWith('own:')) return other.includes(target)
  const name = target.slice('own:'.length)
  return own.some(
    (allowed) =>
      allowed === '*' || allowed === name || (allowed.endsWith('/*') && name.startsWith(allowed.slice(0, -1))),
  )
}

function cycles(modules) {
  const done = new Set()
  const found = []
  const visit = (name, path) => {
    if (path.includes(name)) found.push(`cycle: ${[...path.slice(path.indexOf(name)), name].join(' -> ')}`)
    if (path.includes(name) || done.has(name)) return
    for (const target of modules[name] ?? [])
      if (target.startsWith('own:')) visit(target.slice('own:'.length), [...path, name])
    done.add(name)
  }
  for (const name of Object.keys(modules)) visit(name, [])
  return found
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = problems(importsOf(fileURLToPath(new URL('../src', import.meta.url))))
  for (const problem of found) console.error(problem)
  if (found.length > 0) process.exitCode = 1
  else console.log('layers: every import is allowed, no cycle')
}
