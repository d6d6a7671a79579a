// redis-sentinel: watches a primary, knows its replicas and the other sentinels, and tells who asks. It makes nobody else the primary.
import { lookup } from 'node:dns/promises'
import { createServer } from 'node:net'
import { hostname } from 'node:os'
import { ask, decoder, encode, open, Status, type Value } from './resp.ts'
import { readSettings } from './settings.ts'

const EVERY_MS = 1_000
const CHANNEL = '__sentinel__:hello'

interface Seen {
  readonly address: string
  readonly replicas: number
  /** Milliseconds. */
  readonly at: number
}

class Sentinel {
  readonly #name: string
  readonly #host: string
  readonly #port: number
  readonly #downAfterMs: number
  readonly #others = new Map<string, number>()
  #seen: Seen | undefined
  #hears = false

  constructor(settings: ReadonlyMap<string, readonly string[]>) {
    const [name, host, port] = settings.get('sentinel monitor') ?? []
    if (name === undefined || host === undefined) throw new Error('nothing to monitor: sentinel monitor NAME HOST PORT QUORUM')
    this.#name = name
    this.#host = host
    this.#port = Number(port)
    this.#downAfterMs = Number(settings.get('sentinel down-after-milliseconds')?.[1] ?? 30_000)
  }

  start(): void {
    const look = async () => {
      await this.#look().catch((error: Error) => log(`${this.#name}: ${error.message}`))
      setTimeout(look, EVERY_MS)
    }
    look()
  }

  async #look(): Promise<void> {
    const { address } = await lookup(this.#host, 4)
    const info = String(await ask(address, this.#port, 'INFO', 'replication'))
    if (!info.includes('role:master')) throw new Error(`${this.#host} is no primary`)
    if (this.#seen?.address !== address) log(`${this.#name}: the primary is ${this.#host}, ${address}:${this.#port}`)
    this.#seen = { address, replicas: Number(/connected_slaves:(\d+)/.exec(info)?.[1]), at: Date.now() }
    if (!this.#hears) this.#hear(address)
    await ask(address, this.#port, 'PUBLISH', CHANNEL, hostname())
  }

  /** What this sentinel itself says comes in, too: an open connection is never silent. */
  #hear(address: string): void {
    const socket = open(address, this.#port, 5 * EVERY_MS, value => {
      if (Array.isArray(value) && value[0] === 'message') this.#others.set(String(value[2]), Date.now())
    })
    this.#hears = true
    socket.on('connect', () => socket.write(encode(['SUBSCRIBE', CHANNEL])))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#hears = false
    })
  }

  answer([command = '', verb = '', name = '']: readonly string[]): Value {
    const what = `${command} ${verb}`.trim().toLowerCase()
    if (what === 'ping') return new Status('PONG')
    if (what === 'info' || what === 'info sentinel') return this.#info()
    if (what !== 'sentinel get-master-addr-by-name') return new Error(`ERR unknown command '${what}'`)
    return name === this.#name && this.#seen ? [this.#seen.address, String(this.#port)] : null
  }

  #info(): string {
    const recently = (at = 0) => Date.now() - at < this.#downAfterMs
    const status = recently(this.#seen?.at) ? 'ok' : 'sdown'
    const sentinels = [...this.#others.values()].filter(recently).length
    const { address = '', replicas = 0 } = this.#seen ?? {}
    const line = `master0:name=${this.#name},status=${status},address=${address}:${this.#port},slaves=${replicas},sentinels=${sentinels}`
    return ['# Sentinel', 'sentinel_masters:1', line, ''].join('\r\n')
  }
}

const log = (line: string) => console.log(`sentinel: ${line}`)

export function redisSentinel(args: readonly string[]): void {
  const settings = readSettings(args)
  const sentinel = new Sentinel(settings)
  createServer(socket => {
    socket.on(
      'data',
      decoder(command => socket.write(encode(sentinel.answer(command as string[])))),
    )
    socket.on('error', () => {})
  }).listen(Number(settings.get('port')?.[0] ?? 26379), () => sentinel.start())
}
