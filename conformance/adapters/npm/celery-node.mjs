// celery-node (github.com/actumn/celery.node) as a testee.
import { createRequire } from 'node:module';

import { refuseOptions, serve } from './lines.mjs';

const celery = createRequire(import.meta.url)('celery-node');

/** A failure is thrown as an Error that the document's `result` was assigned to. */
function failure(error) {
  return { type: error.exc_type ?? error.message, module: error.exc_module ?? null, args: error.exc_message ?? [] };
}

await serve({
  name: 'celery-node',
  // Its AMQP results are those of the backend `amqp`, which Celery has not had since 5.0: no rpc.
  features: { broker: ['amqp', 'redis'], result: ['redis'] },
  connect: async ({ broker_url: broker, result_url: results, queue }) => {
    const client = celery.createClient(broker, results ?? broker, queue);
    await client.isReady();
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
