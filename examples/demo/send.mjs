// Sends three tasks from Node and prints what came back: task, result and milliseconds, tabs between them.
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'

// In a project of your own: import { Client, TaskFailure } from 'celeriac'
import { Client, TaskFailure } from '../../clients/node/dist/index.js'

const here = (file) => fileURLToPath(new URL(file, import.meta.url))
const text = here('speech.txt')
const picture = here('picture.png')
const target = `${process.env.CELERIAC_DEMO_OUT ?? tmpdir()}/thumbnail-node.png`

const client = new Client({
  broker: process.env.CELERIAC_BROKER,
  backend: process.env.CELERIAC_BACKEND,
  queue: 'celeriac-demo',
})

async function show(task, options) {
  const began = performance.now()
  let line
  try {
    const result = await client.send(task, options)
    line = JSON.stringify(await result.get({ timeout: 20 }))
  } catch (error) {
    if (!(error instanceof TaskFailure)) throw error
    line = `TaskFailure: ${error.excModule}.${error.message}`
  }
  console.log(`${task}\t${line}\t${(performance.now() - began).toFixed(0)}`)
}

await show('demo.word_count', { args: [text], kwargs: { most: 2 } })
await show('demo.thumbnail', { args: [picture, 120, target] })
await show('demo.thumbnail', { args: [text, 120, target] }) // a text is no picture: this one fails
await client.close()
