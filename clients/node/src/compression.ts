/**
 * Compression of bodies: the MIME names of the wire, and decompression that stops at a limit (SER-COMP-001 to -003).
 *
 * `application/x-gzip` is a zlib stream, not a gzip file: the name is historical, the bytes are what counts.
 */

import * as zlib from 'node:zlib'

import { bunzip2 } from './bunzip2.js'
import { bzip2 } from './bzip2.js'
import { InvalidCall, InvalidMessage } from './errors.js'
import { MAX_BYTES, type Limits } from './limits.js'

/** One method of compression. */
interface Method {
  readonly compress: (body: Uint8Array) => Uint8Array
  /** Throws on broken data and on more than `maxOutputLength` bytes. */
  readonly decompress: (body: Uint8Array, limits: { readonly maxOutputLength: number }) => Uint8Array
}

/** Zstandard, which Node has from 22.15 on. */
interface Zstd {
  readonly zstdCompressSync?: Method['compress']
  readonly zstdDecompressSync?: Method['decompress']
}

/** Methods by MIME name, as far as Node brings them along, and bzip2. */
const METHODS: ReadonlyMap<string, Method> = methods()

/** Names that callers and some producers use for the MIME names of the wire. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['gzip', 'application/x-gzip'],
  ['zlib', 'application/x-gzip'],
  ['bzip2', 'application/x-bz2'],
  ['bzip', 'application/x-bz2'],
  ['brotli', 'application/x-brotli'],
  ['zstd', 'application/zstd'],
  ['zstandard', 'application/zstd'],
])

/** MIME names of the compressions that this version of Node can do. */
export const COMPRESSIONS: readonly string[] = [...METHODS.keys()]

/** The MIME name for a name or an alias (SER-COMP-001). */
export function compressionName(name: string): string {
  return ALIASES.get(name) ?? name
}

/** Compresses a body by the name in the `compression` header. Raises `InvalidCall` on an unknown name. */
export function compress(name: string, body: Uint8Array): Uint8Array {
  const method = METHODS.get(compressionName(name))
  if (method) return method.compress(body)
  throw new InvalidCall(`compression ${JSON.stringify(name)} is not supported, only ${COMPRESSIONS.join(', ')}`)
}

/** Reverses `compress`, within the size limit. Raises `InvalidMessage`, and nothing else, whatever the bytes. */
export function decompress(name: string, body: Uint8Array, { maxBytes = MAX_BYTES }: Limits = {}): Uint8Array {
  const method = METHODS.get(compressionName(name))
  if (!method) throw new InvalidMessage(`compression ${JSON.stringify(name)} is not supported`)
  try {
    return method.decompress(body, { maxOutputLength: maxBytes })
  } catch (cause) {
    throw new InvalidMessage(`the body is no ${name} data within ${maxBytes} bytes`, { cause })
  }
}

function methods(): Map<string, Method> {
  const { zstdCompressSync, zstdDecompressSync } = zlib as Zstd
  const found = new Map<string, Method>([
    ['application/x-gzip', { compress: (body) => zlib.deflateSync(body), decompress: zlib.inflateSync }],
    ['application/x-bz2', { compress: bzip2, decompress: bunzip2 }],
    [
      'application/x-brotli',
      { compress: (body) => zlib.brotliCompressSync(body), decompress: zlib.brotliDecompressSync },
    ],
  ])
  if (zstdCompressSync && zstdDecompressSync)
    found.set('application/zstd', { compress: (body) => zstdCompressSync(body), decompress: zstdDecompressSync })
  return found
}
