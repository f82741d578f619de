// BullMQ on Redis: a process with as many jobs at a time as the options say.
import { Queue, Worker } from 'bullmq'

import { answer, job, noop, payload, timed } from './job.mjs'

const url = new URL(job.broker_url)
const connection = { host: url.hostname, port: Number(url.port), db: Number(url.pathname.slice(1) || 0), maxRetriesPerRequest: null }
const options = { removeOnComplete: job.results === 'none' }
const jobs = (count) => Array.from({ length: count }, () => ({ name: 'noop', data: { payload }, opts: options }))

export async function fill() {
  const queue = new Queue(job.queue, { connection })
  for (let left = job.count; left > 0; left -= 500) await queue.addBulk(jobs(Math.min(left, 500)))
  await queue.close()
  answer({ count: job.count })
}

export async function produce() {
  const queue = new Queue(job.queue, { connection })
  await queue.addBulk(jobs(1))
  await timed(job.count - 1, job.options.at_once ?? 100, (count) => queue.addBulk(jobs(count)))
  await queue.close()
}

export function work() {
  new Worker(job.queue, async () => noop(), { connection, concurrency: job.options.concurrency ?? 100 })
}
