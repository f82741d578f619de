// Celeriac for Node: every message confirmed by the broker.
import { Client } from '../../../clients/node/dist/index.js'
import { job, payload, TASK, timed } from './job.mjs'

export async function produce() {
  const client = new Client({ broker: job.broker_url, queue: job.queue })
  const atOnce = job.options.at_once ?? 100
  await client.send(TASK, { args: [payload] })
  await timed(job.count - 1, atOnce, (count) => client.sendMany(Array.from({ length: count }, () => ({ task: TASK, args: [payload] }))))
  await client.close()
}
