/** What every message has around its body, and the reading and writing that all kinds of messages share. */

import { readPlaces, writePlaces, type Extra, type Field } from './fields.js'
import type { Encoded } from './serialization.js'
import type { ValueMap } from './values.js'

/** A message as a broker carries it: header and property names are those of the wire. */
export interface Wire extends Encoded {
  /** Application headers. */
  readonly headers: Readonly<ValueMap>
  /** Message properties other than content type and encoding. */
  readonly properties: Readonly<ValueMap>
}

/** How the body of a message is encoded. */
export interface Content {
  /** Content type of the body. */
  readonly contentType?: string
  /** Content encoding of the body. */
  readonly contentEncoding?: string
}

/** Reads headers, properties and the decoded places of the body by one table. Raises `InvalidMessage`. */
export function readWire(fields: readonly Field[], wire: Wire, body: Readonly<Record<string, ValueMap>>): object {
  const { contentType, contentEncoding, headers, properties } = wire
  return {
    ...readPlaces(fields, { headers, properties, ...body }),
    ...(contentType !== undefined && { contentType }),
    ...(contentEncoding !== undefined && { contentEncoding }),
  }
}

/** Writes headers, properties and body by one table: the reverse of `readWire`. Raises `InvalidCall`. */
export function writeWire<Place extends string>(
  fields: readonly Field[],
  message: Content & { readonly extra?: Extra },
  places: readonly Place[],
  encodeBody: (parts: Record<Place, ValueMap>) => Encoded,
): Wire {
  const { headers, properties } = writePlaces(fields, ['headers', 'properties'], message)
  const { contentType, contentEncoding, body } = encodeBody(writePlaces(fields, places, message))
  return { contentType, contentEncoding: message.contentEncoding ?? contentEncoding, headers, properties, body }
}
