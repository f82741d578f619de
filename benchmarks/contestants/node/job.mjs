// What the harness asks of a contestant, and how a contestant answers. See benchmarks/README.md, "The protocol".
import { openSync, writeSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'

import amqplib from 'amqplib'

export const job = JSON.parse(process.env.CELERIAC_BENCH_JOB)
export const payload = 'x'.repeat(job.size ?? 0)
export const TASK = 'bench.noop'

/** Tell the harness: the last line of standard output. */
export const answer = (figures) => process.stdout.write(JSON.stringify(figures) + '\n')

/** Time sending `count` messages in batches of `atOnce` calls of `send`, each batch awaited, and answer. */
export async function timed(count, atOnce, send) {
  const cpu = process.cpuUsage()
  const began = process.hrtime.bigint()
  for (let left = count; left > 0; left -= atOnce) await send(Math.min(left, atOnce))
  const seconds = Number(process.hrtime.bigint() - began) / 1e9
  const used = process.cpuUsage(cpu)
  answer({ count, seconds, cpu: (used.user + used.system) / 1e6 })
}

/** Wait until so many messages are in the queue: for clients that confirm nothing and tell of nothing. */
export async function arrived(count) {
  if (job.broker !== 'amqp') return
  const connection = await amqplib.connect(job.broker_url.replace(/\/\/$/, '/%2F'))
  const channel = await connection.createChannel()
  while ((await channel.checkQueue(job.queue)).messageCount < count) await new Promise((resolve) => setTimeout(resolve, 5))
  await connection.close()
}

let record, file, ran = 0n

/** The task: does nothing, and says so, in a record as contestants/python/marks.py keeps it. */
export function noop() {
  const now = process.hrtime.bigint()
  if (!record) {
    file = openSync(`${job.marks}/${process.pid}-0`, 'w')
    record = Buffer.alloc(24)
    record.writeBigUInt64LE(now, 8)
  }
  record.writeBigUInt64LE((ran += 1n), 0)
  record.writeBigUInt64LE(now, 16)
  writeSync(file, record, 0, 24, 0)
}

/** A task message as Celery 5.7 writes it: id, body, headers. */
export function celeryMessage() {
  const id = randomUUID()
  const body = Buffer.from(JSON.stringify([[payload], {}, { callbacks: null, errbacks: null, chain: null, chord: null }]))
  const headers = {
    lang: 'js', task: TASK, id, shadow: null, eta: null, expires: null, group: null, group_index: null, retries: 0,
    timelimit: [null, null], root_id: id, parent_id: null, argsrepr: `['${payload.slice(0, 100)}']`, kwargsrepr: '{}',
    origin: `gen${process.pid}@${hostname()}`, ignore_result: false, replaced_task_nesting: 0, stamped_headers: null, stamps: {},
  }
  return { id, body, headers }
}
