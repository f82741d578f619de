// amqplib alone, with publisher confirms, as many in flight as the options say.
import amqplib from 'amqplib'

import { celeryMessage, job, timed } from './job.mjs'

export async function produce() {
  const connection = await amqplib.connect(job.broker_url.replace(/\/\/$/, '/%2F'))
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue(job.queue, { durable: true })
  const send = async (count) => {
    for (let sent = 0; sent < count; sent += 1) {
      const { id, body, headers } = celeryMessage()
      channel.publish('', job.queue, body, {
        contentType: 'application/json', contentEncoding: 'utf-8', headers, correlationId: id, deliveryMode: 2,
      })
    }
    await channel.waitForConfirms()
  }
  await send(1)
  await timed(job.count - 1, job.options.at_once ?? 100, send)
  await connection.close()
}
