// The sockets that stand for addresses of Services. What shall be open is said as a whole; what is open follows.
import { createServer, type Socket } from 'node:net'
import type { Target } from './balancer.ts'
import { UdpProxy } from './udp-proxy.ts'

export interface Spot {
  readonly protocol: 'TCP' | 'UDP'
  readonly address: string
  readonly port: number
  connection(client: Socket): void
  /** Where the datagrams of a new client go. */
  choose(): Target | undefined
}

export const spotKey = ({ protocol, address, port }: Pick<Spot, 'protocol' | 'address' | 'port'>) => `${protocol} ${address} ${port}`

/** A port that an app has taken is tried again after this time, when somebody asks. */
const TAKEN_MS = 30_000

type State = { close(): void } | 'opening' | { readonly takenAt: number }

export interface ListenersOptions {
  now(): number
  /** The pod itself listens on the port, so we cannot. */
  taken(spot: Spot): void
  log(message: string): void
}

export class Listeners {
  readonly #options: ListenersOptions
  readonly #states = new Map<string, State>()
  #wanted = new Map<string, Spot>()
  #opening = new Set<Promise<void>>()

  constructor(options: ListenersOptions) {
    this.#options = options
  }

  /** Closes what is not among these, at once; opens what is missing. */
  want(spots: Iterable<Spot>) {
    this.#wanted = new Map([...spots].map(spot => [spotKey(spot), spot]))
    for (const [key, state] of this.#states) {
      if (this.#wanted.has(key)) continue
      if (state === 'opening') continue
      if ('close' in state) {
        state.close()
        this.#states.delete(key)
      } else if (this.#options.now() - state.takenAt > TAKEN_MS) this.#states.delete(key)
    }
    for (const [key, spot] of this.#wanted) {
      const state = this.#states.get(key)
      if (state === undefined || (typeof state === 'object' && 'takenAt' in state && this.#options.now() - state.takenAt > TAKEN_MS)) {
        this.#open(key, spot)
      }
    }
  }

  isOpen(key: string): boolean {
    const state = this.#states.get(key)
    return typeof state === 'object' && 'close' in state
  }

  /** Everything that was wanted so far is open, or cannot be. */
  async settled(): Promise<void> {
    await Promise.all(this.#opening)
  }

  #open(key: string, spot: Spot) {
    this.#states.set(key, 'opening')
    // The one that is wanted now answers, not the one that was when the socket was opened.
    const now = () => this.#wanted.get(key) ?? spot
    const opened = (spot.protocol === 'TCP' ? listenTcp(spot, now) : UdpProxy.listen(spot.address, spot.port, () => now().choose())).then(
      socket => {
        if (this.#wanted.has(key)) this.#states.set(key, socket)
        else {
          socket.close()
          this.#states.delete(key)
        }
      },
      (error: NodeJS.ErrnoException) => {
        this.#states.set(key, { takenAt: this.#options.now() })
        if (error.code === 'EADDRINUSE') this.#options.taken(spot)
        else this.#options.log(`cannot listen on ${key}: ${error.message}`)
      },
    )
    this.#opening.add(opened)
    void opened.finally(() => this.#opening.delete(opened))
  }
}

function listenTcp({ address, port }: Spot, now: () => Spot): Promise<{ close(): void }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, client => now().connection(client))
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address, port, backlog: 1024 }, () => {
      server.off('error', reject)
      server.on('error', () => {})
      // Connections that are open live on.
      resolve({ close: () => void server.close() })
    })
  })
}
