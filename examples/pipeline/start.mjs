// Starts the pipeline: one message; each service sends its result on to the next. Prints the id of the last result.

// In a project of your own: import { chain, Client, signature } from 'celeriac'
import { chain, Client, signature } from '../../clients/node/dist/index.js'

const client = new Client({ broker: process.env.CELERIAC_BROKER, backend: process.env.CELERIAC_BACKEND })
const pipeline = chain([
  signature('task_a', { args: [5, 3], queue: 'service_a' }),
  signature('task_b', { queue: 'service_b' }),
])
const result = await client.apply(pipeline)
console.log(result.id)
await client.close()
