// node-celery (github.com/mher/node-celery) as a testee. It writes protocol 1.
import { createRequire } from 'node:module';

import { moment, refuseOptions, serve, within } from './lines.mjs';

const celery = createRequire(import.meta.url)('node-celery');
const same = (value) => value;
/** Option -> what the client calls it, and how it takes its value. */
const OPTIONS = { queue: ['queue', same], eta: ['eta', moment], expires: ['expires', moment], task_id: ['id', same] };

await serve({
  name: 'node-celery',
  // Its Redis client is the newest there is, with which it never connects; its AMQP results are not those of rpc.
  roles: ['producer'],
  features: { broker: ['amqp'], result: ['redis'], protocol: [1] },
  connect: async ({ broker_url: broker, queue }) => {
    const client = celery.createClient({
      CELERY_BROKER_URL: broker,
      CELERY_RESULT_BACKEND: broker,
      CELERY_DEFAULT_QUEUE: queue,
      CELERY_IGNORE_RESULT: true,
    });
    await within(new Promise((resolve, reject) => client.once('connect', resolve).once('error', reject)), 5000);
    return {
      publish: async ({ task, args, kwargs, options }) => {
        refuseOptions(options, Object.keys(OPTIONS));
        const known = Object.entries(options).map(([option, value]) => {
          const [name, native] = OPTIONS[option];
          return [name, native(value)];
        });
        return client.call(task, args, kwargs, Object.fromEntries(known)).taskid;
      },
      close: async () => client.end(),
    };
  },
});
