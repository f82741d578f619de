// An adapter for celeriac-conformance: turns its requests into calls of your implementation. Run by the suite.
// One JSON object per line on stdin and stdout; logs go to stderr. Nothing here judges anything.
import { createInterface } from 'node:readline';

const HELLO = {
  protocol: 1,
  implementation: { name: 'mine', version: '0.1', language: 'js', runtime: process.version },
  roles: [], // of codec, producer, result, worker, control, events: claim what `operations` below can do
  features: { broker: [], result: [], serializer: ['json'], protocol: [2], kinds: [], confirm: false },
};

/** The operation is not written yet. It may say so only while hello does not claim its role. */
class Unsupported extends Error {}

const unsupported = (role) => async () => {
  throw new Unsupported(role);
};

const operations = {
  hello: async () => HELLO,
  decode: unsupported('codec'), // {kind, wire} -> {message}
  encode: unsupported('codec'), // {kind, message} -> {wire}
  open: unsupported('producer'), // connect to broker_url; remember the session by its name
  publish: unsupported('producer'), // {task, args, kwargs, options} -> {task_id, confirmed: true}
  await: unsupported('result'), // {task_id, timeout_ms} -> {state, result}
  close: async () => ({}),
  bye: async () => ({}),
};

async function answer(request) {
  try {
    const operation = operations[request.op] ?? unsupported(request.op);
    return { ok: await operation(request) };
  } catch (error) {
    if (error instanceof Unsupported) return { unsupported: { feature: error.message, why: 'not written yet' } };
    // Your errors become kinds: InvalidMessage, InvalidCall, BrokerUnavailable ...
    return { error: { kind: error.constructor.name, message: String(error.message) } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  process.stdout.write(`${JSON.stringify({ id: request.id, ...(await answer(request)) })}\n`);
  if (request.op === 'bye') break;
}
process.exit(0);
