/** Limits on what is received (SER-JSON-009, SER-JSON-010). */

/** Largest body in bytes, decompressed, unless the caller says otherwise. */
export const MAX_BYTES = 128 * 1024 * 1024
/** Deepest nesting of lists and objects, unless the caller says otherwise; also of what is sent. */
export const MAX_DEPTH = 500

/** Limits on what is received. */
export interface Limits {
  /** Largest body in bytes, decompressed. Default 128 MiB (SER-JSON-010). */
  readonly maxBytes?: number
  /** Deepest nesting. Default 500 (SER-JSON-009). */
  readonly maxDepth?: number
}
