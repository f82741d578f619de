/** Canvases tried with a real Celery worker, on every pair of broker and result store. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import {
  chain,
  chord,
  chunks,
  Client,
  group,
  map,
  signature,
  starmap,
  TaskFailure,
  type Signature,
} from '../src/index.js'
import { noCelery, noSerializers, startWorker, type Worker } from './celery.js'
import { broker, uniqueName } from './support.js'

const rabbitmq = broker('rabbitmq')
const redis = broker('redis')

const PAIRS = [
  { name: 'RabbitMQ and rpc', broker: rabbitmq.url, backend: 'rpc://', skip: noCelery || rabbitmq.skip },
  {
    name: 'RabbitMQ and Redis',
    broker: rabbitmq.url,
    backend: redis.url,
    skip: noCelery || rabbitmq.skip || redis.skip,
  },
  { name: 'Redis', broker: redis.url, backend: redis.url, skip: noCelery || redis.skip },
] as const

const add = (...args: number[]): Signature<'task'> => signature('t.add', { args })
const WAIT = { timeout: 30 }

for (const pair of PAIRS) {
  describe(`a Celery worker on ${pair.name}`, { skip: pair.skip }, () => {
    const queue = uniqueName('canvas')
    let worker: Worker
    let client: Client

    before(async () => {
      worker = await startWorker(pair.broker, pair.backend, queue)
      client = new Client({ broker: pair.broker, backend: pair.backend, queue })
    })
    after(async () => {
      await client.close()
      await worker.stop()
    })

    async function get(canvas: Signature): Promise<unknown> {
      return (await client.apply(canvas)).get(WAIT)
    }

    it('chain', async () => {
      assert.equal(await get(chain([add(2, 3), add(10), add(100)])), 115)
      assert.deepEqual(await get(chain([add(1, 1), signature('t.echo', { args: ['x'], immutable: true })])), [
        ['x'],
        {},
      ])
      assert.deepEqual(await get(chain([add(2, 3), group([add(10), add(20)])])), [15, 25])
    })

    // Over rpc only the step itself replies, and it is not the one that the caller waits for.
    it(
      'a step that fails fails those after it',
      { skip: pair.backend === 'rpc://' && 'rpc:// cannot tell' },
      async () => {
        const result = await client.apply(chain([signature('t.fail'), add(1)]))
        await assert.rejects(result.get(WAIT), TaskFailure)
      },
    )

    it('group', async () => {
      const members = [add(1, 1), group([add(2, 2), add(3, 3)]), chain([add(4, 4), add(100)])]
      const result = await client.apply(group(members))
      assert.deepEqual(await result.get(WAIT), [2, 4, 6, 108])
      assert.equal(result.results.length, 4)
      assert.deepEqual(await get(group([])), [])
      await assert.rejects((await client.apply(group([add(1, 1), signature('t.fail')]))).get(WAIT), TaskFailure)
    })

    it('map, starmap and chunks', async () => {
      assert.deepEqual(
        await get(
          map('t.total', [
            [1, 2],
            [3, 4],
          ]),
        ),
        [3, 7],
      )
      assert.deepEqual(
        await get(
          starmap('t.add', [
            [1, 2],
            [3, 4],
          ]),
        ),
        [3, 7],
      )
      assert.deepEqual(
        await get(
          chunks(
            't.add',
            [
              [1, 1],
              [2, 2],
              [3, 3],
            ],
            2,
          ),
        ),
        [[2, 4], [6]],
      )
    })

    it('links and stamps', async () => {
      const seen = await client.apply(group([signature('t.stamps')], { stamps: { tenant: 'acme' } }))
      assert.deepEqual(await seen.get(WAIT), [{ tenant: 'acme' }])
      const linkId = crypto.randomUUID()
      await client.send('t.add', { args: [1, 2], link: signature('t.add', { args: [10], taskId: linkId }) })
      if (pair.backend !== 'rpc://') assert.equal(await client.result(linkId).get(WAIT), 13)
    })

    it('serializers and compression', { skip: noSerializers }, async () => {
      for (const serializer of ['msgpack', 'yaml'] as const) {
        const args = [1, 'yes', 1.5, ['ü', null, { a: true }]]
        const result = await client.send('t.echo', { args, serializer, compression: 'gzip' })
        assert.deepEqual(await result.get(WAIT), [args, {}])
      }
    })

    const isRpc = pair.backend === 'rpc://'
    it('chord is refused', { skip: !isRpc && 'only rpc:// cannot count' }, async () => {
      await assert.rejects(client.apply(chord([add(1, 1)], signature('t.total'))), /the backend rpc:\/\/ cannot count/)
    })

    it('chord', { skip: isRpc && 'rpc:// cannot count' }, async () => {
      const total = signature('t.total')
      assert.equal(await get(chord([add(1, 1), add(2, 2)], total)), 6)
      assert.equal(await get(chord([], total)), 0)
      assert.equal(await get(chord([chain([add(1, 1), add(10)]), add(2, 2)], chain([total, add(1000)]))), 1016)
      assert.equal(await get(chord([add(1, 1), chord([add(2, 2), add(3, 3)], total)], total)), 12)
      assert.equal(await get(chain([add(1, 1), group([add(1), add(2)]), total, add(100)])), 107)
      assert.equal(await get(chain([group([add(1, 1), add(2, 2)]), total, add(100)])), 106)
      const failing = await client.apply(chord([add(1, 1), signature('t.fail')], total))
      await assert.rejects(failing.get(WAIT), TaskFailure)
    })

    it('chord as one message, without a backend', { skip: isRpc && 'rpc:// cannot count' }, async () => {
      const bare = new Client({ broker: pair.broker, queue })
      const { id } = await bare.apply(chord([add(1, 1), add(2, 2)], signature('t.total')))
      await bare.close()
      assert.equal(await client.result(id).get(WAIT), 6)
    })
  })
}
