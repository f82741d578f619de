// A2 from Node: one chain over two queues; prints what arrives on this client's own reply queue, or in Redis.
import { chain, Client, signature } from '../../../../clients/node/dist/index.js'

const [broker, backend, queueA, queueB] = process.argv.slice(2)
const client = new Client({ broker, backend })
const steps = chain([
  signature('task_a', { args: [5, 3], queue: queueA }),
  signature('task_b', { queue: queueB }),
])
const result = await client.apply(steps)
console.log(await result.get({ timeout: 20 }))
await client.close()
