// Testee of the Node client, protocol ctp/1: one JSON request per line on stdin, one answer per line on stdout.
// A program of one's own says `import { Client } from 'celeriac'`; the adapter takes the built package by path.
import { createInterface } from 'node:readline'

import {
  build, buildEnvelope, buildResult, Client, DateTime, Decimal, decode, encode, Float, LocalDate, LocalTime,
  MemoryTransport, parse, parseEnvelope, parseResult, parseSignature, ResultError, signature, Uuid,
} from '../../../clients/node/dist/index.js'

const VERSION = '0.1.0'
const LOSSLESS = { lossless: true }

// ---- values that JSON cannot hold: tagged in the protocol, classes in the library ----

const TAGS = [
  ['$datetime', DateTime], ['$date', LocalDate], ['$time', LocalTime], ['$decimal', Decimal], ['$uuid', Uuid],
]
const fromTag = {
  $bytes: (text) => Buffer.from(text, 'base64'),
  $int: (text) => BigInt(text),
  $float: (text) => new Float(Number(text)),
  $object: (map) => mapValues(map, untag),
  ...Object.fromEntries(TAGS.map(([name, Class]) => [name, (text) => new Class(text)])),
}

const mapValues = (map, change) => Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]))
const tagOf = (map) => (Object.keys(map).length === 1 && Object.keys(map)[0].startsWith('$') ? Object.keys(map)[0] : undefined)

function untag(value) {
  if (Array.isArray(value)) return value.map(untag)
  if (typeof value !== 'object' || value === null) return value
  const name = tagOf(value)
  return name ? fromTag[name](value[name]) : mapValues(value, untag)
}

function tag(value) {
  if (typeof value === 'bigint') return { $int: String(value) }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(tag)
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') }
  if (value instanceof Float) return { $float: String(value) }
  const known = TAGS.find(([, Class]) => value instanceof Class)
  if (known) return { [known[0]]: value.text }
  const map = mapValues(value, tag)
  return tagOf(map) ? { $object: map } : map
}

// ---- codec: neutral form is snake case, the library's is camel case ----

const renamed = (map, rename) => Object.fromEntries(Object.entries(map).map(([key, value]) => [rename(key), value]))
const toSnake = (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
const toCamel = (key) => key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())
const toNeutral = (message) => mapValues(renamed(message, toSnake), tag)
const fromNeutral = (message) => mapValues(renamed(message, toCamel), untag)

const encoded = (wire) => ({
  contentType: wire.content_type ?? undefined,
  contentEncoding: wire.content_encoding ?? undefined,
  body: Buffer.from(wire.body, 'base64'),
})
const toWire = ({ contentType, contentEncoding, body, ...rest }) => ({
  ...toNeutral(rest),
  content_type: contentType,
  content_encoding: contentEncoding,
  body: Buffer.from(body).toString('base64'),
})

const codecs = {
  task: {
    decode: (wire) => toNeutral(parse({ ...encoded(wire), headers: untag(wire.headers), properties: untag(wire.properties) }, LOSSLESS)),
    encode: (message) => toWire(build(fromNeutral(message))),
  },
  envelope: {
    decode: ({ item }) => {
      const { wire, envelope } = parseEnvelope(Buffer.from(item, 'base64'), LOSSLESS)
      return toNeutral({ ...parse(wire, LOSSLESS), ...envelope })
    },
    encode: (message) => {
      const { deliveryTag, bodyEncoding, exchange, routingKey, ...task } = fromNeutral(message)
      const item = buildEnvelope(build(task), { deliveryTag, bodyEncoding, exchange, routingKey })
      return { item: Buffer.from(item).toString('base64') }
    },
  },
  result: {
    decode: (wire) => toNeutral(parseResult(encoded(wire), LOSSLESS)),
    encode: (message) => toWire(buildResult(fromNeutral(message))),
  },
  value: {
    decode: (wire) => ({ value: tag(decode(encoded(wire), LOSSLESS)) }),
    encode: ({ value }) => toWire(encode(untag(value))),
  },
}

// ---- producer and result reader ----

const sessions = new Map()

function sendOptions(options) {
  const { link, linkError, ...rest } = fromNeutral(options)
  const signatures = (list) => [list].flat().map((item) => (typeof item === 'string' ? signature(item) : parseSignature(item)))
  return { ...rest, ...(link && { link: signatures(link) }), ...(linkError && { linkError: signatures(linkError) }) }
}

async function outcome(result, timeout) {
  try {
    return { state: 'SUCCESS', result: tag(await result.get({ timeout })) }
  } catch (error) {
    if (!(error instanceof ResultError) || !error.excType) throw error
    return { state: error.state, exception: { type: error.excType, module: error.excModule, args: tag(error.args) } }
  }
}

const operations = {
  hello: () => ({
    protocol: 1,
    implementation: { name: 'celeriac (Node)', version: VERSION, language: 'javascript', runtime: `Node ${process.version}` },
    roles: ['codec', 'producer', 'result'],
    features: {
      broker: ['amqp', 'redis'], result: ['rpc', 'redis'], serializer: ['json'], protocol: [2],
      compression: ['application/x-gzip'], kinds: Object.keys(codecs), confirm: true,
    },
  }),
  decode: ({ kind, wire }) => ({ message: codecs[kind].decode(wire) }),
  encode: ({ kind, message }) => ({ wire: codecs[kind].encode(message) }),
  open: ({ session, broker_url: broker, result_url: backend, queue }) => {
    const client = new Client({ broker: broker ?? new MemoryTransport(), backend: backend ?? undefined, queue, ...LOSSLESS })
    sessions.set(session, { client, results: new Map() })
    return {}
  },
  publish: async ({ session, task, args, kwargs, options = {} }) => {
    const { client, results } = sessions.get(session)
    const result = await client.send(task, { args: untag(args ?? []), kwargs: untag(kwargs ?? {}), ...sendOptions(options) })
    results.set(result.id, result)
    return { task_id: result.id, confirmed: true }
  },
  await: ({ session, task_id: id, timeout_ms: timeout }) => {
    const { client, results } = sessions.get(session)
    return outcome(results.get(id) ?? client.result(id), timeout / 1000)
  },
  close: async ({ session }) => {
    await sessions.get(session)?.client.close()
    sessions.delete(session)
    return {}
  },
  bye: async () => {
    await Promise.all([...sessions.keys()].map((session) => operations.close({ session })))
    return {}
  },
}

async function answer({ id, op, ...request }) {
  if (!Object.hasOwn(operations, op)) return { id, unsupported: { feature: op, why: 'this client has no such operation' } }
  if (request.kind && !Object.hasOwn(codecs, request.kind)) return { id, unsupported: { feature: request.kind, why: 'no such codec' } }
  try {
    return { id, ok: await operations[op](request) }
  } catch (error) {
    return { id, error: { kind: error.name, message: error.message, trace: error.stack } }
  }
}

const lines = createInterface({ input: process.stdin, crlfDelay: Infinity })
lines.on('line', async (line) => {
  const request = JSON.parse(line)
  process.stdout.write(`${JSON.stringify(await answer(request))}\n`)
  if (request.op === 'bye') lines.close()
})
lines.on('close', () => operations.bye().finally(() => process.stdin.unref()))
