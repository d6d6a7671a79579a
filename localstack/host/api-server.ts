// The door of the Kubernetes API: TLS on loopback, for people, and on the address under which containers see this machine, for agents.
import type { IncomingMessage, RequestListener } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Duplex } from 'node:stream'
import type { ServerCertificate } from './certificates.ts'
import { cannotListen, portTaken } from './ports.ts'

export interface ApiServer {
  close(): Promise<void>
}

export interface Upgrades {
  /** Other requests to upgrade are answered as if they had not asked for it. */
  takes(request: IncomingMessage): boolean
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

/** @throws HostError when a port is taken. */
export async function listenApi(
  listener: RequestListener,
  upgrades: Upgrades,
  { cert, key }: ServerCertificate,
  addresses: readonly string[],
  port: number,
): Promise<ApiServer> {
  const servers: Server[] = []
  const close = async () => {
    await Promise.all(servers.map(closeServer))
  }
  try {
    for (const address of addresses) {
      // Watches idle for long; the server's own clock ends them, not this.
      const timeouts = { keepAliveTimeout: 120_000, requestTimeout: 0 }
      const server = createServer({ cert, key, ...timeouts, maxHeaderSize: 64 * 1024, shouldUpgradeCallback: upgrades.takes }, listener)
      server.on('upgrade', upgrades.upgrade)
      await listen(server, address, port)
      servers.push(server)
    }
  } catch (error) {
    await close()
    throw error
  }
  return { close }
}

function listen(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? portTaken(port, '--port') : cannotListen(port, error))
    })
    server.listen({ host: address, port, backlog: 1024 }, resolve)
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
