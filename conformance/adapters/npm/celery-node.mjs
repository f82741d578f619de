// celery-node (github.com/actumn/celery.node) as a testee.
import { createRequire } from 'node:module';

import { named, refuseOptions, serve, within } from './lines.mjs';

const celery = createRequire(import.meta.url)('celery-node');

const STATES = ['FAILURE', 'REVOKED'];
const READY_MILLISECONDS = 5000;

/** What is no value is thrown: an Error named by its state that the document's `result` was assigned to. */
function failure(error) {
  if (error.message === 'TIMEOUT') throw named('TaskTimeout', error.message);
  if (!STATES.includes(error.message)) throw error;
  const { exc_type: type = null, exc_module: module = null, exc_message: args = [] } = error;
  return { state: error.message, type, module, args };
}

await serve({
  name: 'celery-node',
  // Its AMQP results are those of the backend `amqp`, which Celery has not had since 5.0: no rpc.
  features: { broker: ['amqp', 'redis'], result: ['redis'] },
  connect: async ({ broker_url: broker, result_url: results, queue }) => {
    const client = celery.createClient(broker, results ?? broker, queue);
    await within(client.isReady(), READY_MILLISECONDS); // without a broker it is never rejected
    const sent = new Map();
    return {
      publish: async ({ task, args, kwargs, options }) => {
        refuseOptions(options, ['queue']);
        client.conf.CELERY_QUEUE = options.queue ?? queue;
        const result = client.createTask(task).applyAsync(args, kwargs);
        sent.set(result.taskId, result);
        return result.taskId;
      },
      wait: async (id, milliseconds) => {
        const result = sent.get(id) ?? client.asyncResult(id);
        return result.get(milliseconds, 10).then((value) => ({ value }), (error) => ({ failure: failure(error) }));
      },
      close: () => client.disconnect(),
    };
  },
});
