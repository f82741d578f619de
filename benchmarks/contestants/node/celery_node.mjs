// celery-node: its client confirms nothing, and waits for nothing; its worker acknowledges before it runs.
import { createRequire } from 'node:module'

import { arrived, job, noop, payload, TASK, timed } from './job.mjs'

const celery = createRequire(import.meta.url)('celery-node')

export async function produce() {
  const client = celery.createClient(job.broker_url, job.broker_url, job.queue)
  await client.isReady()
  const task = client.createTask(TASK)
  await timed(job.count, job.count, async (count) => {
    for (let sent = 0; sent < count; sent += 1) {
      // Nothing tells that a message was sent; once in a while its own promises have to get on.
      task.applyAsync([payload])
      if (sent % 100 === 0) await new Promise(setImmediate)
    }
    await arrived(count)
  })
  await client.disconnect()
}

export function work() {
  const worker = celery.createWorker(job.broker_url, job.broker_url, job.queue)
  worker.register(TASK, noop)
  worker.start()
}
