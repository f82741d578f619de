/**
 * Writing bzip2: what npm has of it is not maintained. Every bzip2 reads it; it is not as small as can be, as each block
 * has but one Huffman code.
 */

import { BLOCK, checksum, combine, END, GROUP, LEVEL_BYTES, MAGIC, MAX_CODE_BITS, toFront } from './bzip2-format.js'

/** Most bytes of a block of level 1; a run's length may go beyond by a few. */
const BLOCK_BYTES = LEVEL_BYTES - 20

class BitWriter {
  readonly #bytes: number[] = []
  #held = 0
  #count = 0

  bits(value: number, count: number): void {
    for (let bit = count - 1; bit >= 0; bit -= 1) {
      this.#held = (this.#held << 1) | ((value >>> bit) & 1)
      this.#count += 1
      if (this.#count === 8) {
        this.#bytes.push(this.#held)
        this.#held = 0
        this.#count = 0
      }
    }
  }

  magic(value: bigint): void {
    this.bits(Number(value >> 24n), 24)
    this.bits(Number(value & 0xffffffn), 24)
  }

  end(): Uint8Array {
    if (this.#count > 0) this.bits(0, 8 - this.#count)
    return Buffer.from(this.#bytes)
  }
}

/** Writes a stream of small blocks. */
export function bzip2(bytes: Uint8Array): Uint8Array {
  const bits = new BitWriter()
  for (const char of `${MAGIC}1`) bits.bits(char.charCodeAt(0), 8)
  let all = 0
  for (let at = 0; at < bytes.length;) {
    const { block, taken } = runsIn(bytes.subarray(at))
    const crc = checksum(bytes.subarray(at, at + taken))
    all = combine(all, crc)
    bits.magic(BLOCK)
    bits.bits(crc, 32)
    writeBlock(bits, block)
    at += taken
  }
  bits.magic(END)
  bits.bits(all, 32)
  return bits.end()
}

/** Run lengths of as many bytes as a block holds. */
function runsIn(bytes: Uint8Array): { block: Uint8Array; taken: number } {
  const block: number[] = []
  let at = 0
  while (at < bytes.length && block.length < BLOCK_BYTES) {
    const byte = bytes[at]!
    let run = 1
    while (run < 255 && bytes[at + run] === byte) run += 1
    for (let index = 0; index < Math.min(run, 4); index += 1) block.push(byte)
    if (run >= 4) block.push(run - 4)
    at += run
  }
  return { block: Uint8Array.from(block), taken: at }
}

function writeBlock(bits: BitWriter, block: Uint8Array): void {
  const { last, start } = transform(block)
  const alphabet = [...new Set(block)].sort((a, b) => a - b)
  const symbols = moveToFront(last, [...alphabet])
  bits.bits(0, 1)
  bits.bits(start, 24)
  for (let group = -1; group < 16; group += 1) {
    const isUsed = (index: number): boolean =>
      group < 0 ? alphabet.some((byte) => byte >> 4 === index) : alphabet.includes(group * 16 + index)
    const map = Array.from({ length: 16 }, (_, index) => (isUsed(index) ? 0x8000 >> index : 0)).reduce((a, b) => a | b)
    if (group < 0 || map !== 0) bits.bits(map, 16)
  }
  const lengths = codeLengths(symbols, alphabet.length + 2)
  const selectors = Math.ceil(symbols.length / GROUP)
  bits.bits(2, 3) // two tables are the fewest; both are the same
  bits.bits(selectors, 15)
  for (let index = 0; index < selectors; index += 1) bits.bits(0, 1)
  for (let table = 0; table < 2; table += 1) writeLengths(bits, lengths)
  const codes = codesOf(lengths)
  for (const symbol of symbols) bits.bits(codes[symbol]!, lengths[symbol]!)
}

/** The Burrows-Wheeler transform: rotations sorted by ever longer beginnings, which takes no longer for runs. */
function transform(block: Uint8Array): { last: Uint8Array; start: number } {
  const size = block.length
  let ranks = Float64Array.from(block)
  let order = new Float64Array(size)
  for (let length = 0, most = 256; ; length = Math.max(1, length * 2), most = size) {
    // Rank, rank of the rest, and index in one number of at most 53 bits: sorting numbers is fast.
    order = ranks.map((rank, index) => {
      const rest = length === 0 ? 0 : ranks[(index + length) % size]!
      return (rank * (most + 1) + rest) * size + index
    })
    order.sort()
    const next = new Float64Array(size)
    let rank = 0
    order.forEach((key, place) => {
      if (place > 0 && Math.floor(key / size) !== Math.floor(order[place - 1]! / size)) rank += 1
      next[key % size] = rank
    })
    ranks = next
    if (rank === size - 1 || length * 2 >= size) break
  }
  const indices = Array.from(order, (key) => key % size)
  return {
    last: Uint8Array.from(indices, (index) => block[(index + size - 1) % size]!),
    start: indices.indexOf(0),
  }
}

function moveToFront(last: Uint8Array, recent: number[]): number[] {
  const end = recent.length + 1
  const symbols: number[] = []
  let zeros = 0
  const flush = (): void => {
    for (; zeros > 0; zeros = (zeros - 1) >> 1) symbols.push((zeros - 1) & 1)
  }
  for (const byte of last) {
    const place = recent.indexOf(byte)
    if (place === 0) {
      zeros += 1
      continue
    }
    flush()
    toFront(recent, place)
    symbols.push(place + 1)
  }
  flush()
  return [...symbols, end]
}

/** Lengths of a Huffman code of all symbols, flattened until none is too long. */
function codeLengths(symbols: readonly number[], count: number): number[] {
  let weights = new Array<number>(count).fill(1)
  for (const symbol of symbols) weights[symbol] = weights[symbol]! + 1
  for (;;) {
    const lengths = new Array<number>(count).fill(0)
    const nodes = weights.map((weight, symbol) => ({ weight, members: [symbol] }))
    while (nodes.length > 1) {
      nodes.sort((a, b) => b.weight - a.weight)
      const pair = nodes.splice(-2)
      const members = pair.flatMap((node) => node.members)
      for (const symbol of members) lengths[symbol] = lengths[symbol]! + 1
      nodes.push({ weight: pair.reduce((sum, node) => sum + node.weight, 0), members })
    }
    if (Math.max(...lengths) <= 17) return lengths
    weights = weights.map((weight) => Math.ceil(weight / 2))
  }
}

function codesOf(lengths: readonly number[]): number[] {
  const codes: number[] = []
  let code = 0
  for (let length = 1; length <= MAX_CODE_BITS; length += 1, code <<= 1)
    lengths.forEach((one, symbol) => {
      if (one === length) codes[symbol] = code++
    })
  return codes
}

function writeLengths(bits: BitWriter, lengths: readonly number[]): void {
  let current = lengths[0]!
  bits.bits(current, 5)
  for (const length of lengths) {
    for (; current !== length; current += current < length ? 1 : -1) bits.bits(current < length ? 2 : 3, 2)
    bits.bits(0, 1)
  }
}
