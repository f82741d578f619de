import { Client, signature } from 'celeriac'

const client = new Client({ broker: process.env.BROKER, backend: process.env.BACKEND })

// A thousand messages, one round trip.
const sums = await client.sendMany(Array.from({ length: 1000 }, (_, i) => ({ task: 'tasks.add', args: [i, 1] })))
const values = await Promise.all(sums.map((sum) => sum.get({ timeout: 30 })))
console.log(values.length, values[999]) // 1000 1000

// (2 + 3) + 10, then a report; what the caller waits for is the last step.
const chain = await client.sendChain('tasks.add', { args: [2, 3] }, [
  signature('tasks.add', { args: [10], link: signature('tasks.report') }),
])
console.log(await chain.get({ timeout: 10 })) // 15

await client.close()
