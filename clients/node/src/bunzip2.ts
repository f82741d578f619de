/** Reading bzip2, for bodies under `application/x-bz2`: Node has no such codec. */

import {
  BLOCK,
  checksum,
  combine,
  END,
  expect,
  GROUP,
  LEVEL_BYTES,
  MAGIC,
  MAX_CODE_BITS,
  RUN_B,
  toFront,
} from './bzip2-format.js'

class BitReader {
  readonly #bytes: Uint8Array
  #at = 0
  #held = 0
  #count = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** At most 24 bits. */
  bits(count: number): number {
    while (this.#count < count) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) throw new Error('the end comes too early')
      this.#at += 1
      this.#held = ((this.#held << 8) | byte) & 0x7fffffff
      this.#count += 8
    }
    this.#count -= count
    return (this.#held >>> this.#count) & ((1 << count) - 1)
  }

  bit(): boolean {
    return this.bits(1) === 1
  }

  word(): number {
    return ((this.bits(16) << 16) | this.bits(16)) >>> 0
  }

  magic(): bigint {
    return (BigInt(this.bits(24)) << 24n) | BigInt(this.bits(24))
  }

  /** Goes to the next whole byte; whether there is one. */
  align(): boolean {
    this.#count -= this.#count % 8
    return this.#at - this.#count / 8 < this.#bytes.length
  }
}

/** Reads a stream. Throws on whatever is no bzip2 data, and on more than `maxOutputLength` bytes. */
export function bunzip2(bytes: Uint8Array, { maxOutputLength }: { readonly maxOutputLength: number }): Uint8Array {
  const bits = new BitReader(bytes)
  const blocks: Uint8Array[] = []
  let left = maxOutputLength
  do {
    for (const char of MAGIC) expect(bits.bits(8) === char.charCodeAt(0), 'not bzip2')
    const level = bits.bits(8) - 48
    expect(level >= 1 && level <= 9, 'bad level')
    let all = 0
    let magic = bits.magic()
    for (; magic === BLOCK; magic = bits.magic()) {
      const crc = bits.word()
      const block = runsOut(readBlock(bits, level * LEVEL_BYTES), left)
      expect(checksum(block) === crc, 'bad checksum')
      all = combine(all, crc)
      left -= block.length
      blocks.push(block)
    }
    expect(magic === END && bits.word() === all, 'bad end')
  } while (bits.align())
  return Buffer.concat(blocks)
}

function readBlock(bits: BitReader, size: number): Uint8Array {
  expect(!bits.bit(), 'randomised blocks are not supported')
  const start = bits.bits(24)
  const alphabet = readAlphabet(bits)
  const tables = bits.bits(3)
  const count = bits.bits(15)
  expect(tables >= 2 && tables <= 6 && count > 0 && alphabet.length > 0, 'bad tables')
  const selectors = readSelectors(bits, tables, count)
  const codes = Array.from({ length: tables }, () => new Decoder(readLengths(bits, alphabet.length + 2)))
  const last = moveBack(readSymbols(bits, selectors, codes, alphabet.length + 1), alphabet, size)
  expect(start < last.length, 'bad start')
  return untransform(last, start)
}

function readAlphabet(bits: BitReader): number[] {
  const groups = bits.bits(16)
  const alphabet: number[] = []
  for (let group = 0; group < 16; group += 1) {
    if ((groups & (0x8000 >> group)) === 0) continue
    const used = bits.bits(16)
    for (let low = 0; low < 16; low += 1) if ((used & (0x8000 >> low)) !== 0) alphabet.push(group * 16 + low)
  }
  return alphabet
}

function readSelectors(bits: BitReader, tables: number, count: number): number[] {
  const recent = Array.from({ length: tables }, (_, index) => index)
  return Array.from({ length: count }, () => {
    let place = 0
    while (bits.bit()) place += 1
    expect(place < tables, 'bad selector')
    return toFront(recent, place)
  })
}

function readLengths(bits: BitReader, symbols: number): number[] {
  let length = bits.bits(5)
  return Array.from({ length: symbols }, () => {
    while (bits.bit()) length += bits.bit() ? -1 : 1
    expect(length >= 1 && length <= MAX_CODE_BITS, 'bad code length')
    return length
  })
}

/** Canonical Huffman codes: of each length, the first code and the symbols in order. */
class Decoder {
  readonly #firsts: number[] = []
  readonly #symbols: number[][] = []

  constructor(lengths: readonly number[]) {
    let code = 0
    for (let length = 1; length <= MAX_CODE_BITS; length += 1) {
      const symbols = lengths.flatMap((one, symbol) => (one === length ? [symbol] : []))
      this.#firsts[length] = code
      this.#symbols[length] = symbols
      code = (code + symbols.length) << 1
    }
  }

  read(bits: BitReader): number {
    let code = 0
    for (let length = 1; length <= MAX_CODE_BITS; length += 1) {
      code = (code << 1) | bits.bits(1)
      const symbol = this.#symbols[length]?.[code - (this.#firsts[length] ?? 0)]
      if (symbol !== undefined) return symbol
    }
    throw new Error('bad code')
  }
}

function* readSymbols(
  bits: BitReader,
  selectors: readonly number[],
  codes: readonly Decoder[],
  end: number,
): Generator<number> {
  for (const selector of selectors) {
    for (let index = 0; index < GROUP; index += 1) {
      const symbol = codes[selector]!.read(bits)
      if (symbol === end) return
      yield symbol
    }
  }
  throw new Error('no end of the block')
}

/** Symbols to bytes: runs of the byte in front, and places of the list of recent bytes. */
function moveBack(symbols: Iterable<number>, alphabet: number[], size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let length = 0
  let weight = 1
  for (const symbol of symbols) {
    const run = symbol <= RUN_B ? weight << symbol : 1
    weight = symbol <= RUN_B ? weight << 1 : 1
    const byte = symbol <= RUN_B ? alphabet[0]! : toFront(alphabet, symbol - 1)
    expect(run <= size - length && weight <= 2 * size, 'the block is too long')
    bytes.fill(byte, length, (length += run))
  }
  return bytes.subarray(0, length)
}

/** Undoes the Burrows-Wheeler transform. */
function untransform(last: Uint8Array, start: number): Uint8Array {
  const firsts = new Int32Array(257)
  for (const byte of last) firsts[byte + 1] = firsts[byte + 1]! + 1
  for (let byte = 0; byte < 256; byte += 1) firsts[byte + 1] = firsts[byte + 1]! + firsts[byte]!
  const next = new Int32Array(last.length)
  last.forEach((byte, index) => {
    const place = firsts[byte]!
    next[place] = index
    firsts[byte] = place + 1
  })
  const bytes = new Uint8Array(last.length)
  let at = next[start]!
  for (let index = 0; index < bytes.length; index += 1) {
    bytes[index] = last[at]!
    at = next[at]!
  }
  return bytes
}

/** Undoes the run lengths: four equal bytes are followed by how many more there are. */
function runsOut(bytes: Uint8Array, most: number): Uint8Array {
  const parts: number[] = []
  let run = 0
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index]!
    if (run === 4) {
      const before = bytes[index - 1]!
      for (let left = byte; left > 0; left -= 1) parts.push(before)
      run = 0
      continue
    }
    run = index > 0 && run > 0 && byte === bytes[index - 1] ? run + 1 : 1
    parts.push(byte)
    expect(parts.length <= most + 256, 'too long')
  }
  expect(parts.length <= most, 'too long')
  return Uint8Array.from(parts)
}
