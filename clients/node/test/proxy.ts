/** A TCP proxy between a client and its broker that can be told to fail. */

import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A running proxy. */
export interface Proxy extends AsyncDisposable {
  /** The broker's URL, by way of the proxy. */
  readonly url: string
  /** Drops every connection, as a reset does. New ones are taken. */
  cut(): void
  /** Keeps connections but passes nothing on, as a network does that loses all packets. */
  silence(): void
  /** Connections taken so far. */
  readonly taken: number
}

/** Starts a proxy to the broker of a URL. */
export async function proxyTo(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let taken = 0
  const server = createServer((near) => {
    taken += 1
    const far = connect(Number(port), hostname)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.setNoDelay(true)
      from.on('error', () => undefined)
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(target)
  url.port = String((server.address() as AddressInfo).port)
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    url: url.href,
    cut,
    silence: () => {
      for (const socket of sockets) socket.unpipe().pause()
    },
    get taken() {
      return taken
    },
    [Symbol.asyncDispose]: async () => {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
