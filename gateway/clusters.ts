// The gateways of the clusters of one deployment behind one address, as functions/api/clusters.ts has their APIs.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Cluster } from '../shared/api/zeroplane/v1alpha1.ts'
import { notFound } from '../shared/apimachinery/status-error.ts'
import { CLUSTERS, clusterId, splitClusterPath } from '../shared/cluster-name.ts'
import type { Gateway } from './gateway.ts'

export interface ClusterGatewaysOptions {
  /** Of the default cluster, whose name is `defaultName`. */
  readonly home: Gateway
  readonly defaultName: string
  /** The cluster of a name, as it is now. */
  readonly find: (name: string) => Promise<Cluster | undefined>
  readonly open: (id: string) => Promise<Gateway>
  /** The cluster is gone. */
  readonly closed?: (id: string) => void
  readonly failed: (error: unknown) => void
}

export function clusterGateways({ home, defaultName, find, open, closed, failed }: ClusterGatewaysOptions): Gateway {
  const opened = new Map<string, Promise<Gateway>>()

  /** Undefined: there is no such cluster. What was open of one that is gone ends. */
  async function gatewayOf(name: string): Promise<Gateway | undefined> {
    const cluster = await find(name)
    const id = cluster && clusterId(cluster.metadata)
    for (const [other, gateway] of opened) {
      if (!other.startsWith(`${name}.`) || other === id) continue
      opened.delete(other)
      gateway.then(({ close }) => close(), failed)
      closed?.(other)
    }
    if (id === undefined) return undefined
    const gateway = opened.get(id) ?? open(id)
    opened.set(id, gateway)
    gateway.catch(() => opened.delete(id))
    return gateway
  }

  /** Undefined: the default cluster. */
  const nameOf = ({ url = '/' }: IncomingMessage) => {
    const { name } = splitClusterPath(url)
    return name === defaultName ? undefined : name
  }

  return {
    // All of them take and answer the same paths.
    takes: home.takes,
    answers: home.answers,
    upgrade(request, socket, head) {
      const name = nameOf(request)
      if (name === undefined) return home.upgrade(request, socket, head)
      socket.on('error', () => socket.destroy())
      gatewayOf(name)
        .then(gateway => (gateway === undefined ? refuse(socket) : gateway.upgrade(request, socket, head)))
        .catch(error => {
          failed(error)
          socket.destroy()
        })
    },
    handle(request, response) {
      const name = nameOf(request)
      if (name === undefined || !home.answers(request)) return home.handle(request, response)
      gatewayOf(name)
        .then(gateway => {
          if (gateway === undefined)
            response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify(notFound(CLUSTERS, name).status))
          else gateway.handle(request, response)
        })
        .catch(error => {
          failed(error)
          response.destroy()
        })
      return true
    },
    close() {
      home.close()
      for (const gateway of opened.values()) gateway.then(({ close }) => close(), failed)
    },
  }
}

function refuse(socket: Duplex): void {
  socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
}
