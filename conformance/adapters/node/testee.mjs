// Testee of the Node client, protocol ctp/1: one JSON request per line on stdin, one answer per line on stdout.
// A program of one's own says `import { Client } from 'celeriac'`; the adapter takes the built package by path.
import { createInterface } from 'node:readline'

import {
  chain, chord, chunks, Client, group, GroupResult, map, MemoryTransport, ResultError, signature, starmap,
} from '../../../clients/node/dist/index.js'
import { buildEvent } from '../../../clients/node/dist/events.js'
import { CODECS } from '../../../clients/node/dist/codecs.js'
import { COMPRESSIONS } from '../../../clients/node/dist/compression.js'
import { fromNeutral, tag, untag } from '../../../clients/node/dist/neutral.js'

const VERSION = '0.1.0'
const LOSSLESS = { lossless: true }

const sessions = new Map()

/** What no serializer knows. */
class Foreign {}

function sendOptions({ link, link_error: linkError, ...rest }) {
  const nodes = (list) => [list].flat().map((node) => (typeof node === 'string' ? signature(node) : canvasOf(node)))
  return { ...fromNeutral(rest), ...(link && { link: nodes(link) }), ...(linkError && { linkError: nodes(linkError) }) }
}

/** What each kind of node of a canvas is made by. */
const CANVASES = {
  task: ({ task, args, kwargs, options = {}, immutable = false }) =>
    signature(task, { args: untag(args ?? []), kwargs: untag(kwargs ?? {}), immutable, ...sendOptions(options) }),
  chain: ({ chain: steps }) => chain(steps.map(canvasOf)),
  group: ({ group: members }) => group(members.map(canvasOf)),
  chord: ({ chord: { header, body } }) => chord(header.map(canvasOf), canvasOf(body)),
  map: ({ map: { task, items } }) => map(task, untag(items)),
  starmap: ({ starmap: { task, items } }) => starmap(task, untag(items)),
  chunks: ({ chunks: { task, items, size } }) => chunks(task, untag(items), size),
}

function canvasOf(node) {
  return CANVASES[Object.keys(CANVASES).find((kind) => kind in node)](node)
}

/** Tells of every event, from when it resolves on. */
async function watch(session, client) {
  const stream = client.events()
  await stream.ready()
  const tell = async () => {
    for await (const event of stream) {
      process.stdout.write(`${JSON.stringify({ event: 'seen', session, events: [tag(buildEvent(event))] })}\n`)
    }
  }
  tell().catch((error) => console.error(error))
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
    roles: ['codec', 'producer', 'result', 'control', 'events'],
    features: {
      broker: ['amqp', 'redis'], result: ['rpc', 'redis'], serializer: ['json', 'msgpack', 'yaml'], protocol: [2],
      compression: COMPRESSIONS, kinds: Object.keys(CODECS), confirm: true, foreign: true,
      canvas: [...Object.keys(CANVASES).filter((kind) => kind !== 'task'), 'link', 'stamps'],
    },
  }),
  decode: ({ kind, wire }) => ({ message: CODECS[kind].decode(wire) }),
  encode: ({ kind, message }) => ({ wire: CODECS[kind].encode(message) }),
  open: async ({ session, role, broker_url: broker, result_url: backend, queue }) => {
    const client = new Client({
      broker: broker ?? new MemoryTransport(), backend: backend ?? undefined, queue: queue ?? undefined, ...LOSSLESS,
    })
    sessions.set(session, { client, results: new Map() })
    if (role === 'events') await watch(session, client)
    return {}
  },
  control: async ({ session, method, arguments: args, destination, pattern, matcher, reply, timeout_ms: timeout, limit }) => {
    const given = { destination, pattern, matcher, limit, reply, timeout: timeout === undefined ? undefined : timeout / 1000 }
    const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== undefined))
    const replies = await sessions.get(session).client.control.broadcast(method, { arguments: untag(args ?? {}), ...options })
    return { replies: replies.map((one) => ({ node: one.node, reply: tag(one.reply) })) }
  },
  publish: async ({ session, task, args, kwargs, canvas, foreign, options = {} }) => {
    const { client, results } = sessions.get(session)
    const result = canvas
      ? await client.apply(canvasOf(canvas), sendOptions(options))
      : await client.send(task, { args: [...untag(args ?? []), ...(foreign ? [new Foreign()] : [])], kwargs: untag(kwargs ?? {}), ...sendOptions(options) })
    const members = result instanceof GroupResult ? result.results : []
    for (const one of [result, ...members]) results.set(one.id, one)
    return { task_id: result.id, confirmed: true, ...(result instanceof GroupResult && { children: members.map(({ id }) => id) }) }
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
  if (request.kind && !Object.hasOwn(CODECS, request.kind)) return { id, unsupported: { feature: request.kind, why: 'no such codec' } }
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
