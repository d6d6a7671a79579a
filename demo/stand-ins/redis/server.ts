// redis-server: values, replicas that get every change, and channels, by which sentinels find each other. A replica is sent the commands
// that make its values the primary's, where Redis would send a file, and then every change.
import { createServer, type Socket } from 'node:net'
import { Data } from './data.ts'
import { decoder, encode, open, Status, type Value } from './resp.ts'
import { readSettings } from './settings.ts'

const OK = new Status('OK')
const PONG = new Status('PONG')
const RETRY_MS = 500
const PING_MS = 1_000
const SILENCE_MS = 5_000

interface Primary {
  readonly host: string
  readonly port: number
}

class Server {
  readonly #data: Data
  readonly #port: number
  /** By connection: the port that each says it listens on. */
  readonly #replicas = new Map<Socket, string>()
  readonly #channels = new Map<string, Set<Socket>>()
  #primary: Primary | undefined
  #link: Socket | undefined
  #inSync = false

  constructor(port: number, folder: string) {
    this.#port = port
    this.#data = new Data(folder)
  }

  listen(): void {
    const server = createServer(socket => {
      socket.on(
        'data',
        decoder(command => this.#take(command as string[], socket)),
      )
      socket.on('error', () => {})
      socket.on('close', () => this.#forget(socket))
    })
    server.listen(this.#port, () => log(`ready on port ${this.#port}, ${this.#data.keys().length} keys loaded`))
    setInterval(() => {
      for (const replica of this.#replicas.keys()) replica.write(encode(['PING']))
    }, PING_MS)
  }

  follow(primary: Primary | undefined): void {
    this.#primary = primary
    this.#link?.destroy()
    if (primary !== undefined) this.#connect(primary)
  }

  /** The name is looked up for each attempt: a primary that comes back has another address. */
  #connect(primary: Primary): void {
    log(`replica of ${primary.host}:${primary.port}: connecting`)
    const link = open(primary.host, primary.port, SILENCE_MS, value => {
      if (!Array.isArray(value)) return
      const command = value as string[]
      if (Data.isWrite(command[0]!)) this.#write(command)
      if (command[0] !== 'REPLCONF' || this.#inSync) return
      this.#inSync = true
      log(`replica of ${primary.host}:${primary.port}: in sync`)
    })
    this.#link = link
    link.on('connect', () => link.write(encode(['REPLCONF', 'listening-port', String(this.#port)]) + encode(['SYNC'])))
    link.on('error', error => log(`replica of ${primary.host}:${primary.port}: ${error.message}`))
    link.on('close', () => {
      if (this.#link !== link) return
      this.#inSync = false
      setTimeout(() => this.#link === link && this.#primary === primary && this.#connect(primary), RETRY_MS)
    })
  }

  #take([name = '', ...args]: readonly string[], socket: Socket): void {
    const command = [name.toUpperCase(), ...args]
    const answer = command[0] === '' ? undefined : this.#answer(command, socket)
    if (answer !== undefined) socket.write(encode(answer))
  }

  #answer(command: readonly string[], socket: Socket): Value | undefined {
    const [name = '', first = '', second = ''] = command
    if (Data.isWrite(name)) {
      if (this.#primary !== undefined) return new Error("READONLY You can't write against a read only replica.")
      return this.#write(command)
    }
    switch (name) {
      case 'PING':
        return PONG
      case 'GET':
        return this.#data.get(first)
      case 'KEYS':
        return this.#data.keys()
      case 'DBSIZE':
        return this.#data.keys().length
      case 'INFO':
        return this.#info()
      case 'ROLE':
        return this.#role()
      case 'REPLICAOF':
      case 'SLAVEOF':
        this.follow(`${first} ${second}`.toLowerCase() === 'no one' ? undefined : { host: first, port: Number(second) })
        return OK
      case 'REPLCONF':
        this.#replicas.set(socket, second)
        return OK
      case 'SYNC':
        for (const copied of [...this.#data.copy(), ['REPLCONF', 'GETACK', '*']]) socket.write(encode(copied))
        return undefined
      case 'SUBSCRIBE':
        this.#channels.set(first, (this.#channels.get(first) ?? new Set()).add(socket))
        return ['subscribe', first, 1]
      case 'PUBLISH': {
        const listeners = [...(this.#channels.get(first) ?? [])]
        for (const listener of listeners) listener.write(encode(['message', first, second]))
        return listeners.length
      }
      case 'SHUTDOWN':
        process.exit(0)
        return undefined
      default:
        return new Error(`ERR unknown command '${name}'`)
    }
  }

  #write(command: readonly string[]): Value {
    const answer = this.#data.write(command)
    for (const replica of this.#replicas.keys()) replica.write(encode(command))
    return answer
  }

  #forget(socket: Socket): void {
    this.#replicas.delete(socket)
    for (const listeners of this.#channels.values()) listeners.delete(socket)
  }

  #role(): Value {
    if (this.#primary) return ['slave', this.#primary.host, this.#primary.port, this.#inSync ? 'connected' : 'connect']
    return ['master', 0, this.#listed().map(({ ip, port }) => [ip, port, '0'])]
  }

  #info(): string {
    const lines = this.#primary
      ? [
          'role:slave',
          `master_host:${this.#primary.host}`,
          `master_port:${this.#primary.port}`,
          `master_link_status:${this.#inSync ? 'up' : 'down'}`,
        ]
      : ['role:master']
    const replicas = this.#listed()
    lines.push(`connected_slaves:${replicas.length}`)
    for (const [index, { ip, port }] of replicas.entries()) lines.push(`slave${index}:ip=${ip},port=${port},state=online`)
    return ['# Replication', ...lines, ''].join('\r\n')
  }

  #listed(): { ip: string; port: string }[] {
    return [...this.#replicas].map(([socket, port]) => ({ ip: plain(socket.remoteAddress), port }))
  }
}

const plain = (address = '') => address.replace(/^::ffff:/, '')
const log = (line: string) => console.log(`redis: ${line}`)

export function redisServer(args: readonly string[]): void {
  const settings = readSettings(args)
  const server = new Server(Number(settings.get('port')?.[0] ?? 6379), settings.get('dir')?.[0] ?? '.')
  const [host, port] = settings.get('replicaof') ?? settings.get('slaveof') ?? []
  server.listen()
  if (host !== undefined) server.follow({ host, port: Number(port) })
}
