/**
 * Signed bodies, for readers: Celery's serializer `auth` (spec chapter 9).
 *
 * A signature covers the body alone. The name of the task is a header, and anybody's (SEC-SIGN-005).
 */

import { constants, verify, X509Certificate } from 'node:crypto'

import { InvalidMessage } from './errors.js'
import { decode, type Encoded, type ReadOptions } from './serialization.js'
import { fromBase64, utf8 } from './text.js'
import type { Value } from './values.js'

/** Content type of a signed body. */
const SIGNED_TYPE = 'application/data'
/** Between the parts; the last may hold it too. */
const SEPARATOR = Buffer.of(0, 1)
/** How many parts there are. */
const PARTS = 5

/** Whom to believe, and how to read what they signed. */
export interface SignedOptions extends ReadOptions {
  /** Certificates of the signers, as PEM text. A signer without one is refused (SEC-SIGN-006). */
  readonly certificates: readonly string[]
  /** The instant at which a certificate has to be valid. Default: now. */
  readonly now?: Date
  /** Digest of the signature, and of MGF1. Default `sha256`, as Celery's. */
  readonly digest?: string
}

/** A signed body, taken apart and verified. */
export interface SignedBody {
  /** Names of the certificate's issuer, a space, the serial number. */
  readonly signer: string
  /** The signature of the body, RSA-PSS. */
  readonly signature: Uint8Array
  /** Content type of the body inside. */
  readonly contentType: string
  /** Content encoding of the body inside. */
  readonly contentEncoding: string
  /** The body inside, decoded. */
  readonly body: Value
}

/**
 * Takes a signed body apart, verifies it, and only then decodes what is inside (SEC-SIGN-002), if its content type is
 * accepted (SEC-SIGN-003). Raises `InvalidMessage`, and nothing else, whatever the bytes.
 */
export function parseSigned(encoded: Encoded, options: SignedOptions): SignedBody {
  if (encoded.contentType !== SIGNED_TYPE) throw new InvalidMessage(`the body is not signed: it is not ${SIGNED_TYPE}`)
  const [signerPart, signaturePart, typePart, encodingPart, body] = split(fromBase64(utf8(encoded.body)))
  const signer = utf8(fromBase64(utf8(signerPart)))
  const signature = fromBase64(utf8(signaturePart))
  check(signer, signature, body, options)
  const inside = { contentType: utf8(typePart), contentEncoding: utf8(encodingPart) }
  return { signer, signature, ...inside, body: decode({ ...inside, body }, options) }
}

type Parts = [signer: Uint8Array, signature: Uint8Array, type: Uint8Array, encoding: Uint8Array, body: Uint8Array]

function split(payload: Uint8Array): Parts {
  const parts: Uint8Array[] = []
  let rest = Buffer.from(payload)
  while (parts.length < PARTS - 1) {
    const end = rest.indexOf(SEPARATOR)
    if (end < 0) throw new InvalidMessage(`a signed body must have ${PARTS} parts, not ${parts.length + 1}`)
    parts.push(rest.subarray(0, end))
    rest = rest.subarray(end + SEPARATOR.length)
  }
  return [...parts, rest] as unknown as Parts
}

function check(signer: string, signature: Uint8Array, body: Uint8Array, options: SignedOptions): void {
  const { certificates, now = new Date(), digest = 'sha256' } = options
  const certificate = certificates.map((pem) => new X509Certificate(pem)).find((one) => nameOf(one) === signer)
  if (!certificate) throw new InvalidMessage(`the signer ${JSON.stringify(signer)} is not known`)
  if (now < new Date(certificate.validFrom) || now > new Date(certificate.validTo))
    throw new InvalidMessage(`the certificate of ${JSON.stringify(signer)} is not valid at ${now.toISOString()}`)
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_AUTO: saltLength } = constants
  if (!verify(digest, body, { key: certificate.publicKey, padding, saltLength }, signature))
    throw new InvalidMessage(`the signature of ${JSON.stringify(signer)} does not hold`)
}

/** As Celery names a signer: the values of the issuer's name, and the serial number in decimal. */
function nameOf(certificate: X509Certificate): string {
  const names = certificate.issuer.split('\n').map((line) => line.slice(line.indexOf('=') + 1))
  return `${names.join(' ')} ${BigInt(`0x${certificate.serialNumber}`)}`
}
