// The testee protocol for clients that only send and wait (protocol/README.md): each adapter brings `connect`.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url);

/** The version of an installed package, whatever its `exports` let one see. */
function versionOf(name) {
  const inside = require.resolve(name);
  const root = inside.slice(0, inside.lastIndexOf(join('node_modules', name))) + join('node_modules', name);
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
}

/** A client that is not closed by then is left to itself: what it holds ends with the process. */
const CLOSE_MILLISECONDS = 3000;

/** What a user of these clients would pass: JavaScript's own values. What JavaScript has none for is refused. */
const NATIVE = {
  $float: Number,
  $bytes: (text) => Buffer.from(text, 'base64'),
  $datetime: (text) => new Date(text),
  $object: plainObject,
};

function plainObject(value) {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, native(item)]));
}

export function native(value) {
  if (Array.isArray(value)) return value.map(native);
  if (value === null || typeof value !== 'object') return value;
  const [key, ...more] = Object.keys(value);
  if (more.length > 0 || !key?.startsWith('$')) return plainObject(value);
  if (key in NATIVE) return NATIVE[key](value[key]);
  throw named('InvalidCall', `JavaScript has no value for ${key}`);
}

/** The instant of an option that is one, or a number of seconds from now. */
export function moment(value) {
  if (value === undefined) return undefined;
  return typeof value === 'number' ? new Date(Date.now() + value * 1000) : new Date(value.$datetime);
}

/** JavaScript's values as the suite writes them. */
export function tagged(value) {
  if (Array.isArray(value)) return value.map(tagged);
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { $float: Object.is(value, -0) ? '-0.0' : String(value) };
  }
  if (value === undefined) return null;
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([key, item]) => [key, tagged(item)]);
  const plain = Object.fromEntries(entries);
  return entries.length === 1 && entries[0][0].startsWith('$') ? { $object: plain } : plain;
}

export function named(kind, message) {
  return Object.assign(new Error(message), { kind });
}

/** The client has no way to say this; whether it may lack it is the suite's business. */
export function refuseOptions(options, known) {
  const unknown = Object.keys(options).filter((name) => !known.includes(name));
  if (unknown.length > 0) throw Object.assign(named('Unsupported', `no option ${unknown[0]}`), { feature: unknown[0] });
}

/** `promise`, or a TaskTimeout after so many milliseconds. */
export function within(promise, milliseconds) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(named('TaskTimeout', `nothing in ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A failure in the words of the protocol, whatever its parts are. */
function exception({ type, module, args }) {
  const text = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
  return { type: text(type), module: module && text(module), args: tagged(Array.isArray(args) ? args : [args]) };
}

function failed(error) {
  if (error.feature) return { unsupported: { feature: error.feature, why: error.message } };
  return { error: { kind: error.kind ?? error.constructor.name, message: String(error.message), trace: error.stack } };
}

/**
 * Serve requests until the end. `connect(request)` gives a session: `publish(request)` -> task id, `wait(id, ms)` -> the
 * value or the end `{state, type, module, args}` of what went wrong in `failure`, `close()`.
 */
export async function serve({ name, roles = ['producer', 'result'], features, connect }) {
  const sessions = new Map();
  const operations = {
    hello: () => ({
      protocol: 1,
      implementation: { name, version: versionOf(name), language: 'js', runtime: process.version },
      roles,
      features: { serializer: ['json'], protocol: [2], kinds: [], confirm: false, ...features },
    }),
    open: async (request) => {
      sessions.set(request.session, await connect(request));
      return {};
    },
    publish: async ({ session, ...call }) => {
      const id = await sessions.get(session).publish({ ...call, args: native(call.args), kwargs: native(call.kwargs) });
      return { task_id: id, confirmed: false };
    },
    await: async ({ session, task_id: id, timeout_ms: milliseconds }) => {
      const { value, failure } = await within(sessions.get(session).wait(id, milliseconds), milliseconds);
      if (failure) return { state: failure.state, exception: exception(failure) };
      return { state: 'SUCCESS', result: tagged(value) };
    },
    close: async ({ session }) => {
      const closed = within(sessions.get(session).close(), CLOSE_MILLISECONDS);
      await closed.catch((error) => console.error('not closed:', error));
      return {};
    },
    bye: () => ({}),
  };
  // These clients reject promises that nobody can reach; the process has to outlive them to tell of the next case.
  process.on('unhandledRejection', (reason) => console.error('unhandled rejection:', reason));
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let answer;
    try {
      const operation = operations[request.op];
      if (!operation) throw Object.assign(new Error('sends and waits only'), { feature: request.op });
      answer = { ok: await operation(request) };
    } catch (error) {
      answer = failed(error);
    }
    process.stdout.write(`${JSON.stringify({ id: request.id, ...answer })}\n`);
    if (request.op === 'bye') break;
  }
  process.exit(0);
}
