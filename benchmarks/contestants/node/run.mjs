// Start a contestant: the adapter and the role that the job names.
import { job } from './job.mjs'

const adapter = await import(`./${job.adapter}.mjs`)
await adapter[job.role]()
