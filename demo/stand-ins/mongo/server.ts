// mongod: collections of documents, on one server or on the members of a replica set. The first member is the primary for good; it sends
// the others every document they lack, under the names that the set's configuration has for them.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Document, Value } from './bson.ts'
import { command, receive, send } from './wire.ts'

const BEAT_MS = 500
const LOST_MS = 5_000

interface Member extends Document {
  readonly _id: number
  readonly host: string
}

interface Config extends Document {
  readonly _id: string
  readonly version: number
  readonly members: readonly Member[]
}

interface State {
  readonly config?: Config
  /** All inserted documents in order, each with its collection. */
  readonly log: readonly { readonly collection: string; readonly document: Document }[]
}

const refuse = (code: number, codeName: string, errmsg: string): Document => ({ ok: 0, code, codeName, errmsg })
const notPrimary = () => refuse(10107, 'NotMaster', 'not master')
const isMe = ({ host }: Member) => host.split(/[.:]/)[0] === hostname()

class Server {
  readonly #file: string
  readonly #set: string | undefined
  /** By host of each other member: how much of the log it has, and when it said so. */
  readonly #others = new Map<string, { applied: number; at: number }>()
  #state: State

  constructor(folder: string, set: string | undefined) {
    this.#file = join(folder, 'log.json')
    this.#set = set
    this.#state = existsSync(this.#file) ? JSON.parse(readFileSync(this.#file, 'utf8')) : { log: [] }
    const beat = async () => {
      await Promise.all((this.#isPrimary() ? this.#members() : []).filter(member => !isMe(member)).map(member => this.#beat(member)))
      setTimeout(beat, BEAT_MS)
    }
    beat()
  }

  execute(asked: Document): Document {
    const [name = ''] = Object.keys(asked)
    switch (name) {
      case 'ping':
        return { ok: 1 }
      case 'serverStatus':
        return { host: hostname(), process: 'mongod', documents: this.#state.log.length, ok: 1 }
      case 'isMaster':
        return this.#isMaster()
      case 'replSetInitiate':
        return this.#initiate(asked.replSetInitiate as Config)
      case 'replSetGetConfig':
        return this.#state.config ? { config: this.#state.config, ok: 1 } : this.#uninitialized()
      case 'replSetReconfig':
        return this.#reconfigure(asked.replSetReconfig as Config)
      case 'replSetGetStatus':
        return this.#status()
      case 'replSetHeartbeat':
        return this.#follow(asked as unknown as { config: Config; from: number; entries: State['log'] })
      case 'insert':
        return this.#insert(String(asked.insert), asked.documents as readonly Document[])
      case 'find':
        return { cursor: { id: 0, ns: String(asked.find), firstBatch: this.#find(String(asked.find)) }, ok: 1 }
      default:
        return refuse(59, 'CommandNotFound', `no such command: '${name}'`)
    }
  }

  #members = () => this.#state.config?.members ?? []
  #uninitialized = () => refuse(94, 'NotYetInitialized', 'this server has no configuration of a replica set yet')

  #isPrimary(): boolean {
    const [first] = this.#members()
    return this.#set === undefined || (first !== undefined && isMe(first))
  }

  #isMaster(): Document {
    const hosts = this.#members().map(({ host }) => host)
    const ismaster = this.#isPrimary()
    return { ismaster, secondary: !ismaster && hosts.length > 0, setName: this.#state.config?._id, hosts, primary: hosts[0], ok: 1 }
  }

  #initiate(config: Config): Document {
    if (this.#state.config) return refuse(23, 'AlreadyInitialized', 'already initialized')
    if (config._id !== this.#set) return refuse(93, 'InvalidReplicaSetConfig', `the set of this server is ${this.#set}, not ${config._id}`)
    this.#keep({ ...this.#state, config: { ...config, version: 1 } })
    return { ok: 1 }
  }

  #reconfigure(config: Config): Document {
    if (!this.#state.config) return this.#uninitialized()
    if (!this.#isPrimary()) return notPrimary()
    if (config.version <= this.#state.config.version)
      return refuse(103, 'NewReplicaSetConfigurationIncompatible', 'somebody else was faster')
    const hosts = config.members.map(({ host }) => host)
    if (new Set(hosts).size < hosts.length) return refuse(103, 'NewReplicaSetConfigurationIncompatible', 'a host is named twice')
    this.#keep({ ...this.#state, config })
    return { ok: 1 }
  }

  #status(): Document {
    const { config } = this.#state
    if (!config) return this.#uninitialized()
    const members = config.members.map((member, index) => {
      const { applied = 0, at = 0 } = isMe(member)
        ? { applied: this.#state.log.length, at: Date.now() }
        : (this.#others.get(member.host) ?? {})
      const up = Date.now() - at < LOST_MS
      const stateStr = up ? (index === 0 ? 'PRIMARY' : 'SECONDARY') : '(not reachable/healthy)'
      return { _id: member._id, name: member.host, health: up ? 1 : 0, stateStr, optime: applied }
    })
    return { set: config._id, members, ok: 1 }
  }

  #insert(collection: string, documents: readonly Document[]): Document {
    if (!this.#isPrimary()) return notPrimary()
    this.#keep({ ...this.#state, log: [...this.#state.log, ...documents.map(document => ({ collection, document }))] })
    return { n: documents.length, ok: 1 }
  }

  #find(collection: string): Value[] {
    return this.#state.log.filter(entry => entry.collection === collection).map(({ document }) => document)
  }

  async #beat({ host }: Member): Promise<void> {
    const { config, log } = this.#state
    const from = this.#others.get(host)?.applied ?? 0
    const entries = log.slice(from) as unknown as readonly Value[]
    try {
      const { ok, applied } = await command(host, { replSetHeartbeat: config!._id, config, from, entries })
      if (ok === 1) this.#others.set(host, { applied: Number(applied), at: Date.now() })
    } catch {
      // It counts as lost when it has said nothing for long enough.
    }
  }

  /** From the primary. What it sends is taken only where it goes on from what is here; the answer says from where it shall. */
  #follow({ config, from, entries }: { config: Config; from: number; entries: State['log'] }): Document {
    if (config._id !== this.#set) return refuse(93, 'InvalidReplicaSetConfig', `the set of this server is ${this.#set}, not ${config._id}`)
    const isNext = from === this.#state.log.length
    const isNew = (isNext && entries.length > 0) || config.version !== this.#state.config?.version
    if (isNew) this.#keep({ config, log: isNext ? [...this.#state.log, ...entries] : this.#state.log })
    this.#others.set(config.members[0]!.host, { applied: from + entries.length, at: Date.now() })
    return { applied: this.#state.log.length, ok: 1 }
  }

  #keep(state: State): void {
    writeFileSync(`${this.#file}.new`, JSON.stringify(state))
    renameSync(`${this.#file}.new`, this.#file)
    this.#state = state
  }
}

export function mongoServer(args: readonly string[]): void {
  const option = (name: string) => {
    const index = args.indexOf(`--${name}`)
    return index < 0 ? undefined : args[index + 1]
  }
  const folder = option('dbpath') ?? '/data/db'
  const port = Number(option('port') ?? 27017)
  mkdirSync(folder, { recursive: true })
  const server = new Server(folder, option('replSet'))
  createServer(socket => {
    socket.on('error', () => {})
    receive(socket, ({ id, document }) => send(socket, id + 1, id, server.execute(document)))
  }).listen(port, () => console.log(`mongod: waiting for connections on port ${port}`))
}
