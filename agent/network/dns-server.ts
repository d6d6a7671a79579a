// The cluster's name service of one pod, over UDP and TCP on an address of its loopback.
import { createSocket, type Socket } from 'node:dgram'
import { createServer, type Server, type Socket as TcpSocket } from 'node:net'
import { answerFor, type Names } from './dns-answers.ts'
import { decodeQuery, encodeAnswer, type Query, QueryError, RCODE } from './dns-message.ts'
import type { Upstream } from './upstream.ts'

export const DNS_PORT = 53
const IDLE_TCP_MS = 10_000

export interface DnsServerOptions {
  readonly address: string
  readonly port?: number
  readonly names: Names
  readonly upstream: Upstream
  log(message: string): void
}

export class DnsServer {
  readonly #options: DnsServerOptions
  readonly #udp: Socket
  readonly #tcp: Server

  private constructor(options: DnsServerOptions) {
    this.#options = options
    this.#udp = createSocket('udp4')
    this.#udp.on('message', (message, { port, address }) => {
      void this.#answer(message, true).then(answer => answer && this.#udp.send(answer, port, address, () => {}))
    })
    this.#tcp = createServer(socket => this.#serve(socket))
  }

  /** @throws when the pod itself has taken the port */
  static async listen(options: DnsServerOptions): Promise<DnsServer> {
    const { address, port = DNS_PORT } = options
    const server = new DnsServer(options)
    try {
      await Promise.all([
        new Promise<void>((resolve, reject) => {
          server.#udp.once('error', reject)
          server.#udp.bind(port, address, resolve)
        }),
        new Promise<void>((resolve, reject) => {
          server.#tcp.once('error', reject)
          server.#tcp.listen(port, address, resolve)
        }),
      ])
    } catch (error) {
      server.close()
      throw error
    }
    for (const socket of [server.#udp, server.#tcp]) socket.on('error', error => options.log(`DNS: ${error.message}`))
    return server
  }

  close() {
    for (const socket of [this.#udp, this.#tcp]) {
      try {
        socket.close()
      } catch {
        // It was not open.
      }
    }
  }

  /** Undefined: nothing that could be answered. Never rejects. */
  async #answer(message: Buffer, udp: boolean): Promise<Buffer | undefined> {
    let query: Query | undefined
    try {
      query = decodeQuery(message)
      if (!query) return undefined
      const answer = await answerFor(query.question, this.#options.names)
      if (answer) return encodeAnswer(query, answer, udp)
      return udp ? await this.#options.upstream.forward(message) : await this.#overTcp(message)
    } catch (error) {
      if (error instanceof QueryError) return error.encode()
      return query && encodeAnswer(query, { rcode: RCODE.serverFailure, answers: [] }, udp)
    }
  }

  #serve(socket: TcpSocket) {
    socket.setTimeout(IDLE_TCP_MS, () => socket.destroy())
    socket.on('error', () => {})
    eachMessage(socket, message => {
      void this.#answer(message, false).then(answer => answer && socket.writable && socket.write(framed(answer)))
    })
  }

  #overTcp(query: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const socket = this.#options.upstream.connect()
      if (!socket) return reject(new Error('the network has no resolver'))
      const fail = () => {
        socket.destroy()
        reject(new Error("the network's resolver does not answer over TCP"))
      }
      socket.on('error', fail)
      socket.on('timeout', fail)
      socket.on('end', fail)
      eachMessage(socket, message => {
        socket.destroy()
        resolve(message)
      })
      socket.write(framed(query))
    })
  }
}

/** Over TCP each message follows its length. */
function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length, 0)
  return Buffer.concat([length, message])
}

function eachMessage(socket: TcpSocket, take: (message: Buffer) => void) {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= 2) {
      const end = 2 + rest.readUInt16BE(0)
      if (rest.length < end) return
      take(rest.subarray(2, end))
      rest = rest.subarray(end)
    }
  })
}
