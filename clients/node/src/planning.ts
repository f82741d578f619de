/**
 * From a signature to what has to be done to apply it: the messages, the counters of chords, and the results to wait for.
 *
 * Pure, and as Celery 5.7 does it: every part gets its id before anything is sent (TM-BODY-014), `reply_to` is in every
 * step (CV-CHAIN-003), and what a group or chord wants of a chain it writes into the chain's end (CV-GROUP-002, CV-CHORD-003).
 */

import { chain, chord, group, isGroup } from './canvas.js'
import { InvalidCall } from './errors.js'
import { messageOf, override, type Outgoing, type Surroundings } from './options.js'
import { buildSignature, parseSignature, type Signature } from './signature.js'
import { isMap, type Value, type ValueMap } from './values.js'

/** A result to wait for: of a task, or of a group with its members. */
export interface Expected {
  /** Id of the task or of the group. */
  readonly id: string
  /** The worker was told to store no result. */
  readonly ignored: boolean
  /** Of a group: its members in their order. */
  readonly members?: readonly Expected[]
}

/** A chord whose members a worker will count. */
export interface ChordSize {
  readonly groupId: string
  /** How many results there will be. */
  readonly size: number
}

/** What applying a canvas takes. */
export interface Plan {
  /** To be written before the first message (CV-CHORD-001). */
  readonly chords: readonly ChordSize[]
  readonly messages: readonly Outgoing[]
  readonly result: Expected
}

/** Plans a signature of any sort. @throws InvalidCall on what cannot be sent, and on a chord that nobody can count. */
export function plan(call: Signature, around: Surroundings): Plan {
  return new Planner(around).plan(call)
}

/** What a group or chord wants written into the end of a member, in wire names. */
type Place = Readonly<ValueMap>

/** A signature with its ids, and what to wait for. */
interface Frozen {
  readonly call: Signature
  readonly result: Expected
}

class Planner {
  readonly #around: Surroundings
  readonly #chords: ChordSize[] = []
  readonly #messages: Outgoing[] = []

  constructor(around: Surroundings) {
    this.#around = around
  }

  plan(call: Signature): Plan {
    const result = this.#send(call, {})
    return { chords: this.#chords, messages: this.#messages, result }
  }

  // ---- sending now -----------------------------------------------------------------------------------------------

  #send(call: Signature, place: Place): Expected {
    switch (call.subtaskType) {
      case 'chain':
        return this.#sendChain(call, place)
      case 'group':
        return this.#sendGroup(call)
      case 'chord':
        return this.#sendChord(call, place)
      case null:
      default:
        return this.#sendTask(this.#freezeTask(call, place))
    }
  }

  #sendTask({ call, result }: Frozen): Expected {
    this.#messages.push(messageOf(call, this.#around))
    return result
  }

  #sendChain(call: Signature, place: Place): Expected {
    const [first, ...rest] = stepsOf(call)
    if (!first) throw new InvalidCall('a chain needs steps: a list that is not empty')
    if (rest.length === 0) return this.#send(first, place)
    if (first.subtaskType === 'chord') return this.#send(continued(first, rest), place)
    const steps = this.#freezeSteps(rest, place)
    const { call: head } = this.#freezeTask(first, {})
    this.#sendTask({ call: override(head, { chain: builtInReverse(steps) }), result: lastOf(steps) })
    return lastOf(steps)
  }

  #sendGroup(call: Signature): Expected {
    const id = idOf(call) ?? this.#around.newId()
    const members = membersOf(call).map((member, index) => this.#send(member, { group_id: id, group_index: index }))
    return { id, ignored: false, members }
  }

  #sendChord(call: Signature, place: Place): Expected {
    const { header, body } = chordOf(call)
    const id = this.#around.newId()
    if (header.length === 0) return this.#send(withFirstArgument(body, []), { group_id: id, ...place })
    const { chords } = this.#around
    if (chords === 'worker') return this.#sendChordTask(header, body, place)
    this.#refuseUncounted()
    for (const member of header) refuseGroupAtEnd(member)
    const frozen = this.#freeze(body, { group_id: id, ...place })
    const chordOption = { group_id: id, chord: buildSignature(frozen.call) }
    this.#chords.push({ groupId: id, size: header.length })
    header.forEach((member, index) => this.#send(member, { ...chordOption, group_index: index }))
    return frozen.result
  }

  /** One message of a task that Celery's workers have, which does there what a producer does (CV-CHORD-006). */
  #sendChordTask(header: readonly Signature[], body: Signature, place: Place): Expected {
    const frozen = this.#freeze(body, place)
    const kwargs = { header: header.map(buildSignature), body: buildSignature(frozen.call), kwargs: {} }
    const options = { task_id: this.#around.newId(), reply_to: this.#around.replyTo }
    const task = { task: 'celery.chord', args: [], kwargs, options, subtaskType: null, immutable: false }
    return this.#sendTask({ call: task, result: frozen.result })
  }

  // ---- freezing: for workers to send -----------------------------------------------------------------------------

  #freeze(call: Signature, place: Place): Frozen {
    switch (call.subtaskType) {
      case 'chain':
        return this.#freezeChain(call, place)
      case 'group':
        return this.#freezeGroup(call)
      case 'chord':
        return this.#freezeChord(call, place)
      case null:
      default:
        return this.#freezeTask(call, place)
    }
  }

  #freezeTask(call: Signature, place: Place): Frozen {
    const { task_id: id = this.#around.newId(), reply_to: replyTo = this.#around.replyTo } = call.options
    const frozen = override(call, { task_id: id, reply_to: replyTo, ...place })
    return { call: frozen, result: { id: id as string, ignored: call.options['ignore_result'] === true } }
  }

  #freezeSteps(steps: readonly Signature[], place: Place): readonly Frozen[] {
    return steps.map((step, index) => this.#freeze(step, index === steps.length - 1 ? place : {}))
  }

  #freezeChain(call: Signature, place: Place): Frozen {
    const steps = this.#freezeSteps(stepsOf(call), place)
    const result = lastOf(steps)
    const tasks = steps.map((step) => buildSignature(step.call))
    // An error of a chord is stored under the id of its body, and a chain is known by its last step.
    return { call: { ...call, kwargs: { ...call.kwargs, tasks }, options: { task_id: result.id } }, result }
  }

  #freezeGroup(call: Signature): Frozen {
    const id = idOf(call) ?? this.#around.newId()
    const members = membersOf(call).map((member, index) => this.#freeze(member, { group_index: index }))
    const tasks = members.map((member) => buildSignature(member.call))
    const options = { task_id: id, root_id: null, parent_id: null }
    const result = { id, ignored: false, members: members.map((member) => member.result) }
    return { call: { ...call, kwargs: { ...call.kwargs, tasks }, options }, result }
  }

  #freezeChord(call: Signature, place: Place): Frozen {
    this.#refuseUncounted()
    const { header, body } = chordOf(call)
    for (const member of header) refuseGroupAtEnd(member)
    const members = this.#freezeGroup(group(header))
    const frozen = this.#freeze(body, place)
    const kwargs = { kwargs: {}, header: buildSignature(members.call), body: buildSignature(frozen.call) }
    return { call: { ...call, kwargs, options: { task_id: members.result.id } }, result: frozen.result }
  }

  #refuseUncounted(): void {
    const { chords } = this.#around
    if (typeof chords === 'object') throw new InvalidCall(chords.refused)
  }
}

// ---- taking canvases apart ---------------------------------------------------------------------------------------

/** The options of a canvas: what concerns its end, its failure, and all of it. */
function split(call: Signature): { id: ValueMap; link: Value[]; errbacks: Value[]; rest: ValueMap } {
  const { task_id: id, link, link_error: errbacks, ...rest } = call.options
  return { id: id === undefined ? {} : { task_id: id }, link: listOf(link), errbacks: listOf(errbacks), rest }
}

/** The steps of a chain: chains in it unrolled, a group with its next step as a chord (CV-CHAIN-007), options in their places. */
function stepsOf(call: Signature): readonly Signature[] {
  const { id, link, errbacks, rest } = split(call)
  const unrolled = partsOf(call, 'tasks').flatMap((step) => (step.subtaskType === 'chain' ? stepsOf(step) : [step]))
  const steps = unrolled.reduce<Signature[]>((done, step) => {
    const last = done.at(-1)
    return isGroup(last) ? [...done.slice(0, -1), chord(last, step)] : [...done, step]
  }, [])
  return steps.map((step, index) => {
    const first = index === 0 ? override(step, rest) : step
    const failing = withErrbacks(first, errbacks)
    return index === steps.length - 1 ? override(withLinks(failing, link), id) : failing
  })
}

/** The members of a group: groups in it taken apart, so that no place is taken twice (CV-GROUP-004), each with its options. */
function membersOf(call: Signature): readonly Signature[] {
  const { link, errbacks, rest } = split(call)
  if (link.length > 0) throw new InvalidCall('a group has no callback of its own: make a chord of it')
  return partsOf(call, 'tasks')
    .map((member) => withErrbacks(override(member, rest), errbacks))
    .flatMap((member) => (isGroup(member) ? membersOf(member) : [member]))
}

/** Header and body of a chord, each with its options. */
function chordOf(call: Signature): { header: readonly Signature[]; body: Signature } {
  const { id, link, errbacks, rest } = split(call)
  const [body, ...others] = partsOf(call, 'body')
  if (!body || others.length > 0) throw new InvalidCall('a chord needs a body: one signature')
  const [only, ...more] = partsOf(call, 'header')
  const members = isGroup(only) && more.length === 0 ? only : group(partsOf(call, 'header'))
  const end = override(body, { ...rest, ...id })
  return { header: membersOf(override(members, rest)), body: withErrbacks(withLinks(end, link), errbacks) }
}

/** A chord that steps follow: they belong to its body. */
function continued(call: Signature, rest: readonly Signature[]): Signature {
  const { header, body } = chordOf(call)
  return chord(header, chain([body, ...rest]))
}

function partsOf(call: Signature, name: string): readonly Signature[] {
  return listOf(call.kwargs[name]).map((part) => {
    if (!isMap(part)) throw new InvalidCall(`${call.task}: ${name} must be signatures`)
    return parseSignature(part)
  })
}

function listOf(value: Value | undefined): Value[] {
  return value === undefined || value === null ? [] : [value].flat()
}

function idOf(call: Signature): string | undefined {
  return call.options['task_id'] as string | undefined
}

function withList(call: Signature, name: string, added: readonly Value[]): Signature {
  return added.length === 0 ? call : override(call, { [name]: [...listOf(call.options[name]), ...added] })
}

/** Callbacks of the whole: a canvas hands them on to its end when it is taken apart. */
function withLinks(call: Signature, added: readonly Value[]): Signature {
  return withList(call, 'link', added)
}

/** Errbacks of the whole: likewise, to every part. */
function withErrbacks(call: Signature, added: readonly Value[]): Signature {
  return withList(call, 'link_error', added)
}

function withFirstArgument(call: Signature, first: Value): Signature {
  if (call.subtaskType === null) return call.immutable ? call : { ...call, args: [first, ...call.args] }
  if (call.subtaskType === 'chord') {
    const { header, body } = chordOf(call)
    return chord(
      header.map((member) => withFirstArgument(member, first)),
      body,
    )
  }
  const isChain = call.subtaskType === 'chain'
  const tasks = partsOf(call, 'tasks').map((part, index) =>
    isChain && index > 0 ? part : withFirstArgument(part, first),
  )
  return { ...call, kwargs: { ...call.kwargs, tasks: tasks.map(buildSignature) } }
}

function lastOf(steps: readonly Frozen[]): Expected {
  const last = steps.at(-1)
  if (!last) throw new InvalidCall('a chain needs steps: a list that is not empty')
  return last.result
}

function builtInReverse(steps: readonly Frozen[]): ValueMap[] {
  return steps.map((step) => buildSignature(step.call)).reverse()
}

/** A chord counts one result for each member; a member that ends in a group has several. */
function refuseGroupAtEnd(member: Signature): void {
  const end = member.subtaskType === 'chain' ? stepsOf(member).at(-1) : member
  const last = end?.subtaskType === 'chord' ? chordOf(end).body : end
  if (isGroup(last)) throw new InvalidCall('a member of a chord cannot end in a group: its results would not be one')
  if (last && last !== member) refuseGroupAtEnd(last)
}
