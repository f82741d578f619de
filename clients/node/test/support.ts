/** What the tests share: the vectors, the brokers of the environment, and names that collide with nobody's. */

import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { JsonMap } from '../src/neutral.js'

const SPEC = new URL('../../../../spec/', import.meta.url)

/** One file of spec/vectors. */
export interface Vector {
  readonly id: string
  readonly kind: string
  readonly about: string
  readonly provenance: { readonly source: 'capture' | 'hand' }
  readonly wire: JsonMap
  /** Absent from a malformed one. */
  readonly message?: JsonMap
}

/** The folders that hold vectors, such as `redis` and `redis/invalid`. */
export function vectorFolders(): readonly string[] {
  const entries = readdirSync(new URL('vectors/', SPEC), { withFileTypes: true, recursive: true })
  const root = fileURLToPath(new URL('vectors', SPEC))
  const folders = entries
    .filter((entry) => entry.name.endsWith('.json'))
    .map((entry) => relative(root, entry.parentPath))
  return [...new Set(folders)].sort()
}

/** The vectors of a folder. A folder without any is an error: the tests would pass by testing nothing. */
export function vectors(folder: string): readonly Vector[] {
  const url = new URL(`vectors/${folder}/`, SPEC)
  const names = readdirSync(url).filter((name) => name.endsWith('.json'))
  if (names.length === 0) throw new Error(`no vectors in ${url.pathname}`)
  return names.sort().map((name) => JSON.parse(readFileSync(new URL(name, url), 'utf8')) as Vector)
}

/** One row of spec/fields.json. */
export interface FieldRow {
  readonly name: string
  readonly place: string
  readonly type: readonly string[]
  readonly omitted?: unknown
}

/** The specification's field lists. */
export function fieldLists(): Record<string, readonly FieldRow[]> {
  return JSON.parse(readFileSync(new URL('fields.json', SPEC), 'utf8')) as Record<string, readonly FieldRow[]>
}

/** The ids of the specification's requirements. */
export function requirementIds(): readonly string[] {
  const { requirements } = JSON.parse(readFileSync(new URL('requirements.json', SPEC), 'utf8')) as {
    requirements: readonly { id: string }[]
  }
  return requirements.map(({ id }) => id)
}

const VARIABLES = { rabbitmq: 'CELERIAC_AMQP_URL', redis: 'CELERIAC_REDIS_URL' } as const

/** A broker that tests need: its URL, and why they are skipped when it is not there. */
export function broker(name: keyof typeof VARIABLES): { readonly url: string; readonly skip: string | false } {
  const variable = VARIABLES[name]
  const url = process.env[variable] ?? ''
  const required = (process.env['CELERIAC_REQUIRE'] ?? '').split(',').includes(name)
  if (url === '' && required) throw new Error(`CELERIAC_REQUIRE names ${name}, but ${variable} is not set`)
  return { url, skip: url === '' && `SKIPPED ${name}: set ${variable} to the URL of a broker` }
}

/** A name for a queue or a key that no other test uses. */
export function uniqueName(purpose: string): string {
  return `celeriac-node-${purpose}-${randomUUID()}`
}

/** Waits for something that is sure to happen; the test's own timeout is the limit. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20))
}
