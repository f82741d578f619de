// celery-ts: confirms nothing.
import { createRequire } from 'node:module'

import { arrived, job, payload, TASK, timed } from './job.mjs'

const celery = createRequire(import.meta.url)('celery-ts')

// Sending also asks for the result, which there is none of.
process.on('unhandledRejection', () => {})

export async function produce() {
  const client = celery.createClient({ brokerUrl: job.broker_url })
  const task = client.createTask(TASK)
  await timed(job.count, job.count, async (count) => {
    for (let sent = 0; sent < count; sent += 1) {
      task.applyAsync({ args: [payload], kwargs: {}, queue: job.queue, ignoreResult: true })
      if (sent % 100 === 0) await new Promise(setImmediate)
    }
    await arrived(count)
  })
  process.exit(0)
}
