import { Client } from 'celeriac'

const client = new Client({ broker: process.env.BROKER, backend: process.env.BACKEND })

for (const { node, reply } of await client.control.ping()) console.log(node, reply) // celery@host { ok: 'pong' }

// Listen first, then send: events are told once.
const events = client.events({ groups: ['task'] })
await events.ready()
const result = await client.send('tasks.add', { args: [2, 3] })
for await (const event of events) {
  console.log(event.type, event.uuid) // task-received, task-started, ...
  if (event.uuid === result.id && event.type === 'task-succeeded') break
}

// A task that waits for its time, and is not to run after all.
const later = await client.send('tasks.add', { args: [2, 3], countdown: 3600 })
await client.control.revoke(later.id)

await client.close()
