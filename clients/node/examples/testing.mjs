import { buildResult, Client, MemoryTransport, parse } from 'celeriac'

const memory = new MemoryTransport()
const client = new Client({ broker: memory, backend: memory })
const result = await client.send('tasks.add', { args: [2, 3] })

console.log(parse(memory.messages('celery')[0]).args) // [ 2, 3 ]
memory.reply(result.id, buildResult({ taskId: result.id, status: 'SUCCESS', result: 5 }))
console.log(await result.get()) // 5
