import { chain, chord, Client, group, signature } from 'celeriac'

const client = new Client({ broker: process.env.BROKER, backend: process.env.BACKEND })
const add = (...args) => signature('tasks.add', { args })

// A thousand messages, one round trip.
const sums = await client.sendMany(Array.from({ length: 1000 }, (_, i) => ({ task: 'tasks.add', args: [i, 1] })))
const values = await Promise.all(sums.map((sum) => sum.get({ timeout: 60 })))
console.log(values.length, values[999]) // 1000 1000

// (2 + 3) + 10, then a report; what the caller waits for is the last step.
const last = signature('tasks.add', { args: [10], link: signature('tasks.report') })
const steps = await client.apply(chain([add(2, 3), last]))
console.log(await steps.get({ timeout: 10 })) // 15

// Side by side, results in order.
const members = await client.apply(group([add(1, 1), add(2, 2), add(3, 3)]))
console.log(await members.get({ timeout: 10 })) // [ 2, 4, 6 ]

// A group and what is done with its results. Workers count in Redis: rpc:// cannot.
if (!process.env.BACKEND.startsWith('rpc')) {
  const total = await client.apply(chord([add(1, 1), add(2, 2)], signature('tasks.total')))
  console.log(await total.get({ timeout: 10 })) // 6
}

await client.close()
