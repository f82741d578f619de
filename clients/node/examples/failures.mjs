import { Client, TaskFailure, TaskTimeout } from 'celeriac'

const client = new Client({ broker: process.env.BROKER, backend: process.env.BACKEND })

const result = await client.send('tasks.divide', { args: [1, 0], expires: 60 })
try {
  console.log(await result.get({ timeout: 10 }))
} catch (error) {
  if (error instanceof TaskFailure)
    console.log(`${error.excType}: ${error.args[0]}`) // ZeroDivisionError: division by zero
  else if (error instanceof TaskTimeout) console.log('no answer yet; get() can be called again')
  else throw error
} finally {
  await client.close()
}
