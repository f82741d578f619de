import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  chain,
  chord,
  chunks,
  group,
  map,
  signature,
  starmap,
  type ApplyOptions,
  type Signature,
} from '../src/index.js'
import { fromNeutral, toNeutral, type JsonMap } from '../src/neutral.js'
import { signatureToApply, type Surroundings } from '../src/options.js'
import { plan, type Plan } from '../src/planning.js'
import { vectors } from './support.js'

const GROUP_ID = '0b0e2b52-93a7-4bd7-9d3b-6c4f0a1f7f10'

let ids = 0
const AROUND: Surroundings = {
  now: new Date('2030-05-17T09:30:00Z'),
  newId: () => `00000000-0000-4000-8000-${String((ids += 1)).padStart(12, '0')}`,
  origin: 'gen1@host',
  replyTo: 'ffffffff-0000-4000-8000-000000000000',
  queue: 'celery',
  chords: 'store',
}

function planned(call: Signature, options: ApplyOptions = {}, around: Partial<Surroundings> = {}): Plan {
  return plan(signatureToApply(call, options), { ...AROUND, ...around })
}

const add = (...args: number[]): Signature<'task'> => signature('shop.add', { args })
const echo = (...args: string[]): Signature<'task'> => signature('shop.echo', { args })
const done = signature('shop.echo', { args: ['done'], immutable: true })
const total = signature('shop.total')
const tenant = { stamps: { tenant: 'acme' } }

/** What we make for the call that a vector was captured from. */
const MADE: Readonly<Record<string, () => Plan>> = {
  'chain-group-then-task': () => planned(chain([add(2, 3), group([add(10), add(20)]), total])),
  'chain-link': () => planned(chain([add(2, 3), add(10), add(100)]), { link: echo() }),
  'chain-link-error': () => planned(chain([add(2, 3), add(10), add(100)]), { linkError: echo('broken') }),
  'chain-of-1': () => planned(chain([add(2, 3)])),
  'chain-of-4': () => planned(chain([add(2, 3), add(10), add(100), echo()])),
  'chain-options': () =>
    planned(chain([add(2, 3), add(10), add(100)]), { priority: 7, timeLimit: 30, headers: { tenant: 'acme' } }),
  'chain-steps-with-options': () => {
    const last = signature('shop.echo', { args: ['done'], immutable: true, expires: 60 })
    return planned(chain([add(2, 3), signature('shop.add', { args: [10], queue: 'shop.out', countdown: 5 }), last]))
  },
  'chain-then-group': () => planned(chain([add(2, 3), group([add(10), add(20)])])),
  'chord-empty': () => planned(chord([], total)),
  'chord-link-error': () => planned(chord([add(1, 1), add(2, 2)], total, { linkError: echo('broken') })),
  'chord-of-chains': () => planned(chord([chain([add(1, 1), add(10)]), chain([add(2, 2), add(20)])], total)),
  chord: () => planned(chord([add(1, 1), add(2, 2)], total)),
  chunks: () =>
    planned(
      chunks(
        'shop.add',
        [
          [1, 1],
          [2, 2],
          [3, 3],
        ],
        2,
      ),
    ),
  'group-empty': () => planned(group([])),
  'group-of-3': () => planned(group([add(1, 1), add(2, 2), add(3, 3)]), { taskId: GROUP_ID }),
  'group-of-chains': () =>
    planned(group([chain([add(1, 1), add(10)]), chain([add(2, 2), add(20)])], { taskId: GROUP_ID })),
  'link-two-and-errback': () => planned(add(2, 3), { link: [add(10), done], linkError: echo('broken') }),
  map: () => planned(map('shop.echo', [1, 2, 3])),
  'redis-chain': () => planned(chain([add(2, 3), add(10), add(100)])),
  'redis-chord': () => planned(chord(group([add(1, 1), add(2, 2)]), total)),
  'signature-chain': () => planned(add(2, 3), { link: chain([add(10), add(100), echo()]) }),
  'signature-chord': () => planned(add(2, 3), { link: chord([add(10), add(20)], total) }),
  'signature-group': () => planned(add(2, 3), { link: group([add(10), add(20)]) }),
  'signature-immutable': () => planned(add(2, 3), { link: done }),
  'signature-nested-links': () =>
    planned(add(2, 3), { link: chain([signature('shop.add', { args: [10], linkError: echo('broken') }), echo()]) }),
  'signature-options': () => {
    const options = { queue: 'shop.out', countdown: 5, expires: 60, priority: 3, timeLimit: 30 }
    return planned(add(2, 3), {
      link: signature('shop.total', { kwargs: { start: 1 }, headers: { tenant: 'acme' }, ...options }),
    })
  },
  'signature-partial': () => planned(add(2, 3), { link: add(10) }),
  'stamped-chain': () => planned(chain([add(2, 3), add(10)], tenant)),
  'stamped-group': () => planned(group([add(1, 1), add(2, 2)]), { taskId: GROUP_ID, ...tenant }),
  starmap: () =>
    planned(
      starmap('shop.add', [
        [1, 2],
        [3, 4],
      ]),
    ),
}

/** Vectors that are no producer's, or where we do otherwise, with a test of its own below. */
const OTHERS = /^canvas\/(?:worker-.*|group-of-groups|chord-as-task)$/

/** What differs between any two producers, or is the transport's. */
const OWN = [
  'lang',
  'argsrepr',
  'kwargsrepr',
  'origin',
  'content_type',
  'content_encoding',
  'delivery_tag',
  'body_encoding',
]

function withoutOwn(message: JsonMap): JsonMap {
  const isKept = ([name, value]: [string, unknown]): boolean =>
    !OWN.includes(name) && !['exchange', 'routing_key'].includes(name) && !(name === 'priority' && value === 0)
  const kept = Object.fromEntries(Object.entries(message).filter(isKept))
  // Celery writes no step left as an empty list or as null.
  return Array.isArray(kept['chain']) && kept['chain'].length === 0 ? { ...kept, chain: null } : kept
}

/** Text of a document with sorted keys and its UUIDs numbered in the order in which they come. */
function normal(document: unknown): string {
  const sorted = (_key: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value
  const known: string[] = []
  return JSON.stringify(document, sorted, 1).replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
    if (!known.includes(id)) known.push(id)
    return `id ${known.indexOf(id)}`
  })
}

function commandsOf({ chords }: Plan): readonly (readonly string[])[] {
  return chords.flatMap(({ groupId, size }) => [
    ['DEL', `celery-taskset-meta-${groupId}.c`],
    ['SET', `celery-taskset-meta-${groupId}.s`, String(size), 'EX', '86400'],
  ])
}

for (const vector of vectors('canvas').filter(({ id }) => !OTHERS.test(id))) {
  test(`${vector.id} is what we send`, () => {
    const make = MADE[vector.id.replace('canvas/', '')]
    assert.ok(make, 'nothing makes it')
    const made = make()
    const { messages, commands } = vector.message as { messages: JsonMap[]; commands?: string[][] }
    const ours = made.messages.map(({ message }) => withoutOwn(toNeutral(message)))
    assert.equal(
      normal({ messages: ours, ...(commands && { commands: commandsOf(made) }) }),
      normal({ messages: messages.map(withoutOwn), ...(commands && { commands }) }),
    )
  })
}

test('the id that the caller gets is that of the end', () => {
  const { messages, result } = planned(chain([add(1), add(2), add(3)]))
  assert.equal((messages[0]?.message.chain?.[0] as { options: { task_id: string } }).options.task_id, result.id)
  assert.equal(planned(chain([add(1), add(2)]), { taskId: 'mine' }).result.id, 'mine')
  assert.equal(planned(chord([add(1), add(2)], total), { taskId: 'mine' }).result.id, 'mine')
  const members = planned(chain([add(1), group([add(2), chain([add(3), add(4)])])])).result.members
  assert.equal(members?.length, 2)
})

test('members of nested groups have places of their own', () => {
  const { messages, result } = planned(group([add(1, 1), group([add(2, 2), add(3, 3)])]))
  assert.deepEqual(
    messages.map(({ message }) => message.groupIndex),
    [0, 1, 2],
  )
  assert.equal(new Set(messages.map(({ message }) => message.group)).size, 1)
  assert.deepEqual(
    result.members?.map(({ id }) => id),
    messages.map(({ message }) => message.id),
  )
})

test('steps after a chord that comes first are its body', () => {
  const { messages, chords, result } = planned(chain([group([add(1), add(2)]), total, add(3)]))
  assert.equal(chords[0]?.size, 2)
  const body = fromNeutral(messages[0]?.message.chord as JsonMap)
  assert.deepEqual([body['subtaskType'], messages.length], ['chain', 2])
  assert.equal((body['options'] as JsonMap)['task_id'], result.id)
})

test('a chord in a chord: the inner body is the member', () => {
  const { messages, chords } = planned(chord([add(1), chord([add(2), add(3)], add(4))], total))
  assert.deepEqual(
    chords.map(({ size }) => size),
    [2, 2],
  )
  const outer = chords[0]?.groupId
  const inner = messages[1]?.message.chord as { options: JsonMap }
  assert.deepEqual([inner.options['group_id'], inner.options['group_index']], [outer, 1])
  assert.deepEqual((inner.options['chord'] as JsonMap)['task'], 'shop.total')
})

test('without a result store a chord is one message, which a worker takes apart', () => {
  const { messages, chords, result } = planned(chord([add(1, 1), add(2, 2)], total), {}, { chords: 'worker' })
  const [vector] = vectors('canvas').filter(({ id }) => id === 'canvas/chord-as-task')
  const [theirs] = (vector?.message as { messages: JsonMap[] }).messages
  assert.deepEqual([chords, messages.length, messages[0]?.message.task], [[], 1, 'celery.chord'])
  const { body, ...rest } = toNeutral(messages[0]?.message ?? {})['kwargs'] as { body: { options: JsonMap } }
  const { body: expected, ...others } = theirs?.['kwargs'] as { body: JsonMap }
  assert.deepEqual(rest, others)
  assert.deepEqual({ ...body, options: {} }, expected)
  assert.equal(body.options['task_id'], result.id)
})

test('what cannot be done is refused before anything is sent', () => {
  const refused = { chords: { refused: 'the backend rpc:// cannot count' } }
  const twoGroups = chord([add(1)], chain([add(2), group([add(3)])]))
  const mistakes: readonly (readonly [() => unknown, RegExp])[] = [
    [() => chain([]), /needs steps/],
    [() => group('abc' as never), /group: expected a list/],
    [() => group([add(1)], { link: add(2) }), /make a chord of it/],
    [() => planned(group([add(1)]), { link: add(2) }), /make a chord of it/],
    [() => chunks('a', [[1]], 0), /size/],
    [() => chain([add(1)], { bogus: 1 } as object), /unknown option bogus/],
    [() => planned(chord([add(1)], total), {}, refused), /rpc:\/\/ cannot count/],
    [() => planned(chain([add(1), group([add(2)]), total]), {}, refused), /rpc:\/\/ cannot count/],
    [() => planned(chord([chain([add(1), group([add(2)])])], total)), /cannot end in a group/],
    [() => planned(chord([twoGroups], total)), /cannot end in a group/],
  ]
  for (const [make, message] of mistakes) assert.throws(make, { code: 'INVALID_CALL', message })
})

test('options of a canvas reach what they are for', () => {
  const log = signature('log')
  const { messages } = planned(chord([add(1), add(2)], total, { queue: 'slow', priority: 3, link: log }))
  for (const { message, routingKey } of messages) {
    assert.deepEqual([routingKey, message.priority, message.callbacks], ['slow', 3, null])
    const { options } = message.chord as { options: JsonMap }
    assert.deepEqual([options['queue'], (options['link'] as JsonMap[])[0]?.['task']], ['slow', 'log'])
  }
  const errbacks = planned(group([add(1), chain([add(2), add(3)])]), { linkError: log }).messages
  assert.deepEqual(
    errbacks.map(({ message }) => message.errbacks?.length),
    [1, 1],
  )
  const given = planned(signature('a', { countdown: 5, exchange: 'x', routingKey: 'y' }), {
    queue: 'q',
    eta: new Date(0),
  })
  assert.equal(given.messages[0]?.routingKey, 'q')
  assert.equal(given.messages[0].message.eta, '1970-01-01T00:00:00+00:00')
})
