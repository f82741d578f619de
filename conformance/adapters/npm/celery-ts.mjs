// celery-ts (github.com/node-celery-ts/node-celery-ts) as a testee.
import { createRequire } from 'node:module';

import { refuseOptions, serve } from './lines.mjs';

const celery = createRequire(import.meta.url)('celery-ts');
const OPTIONS = ['queue', 'countdown', 'eta', 'expires', 'priority', 'ignore_result'];

function moment(value) {
  if (value === undefined) return undefined;
  return typeof value === 'number' ? new Date(Date.now() + value * 1000) : new Date(value.$datetime);
}

await serve({
  name: 'celery-ts',
  features: { broker: ['amqp', 'redis'], result: ['rpc', 'redis'] },
  connect: async ({ broker_url: broker, result_url: results, queue }) => {
    const resultBackend = results === 'rpc://' ? broker.replace(/^amqp/, 'rpc') : results;
    const client = celery.createClient({ brokerUrl: broker, resultBackend });
    const sent = new Map();
    return {
      publish: async ({ task, args, kwargs, options }) => {
        refuseOptions(options, OPTIONS);
        const result = client.createTask(task).applyAsync({
          args,
          kwargs,
          queue: options.queue ?? queue,
          eta: moment(options.eta ?? options.countdown),
          expires: moment(options.expires),
          priority: options.priority,
          ignoreResult: options.ignore_result,
        });
        sent.set(result.taskId, result);
        return result.taskId;
      },
      // It gives the document of a failed task as if it were a value.
      wait: async (id, milliseconds) => ({ value: await sent.get(id).get(milliseconds) }),
      close: () => client.end(),
    };
  },
});
