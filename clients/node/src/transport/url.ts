/** Broker and result URLs, read as Celery reads them. */

import { InvalidCall } from '../errors.js'

/** A RabbitMQ server. */
export interface AmqpAddress {
  readonly kind: 'amqp'
  readonly tls: boolean
  readonly host: string
  readonly port: number
  readonly username: string
  readonly password: string
  readonly vhost: string
  /** Heartbeat in seconds, from `?heartbeat=`. */
  readonly heartbeat: number | undefined
  /** The URL without its password, for messages. */
  readonly shown: string
}

/** A Redis server. */
export interface RedisAddress {
  readonly kind: 'redis'
  readonly tls: boolean
  /** Host and port, or the path of a Unix socket. */
  readonly endpoint: { readonly host: string; readonly port: number } | { readonly path: string }
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  /** The URL without its password, for messages. */
  readonly shown: string
}

/** A server, by its URL. */
export type Address = AmqpAddress | RedisAddress

const SCHEMES = 'amqp://, amqps://, redis://, rediss:// or redis+socket://'

/** Reads a broker or result URL. Raises `InvalidCall`; the password is never part of the message. */
export function parseUrl(text: string): Address {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new InvalidCall(`not a URL; expected ${SCHEMES} followed by user:password@host:port/...`)
  }
  switch (url.protocol) {
    case 'amqp:':
    case 'amqps:':
    case 'pyamqp:':
      return amqpAddress(url)
    case 'redis:':
    case 'rediss:':
    case 'redis+socket:':
      return redisAddress(url)
    default:
      throw new InvalidCall(`${url.protocol}// is not a broker or result URL of this library; expected ${SCHEMES}`)
  }
}

function amqpAddress(url: URL): AmqpAddress {
  const tls = url.protocol === 'amqps:'
  const heartbeat = url.searchParams.get('heartbeat')
  return {
    kind: 'amqp',
    tls,
    host: hostOf(url),
    port: url.port === '' ? (tls ? 5671 : 5672) : Number(url.port),
    username: decoded(url.username, url) || 'guest',
    password: decoded(url.password, url) || 'guest',
    vhost: decoded(url.pathname.slice(1), url) || '/',
    heartbeat: heartbeat === null ? undefined : wholeNumber(heartbeat, 'heartbeat'),
    shown: shown(url),
  }
}

function redisAddress(url: URL): RedisAddress {
  const socket = url.protocol === 'redis+socket:'
  const database = url.searchParams.get('virtual_host') ?? (socket ? '' : url.pathname.slice(1))
  return {
    kind: 'redis',
    tls: url.protocol === 'rediss:',
    endpoint: socket
      ? { path: decoded(url.pathname, url) }
      : { host: hostOf(url), port: url.port === '' ? 6379 : Number(url.port) },
    username: decoded(url.username, url) || undefined,
    password: decoded(url.password, url) || undefined,
    database: database === '' ? 0 : wholeNumber(database, 'database'),
    shown: shown(url),
  }
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1') || 'localhost'
}

function decoded(part: string, url: URL): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new InvalidCall(`${shown(url)}: bad percent-encoding in the URL`)
  }
}

function wholeNumber(text: string, what: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidCall(`the ${what} in the URL must be a number, not ${JSON.stringify(text)}`)
  return Number(text)
}

function shown(url: URL): string {
  const copy = new URL(url)
  if (copy.password !== '') copy.password = '***'
  return copy.href
}
