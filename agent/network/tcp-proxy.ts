// One connection through a Service: to the first endpoint that takes it, then bytes both ways, each way ended on its own.
import { createConnection, type Socket } from 'node:net'
import type { Target } from './balancer.ts'

/** An endpoint whose machine is gone says nothing at all. */
const CONNECT_MS = 2_000

export interface ConnectEvents {
  reached(target: Target): void
  refused(target: Target): void
}

export function proxyConnection(client: Socket, targets: readonly Target[], events: ConnectEvents) {
  client.on('error', () => {})
  const attempt = (n: number) => {
    const target = targets[n]
    if (client.destroyed) return
    // As a Service without endpoints does: connection refused, as far as that can still be said.
    if (target === undefined) return client.resetAndDestroy()
    const server = createConnection({ ...target, allowHalfOpen: true, noDelay: true })
    const abandon = () => server.destroy()
    client.once('close', abandon)
    const failed = () => {
      client.off('close', abandon)
      server.destroy()
      if (client.destroyed) return
      events.refused(target)
      attempt(n + 1)
    }
    const timer = setTimeout(failed, CONNECT_MS)
    const refused = () => {
      clearTimeout(timer)
      failed()
    }
    server.once('error', refused)
    server.once('close', () => clearTimeout(timer))
    server.once('connect', () => {
      clearTimeout(timer)
      server.off('error', refused)
      client.off('close', abandon)
      events.reached(target)
      join(client, server)
    })
  }
  attempt(0)
}

/** What one side does the other sees: an end is an end, a reset is a reset. */
function join(client: Socket, server: Socket) {
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    from.on('error', () => to.resetAndDestroy())
    from.on('close', () => {
      if (!from.readableEnded) to.destroy()
    })
    from.pipe(to)
  }
}
