// The network's own resolver: what is not the cluster's is asked there, and its answers are passed on as they are.
import { randomInt } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { createConnection, isIPv6, type Socket as TcpSocket } from 'node:net'
import { decodeAnswers, encodeQuery, type Question, type ResourceRecord } from './dns-message.ts'

const DNS_PORT = 53
/** Until another server is asked. The last one gets as long. */
const PATIENCE_MS = 2_000
const TRIES = 3
/** More questions at a time than this are not passed on: their clients ask again. */
const MOST_PENDING = 1_000

interface Pending {
  readonly server: string
  answered(message: Buffer): void
}

export class Upstream {
  readonly #servers: readonly string[]
  readonly #port: number
  readonly #sockets = new Map<4 | 6, Socket>()
  readonly #pending = new Map<number, Pending>()

  constructor(servers: readonly string[], port = DNS_PORT) {
    this.#servers = servers
    this.#port = port
  }

  /** The answer to a query as it came, with the query's own id. @throws when no server answers */
  async forward(query: Buffer): Promise<Buffer> {
    if (this.#servers.length === 0) throw new Error('the network has no resolver')
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const answer = await this.#ask(this.#servers[attempt % this.#servers.length]!, query)
      if (!answer) continue
      query.copy(answer, 0, 0, 2)
      return answer
    }
    throw new Error(`no answer from ${this.#servers.join(', ')}`)
  }

  async resolve(question: Question): Promise<readonly ResourceRecord[]> {
    return decodeAnswers(await this.forward(encodeQuery(0, question))).answers
  }

  /** A connection to a resolver, for questions that came over TCP. */
  connect(): TcpSocket | undefined {
    const [host] = this.#servers
    return host === undefined ? undefined : createConnection({ host, port: this.#port, timeout: PATIENCE_MS * TRIES })
  }

  close() {
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }

  #ask(server: string, query: Buffer): Promise<Buffer | undefined> {
    if (this.#pending.size >= MOST_PENDING) return Promise.resolve(undefined)
    let id = randomInt(0x10000)
    while (this.#pending.has(id)) id = (id + 1) & 0xffff
    const message = Buffer.from(query)
    message.writeUInt16BE(id, 0)
    return new Promise(resolve => {
      const settle = (answer?: Buffer) => {
        clearTimeout(timer)
        this.#pending.delete(id)
        resolve(answer)
      }
      const timer = setTimeout(settle, PATIENCE_MS)
      this.#pending.set(id, { server, answered: settle })
      this.#socket(isIPv6(server) ? 6 : 4).send(message, this.#port, server, error => error && settle())
    })
  }

  #socket(family: 4 | 6): Socket {
    const open = this.#sockets.get(family)
    if (open) return open
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
    socket.on('message', (message, { address }) => {
      if (message.length < 12) return
      const pending = this.#pending.get(message.readUInt16BE(0))
      if (pending?.server === address) pending.answered(message)
    })
    socket.on('error', () => {
      socket.close()
      this.#sockets.delete(family)
    })
    this.#sockets.set(family, socket)
    return socket
  }
}
