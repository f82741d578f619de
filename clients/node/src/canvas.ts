/**
 * Canvases: calls made of calls. Each is a signature, so that it can be applied, be part of another, or be a callback.
 */

import { InvalidCall } from './errors.js'
import {
  buildSignature,
  CALL_RULES,
  newSignature,
  parseSignature,
  signature,
  stampOptions,
  type CallOptions,
  type CanvasEnd,
  type Signature,
} from './signature.js'
import { checkRules } from './rules.js'
import { isMap, type Value, type ValueMap } from './values.js'

/** Steps of a chain, of which the last says what the chain ends in. */
type Steps<End extends CanvasEnd> = readonly [...Signature[], Signature<End>]

/**
 * One after the other, each with the result of the one before. A group that is followed by a step becomes a chord.
 *
 * ```ts
 * const result = await client.apply(chain([signature('tasks.add', { args: [2, 3] }), signature('tasks.add', { args: [10] })]))
 * await result.get() // 15
 * ```
 * Options are those of the first message alone; but `link` goes to the last step, `linkError` and `stamps` to every one
 * (CV-CHAIN-004 to -006), and `taskId` is the id of the last.
 * @throws InvalidCall without a step, and on wrong options.
 */
export function chain<End extends CanvasEnd>(steps: Steps<End>, options?: CallOptions): Signature<End>
export function chain(steps: readonly Signature[], options?: CallOptions): Signature
export function chain(steps: readonly Signature[], options: CallOptions = {}): Signature {
  if (listOf('chain', steps).length === 0) throw new InvalidCall('a chain needs steps: a list that is not empty')
  return canvas('chain', { tasks: steps.map(buildSignature) }, options)
}

/**
 * All at once, one message each. The result is a list in the order of the members.
 *
 * Options go to every member, and `taskId` is the id of the group. A callback of a group is a {@link chord}.
 * @throws InvalidCall on wrong options.
 */
export function group(members: readonly Signature[], options: CallOptions = {}): Signature<'group'> {
  if (options.link) throw new InvalidCall('a group has no callback of its own: make a chord of it')
  return canvas('group', { tasks: listOf('group', members).map(buildSignature) }, options)
}

/**
 * A group, the header, and one more call, the body, that gets the list of the group's results when all are there.
 *
 * Workers count the members in the result store: Redis can, `rpc://` cannot. Options go to every member and to the body;
 * but `link`, `linkError` and `taskId` to the body alone (CV-CHORD-004).
 * @throws InvalidCall on wrong options.
 */
export function chord<End extends CanvasEnd>(
  header: readonly Signature[] | Signature<'group'>,
  body: Signature<End>,
  options: CallOptions = {},
): Signature<End> {
  const members = isGroup(header) ? buildSignature(header) : listOf('chord', header).map(buildSignature)
  return canvas('chord', { kwargs: {}, header: members, body: buildSignature(body) }, options)
}

/** Runs one task for each item, one after the other, in one message: the result is one list (CV-MAP-001). */
export function map(
  task: Signature<'task'> | string,
  items: readonly unknown[],
  options: CallOptions = {},
): Signature<'task'> {
  return mapped('celery.map', task, items, options)
}

/** As {@link map}, where each item is the list of the arguments of one run. */
export function starmap(
  task: Signature<'task'> | string,
  items: readonly (readonly unknown[])[],
  options: CallOptions = {},
): Signature<'task'> {
  return mapped('celery.starmap', task, items, options)
}

/** A group of starmaps of so many items each (CV-MAP-002): the result is a list of lists. */
export function chunks(
  task: Signature<'task'> | string,
  items: readonly (readonly unknown[])[],
  size: number,
  options: CallOptions = {},
): Signature<'group'> {
  if (!Number.isInteger(size) || size < 1) throw new InvalidCall('chunks: the size must be an integer above 0')
  const starts = Array.from({ length: Math.ceil(listOf('chunks', items).length / size) }, (_, index) => index * size)
  return group(
    starts.map((start) => starmap(task, items.slice(start, start + size))),
    options,
  )
}

/** Whether a signature is that of a group. */
export function isGroup(value: unknown): value is Signature<'group'> {
  return isMap(value) && value['subtaskType'] === 'group'
}

function mapped(
  name: string,
  task: Signature<'task'> | string,
  items: readonly unknown[],
  options: CallOptions,
): Signature<'task'> {
  const one = typeof task === 'string' ? signature(task) : task
  const kwargs = { task: buildSignature(one), it: listOf(name, items) as Value[] }
  return newSignature(name, { kwargs }, checkRules(options, CALL_RULES))
}

function listOf<Item>(what: string, items: readonly Item[]): readonly Item[] {
  if (Array.isArray(items)) return items as readonly Item[]
  throw new InvalidCall(`${what}: expected a list`)
}

function canvas<End extends CanvasEnd>(subtaskType: string, kwargs: ValueMap, options: CallOptions): Signature<End> {
  const { stamps, ...rest } = checkRules(options, CALL_RULES)
  const made = newSignature<End>(`celery.${subtaskType}`, { kwargs, subtaskType }, rest)
  return stamps ? stamped(made, stamps) : made
}

/** A signature with stamps on every task in it: a canvas itself has none (CV-STAMP-001). */
export function stamped<One extends Signature>(call: One, stamps: Readonly<Record<string, unknown>>): One {
  if (call.subtaskType === null) return { ...call, options: stampOptions(call.options, stamps) }
  const parts = Object.entries(call.kwargs).map(([name, part]): [string, Value] => [name, stampedPart(part, stamps)])
  return { ...call, kwargs: Object.fromEntries(parts) }
}

/** A part of a canvas: a signature, a list of them, or what has no task. */
function stampedPart(part: Value, stamps: Readonly<Record<string, unknown>>): Value {
  if (Array.isArray(part)) return part.map((item) => stampedPart(item, stamps))
  return isMap(part) && 'task' in part ? buildSignature(stamped(parseSignature(part), stamps)) : part
}
