import { Client } from 'celeriac'

interface Tasks {
  'tasks.add': (x: number, y: number) => number
  'tasks.divide': (x: number, y: number) => number
}

const client = new Client<Tasks>({
  broker: process.env['BROKER'] ?? 'amqp://',
  backend: process.env['BACKEND'] ?? 'rpc://',
})

const result = await client.send('tasks.add', { args: [2, 3] }) // args are checked by the compiler
const sum: number = await result.get({ timeout: 10, signal: AbortSignal.timeout(20_000) })
console.log(sum) // 5

await client.close()
