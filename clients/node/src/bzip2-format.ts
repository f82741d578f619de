/** What the reader and the writer of bzip2 share. */

/** The first bytes of a stream, before the digit of its level. */
export const MAGIC = 'BZh'
/** What a block begins with. */
export const BLOCK = 0x314159265359n
/** What follows the last block. */
export const END = 0x177245385090n
/** Most bytes of a block times the level, 1 to 9. */
export const LEVEL_BYTES = 100_000
/** Symbols of the two-digit code for runs of zeros; the symbols after them are positions, and the last ends the block. */
export const RUN_B = 1
/** Longest code. */
export const MAX_CODE_BITS = 20
/** Symbols coded with one table before the next selector. */
export const GROUP = 50

// ---- checksum ----------------------------------------------------------------------------------------------------

/** CRC-32 with its bits the other way round than zlib's. */
const CRC_TABLE = Int32Array.from({ length: 256 }, (_, index) => {
  let crc = index << 24
  for (let bit = 0; bit < 8; bit += 1) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1
  return crc
})

/** Checksum of a block. */
export function checksum(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) crc = (crc << 8) ^ CRC_TABLE[(crc >>> 24) ^ byte]!
  return ~crc >>> 0
}

/** Checksum of all blocks so far. */
export function combine(all: number, block: number): number {
  return (((all << 1) | (all >>> 31)) ^ block) >>> 0
}

/** Throws unless the data are right. */
export function expect(isRight: boolean, problem: string): asserts isRight {
  if (!isRight) throw new Error(problem)
}

/** Moves an item of a list to its front, and gives it. */
export function toFront(list: number[], place: number): number {
  const [item] = list.splice(place, 1)
  expect(item !== undefined, 'bad place')
  list.unshift(item)
  return item
}
