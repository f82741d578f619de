import { Client } from 'celeriac'

const client = new Client({ broker: process.env.BROKER, backend: process.env.BACKEND })

const result = await client.send('tasks.add', { args: [2, 3] })
console.log(await result.get({ timeout: 10 })) // 5

await client.close()
