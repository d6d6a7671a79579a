// Datagrams through a Service: all of one client go to one endpoint, and what that sends comes back from the Service's address.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Target } from './balancer.ts'

/** A client that is silent for so long is a new one when it speaks again. */
const IDLE_MS = 60_000
const MOST_CLIENTS = 1_000

interface Session {
  readonly socket: Socket
  readonly idle: NodeJS.Timeout
  /** What came before the socket knows where to. */
  early: Buffer[] | undefined
}

const MOST_EARLY = 16

export class UdpProxy {
  readonly #socket: Socket
  readonly #choose: () => Target | undefined
  readonly #sessions = new Map<string, Session>()

  private constructor(choose: () => Target | undefined) {
    this.#choose = choose
    this.#socket = createSocket('udp4')
    this.#socket.on('message', (message, from) => this.#pass(message, from))
  }

  /** @throws when the address is taken */
  static listen(address: string, port: number, choose: () => Target | undefined): Promise<UdpProxy> {
    const proxy = new UdpProxy(choose)
    return new Promise((resolve, reject) => {
      proxy.#socket.once('error', reject)
      proxy.#socket.bind({ address, port }, () => {
        proxy.#socket.off('error', reject)
        proxy.#socket.on('error', () => proxy.close())
        resolve(proxy)
      })
    })
  }

  close() {
    for (const key of [...this.#sessions.keys()]) this.#end(key)
    try {
      this.#socket.close()
    } catch {
      // Closed before.
    }
  }

  #pass(message: Buffer, from: RemoteInfo) {
    const key = `${from.address} ${from.port}`
    const session = this.#sessions.get(key) ?? this.#begin(key, from)
    if (!session) return
    session.idle.refresh()
    if (!session.early) session.socket.send(message, () => {})
    else if (session.early.length < MOST_EARLY) session.early.push(message)
  }

  #begin(key: string, from: RemoteInfo): Session | undefined {
    const target = this.#choose()
    if (!target || this.#sessions.size >= MOST_CLIENTS) return undefined
    const socket = createSocket(isIPv6(target.host) ? 'udp6' : 'udp4')
    const session: Session = { socket, idle: setTimeout(() => this.#end(key), IDLE_MS), early: [] }
    this.#sessions.set(key, session)
    // Nobody listens there: the client's next datagram chooses anew.
    socket.on('error', () => this.#end(key))
    socket.on('message', answer => this.#socket.send(answer, from.port, from.address, () => {}))
    socket.connect(target.port, target.host, () => {
      for (const message of session.early?.splice(0) ?? []) socket.send(message, () => {})
      session.early = undefined
    })
    return session
  }

  #end(key: string) {
    const session = this.#sessions.get(key)
    if (!session) return
    this.#sessions.delete(key)
    clearTimeout(session.idle)
    session.socket.close()
  }
}
