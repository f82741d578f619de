/** Bytes <-> text, strictly. */

import { InvalidMessage } from './errors.js'

/** Strict: invalid bytes and a byte order mark are refused, as workers refuse them. */
export function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new InvalidMessage('not valid UTF-8', { cause })
  }
}

/** Strict base64; line breaks are allowed. */
export function fromBase64(text: string): Uint8Array {
  const dense = text.replaceAll(/\s/g, '')
  if (dense.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(dense)) throw new InvalidMessage('not base64')
  return Buffer.from(dense, 'base64')
}
