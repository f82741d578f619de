// celery-ts (github.com/node-celery-ts/node-celery-ts) as a testee.
import { createRequire } from 'node:module';

import { moment, named, refuseOptions, serve } from './lines.mjs';

const celery = createRequire(import.meta.url)('celery-ts');
const OPTIONS = ['queue', 'countdown', 'eta', 'expires', 'priority', 'ignore_result'];

function late(error) {
  throw error.message === 'timed out' ? named('TaskTimeout', error.message) : error;
}

await serve({
  name: 'celery-ts',
  features: { broker: ['amqp', 'redis'], result: ['rpc', 'redis'] },
  connect: async ({ broker_url: broker, result_url: results, queue }) => {
    const resultBackend = results === 'rpc://' ? broker.replace(/^amqp/, 'rpc') : results;
    const client = celery.createClient({ brokerUrl: broker, resultBackend });
    const sent = new Map();
    const result = (id) => sent.get(id) ?? new celery.Result(id, client.backend);
    return {
      publish: async ({ task, args, kwargs, options }) => {
        refuseOptions(options, OPTIONS);
        const call = client.createTask(task).applyAsync({
          args,
          kwargs,
          queue: options.queue ?? queue,
          eta: moment(options.eta ?? options.countdown),
          expires: moment(options.expires),
          priority: options.priority,
          ignoreResult: options.ignore_result,
        });
        sent.set(call.taskId, call);
        return call.taskId;
      },
      // It gives the document of a failed task as if it were a value.
      wait: async (id, milliseconds) => ({ value: await result(id).get(milliseconds).catch(late) }),
      close: () => client.end(),
    };
  },
});
