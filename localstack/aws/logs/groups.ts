// Log groups and their streams on disk: logs/<group>/<stream>.log below the data folder, names made safe for file systems; the journal
// keeps what groups and streams exist.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { AwsError } from '../errors.ts'
import { Journal } from '../journal.ts'
import type { World } from '../service.ts'
import { LogStream } from './stream.ts'

export interface LogGroup {
  readonly name: string
  readonly created: number
  retentionDays?: number
  tags: Record<string, string>
  readonly streams: Map<string, LogStream>
}

type Entry =
  | { k: 'group'; name: string; created: number; retentionDays?: number; tags: Record<string, string> }
  | { k: 'stream'; group: string; name: string; created: number }
  | { k: 'nogroup'; name: string }
  | { k: 'nostream'; group: string; name: string }

/** Told of every append, for live tails and followers in this process. */
export type Listener = (
  group: string,
  stream: string,
  events: readonly { timestamp: number; message: string }[],
  ingestionTime: number,
) => void

const DAY = 86_400_000
/** Retention counts days; looking at thousands of streams each time they are listed would be waste. */
const SWEEP_EVERY = 3_600_000

export class LogGroups {
  readonly #world: World
  readonly #groups = new Map<string, LogGroup>()
  readonly #journal: Journal<Entry>
  readonly listeners = new Set<Listener>()
  #swept = Number.NEGATIVE_INFINITY

  constructor(world: World) {
    this.#world = world
    this.#journal = new Journal<Entry>({
      file: world.dataDir && join(world.dataDir, 'logs.jsonl'),
      replay: entry => this.#replay(entry),
      snapshot: () => this.#snapshot(),
    })
    this.sweep()
  }

  get all(): Iterable<LogGroup> {
    return this.#groups.values()
  }

  /** @throws AwsError ResourceNotFoundException */
  group(name: string): LogGroup {
    const group = this.#groups.get(name)
    if (!group) throw new AwsError('ResourceNotFoundException', 'The specified log group does not exist.')
    return group
  }

  has(name: string): boolean {
    return this.#groups.has(name)
  }

  /** @throws AwsError ResourceNotFoundException */
  stream(group: string, name: string): LogStream {
    const stream = this.group(group).streams.get(name)
    if (!stream) throw new AwsError('ResourceNotFoundException', 'The specified log stream does not exist.')
    return stream
  }

  /** @throws AwsError ResourceAlreadyExistsException */
  createGroup(name: string, tags: Record<string, string> = {}): void {
    if (this.#groups.has(name)) throw new AwsError('ResourceAlreadyExistsException', 'The specified log group already exists')
    this.#apply({ k: 'group', name, created: this.#world.clock.now(), tags })
  }

  changeGroup(name: string, change: { retentionDays?: number | null; tags?: Record<string, string> }): void {
    const group = this.group(name)
    const retentionDays = change.retentionDays === undefined ? group.retentionDays : (change.retentionDays ?? undefined)
    this.#apply({ k: 'group', name, created: group.created, retentionDays, tags: change.tags ?? group.tags })
  }

  createStream(group: string, name: string): void {
    if (this.group(group).streams.has(name)) throw new AwsError('ResourceAlreadyExistsException', 'The specified log stream already exists')
    this.#apply({ k: 'stream', group, name, created: this.#world.clock.now() })
  }

  deleteGroup(name: string): void {
    for (const stream of this.group(name).streams.values()) stream.delete()
    if (this.#world.dataDir) rmSync(this.#folder(name), { recursive: true, force: true })
    this.#apply({ k: 'nogroup', name })
  }

  deleteStream(group: string, name: string): void {
    this.stream(group, name).delete()
    this.#apply({ k: 'nostream', group, name })
  }

  append(group: string, name: string, events: readonly { timestamp: number; message: string }[]): void {
    const now = this.#world.clock.now()
    this.stream(group, name).append(events, now)
    for (const listener of this.listeners) listener(group, name, events, now)
  }

  /** Drops streams whose newest event is older than their group keeps. Asked at the start and when streams are listed: no timer. */
  sweep(): void {
    const now = this.#world.clock.now()
    if (now - this.#swept < SWEEP_EVERY) return
    this.#swept = now
    for (const { name, retentionDays, streams } of this.#groups.values()) {
      if (!retentionDays) continue
      for (const stream of [...streams.values()]) {
        if (stream.touched < now - retentionDays * DAY) this.deleteStream(name, stream.name)
      }
    }
  }

  close(): void {
    for (const { streams } of this.#groups.values()) for (const stream of streams.values()) stream.close()
    this.#journal.close()
  }

  #apply(entry: Entry): void {
    this.#journal.append(entry)
    this.#replay(entry)
  }

  #replay(entry: Entry): void {
    switch (entry.k) {
      case 'group': {
        const { name, created, retentionDays, tags } = entry
        const group = this.#groups.get(name)
        if (group) Object.assign(group, { retentionDays, tags })
        else this.#groups.set(name, { name, created, retentionDays, tags, streams: new Map() })
        break
      }
      case 'stream': {
        const file = this.#world.dataDir && join(this.#folder(entry.group), `${safe(entry.name)}.log`)
        this.#groups.get(entry.group)?.streams.set(entry.name, new LogStream(entry.name, entry.created, file))
        break
      }
      case 'nogroup':
        this.#groups.delete(entry.name)
        break
      case 'nostream':
        this.#groups.get(entry.group)?.streams.delete(entry.name)
        break
    }
  }

  *#snapshot(): Iterable<Entry> {
    for (const { name, created, retentionDays, tags, streams } of this.#groups.values()) {
      yield { k: 'group', name, created, retentionDays, tags }
      for (const stream of streams.values()) yield { k: 'stream', group: name, name: stream.name, created: stream.created }
    }
  }

  #folder(group: string): string {
    return join(this.#world.dataDir!, 'logs', safe(group))
  }
}

/** One path segment from any name; "." and ".." cannot come out of it because "." is escaped. */
const safe = (name: string): string => encodeURIComponent(name).replace(/[.*'()!~]/g, char => `%${char.charCodeAt(0).toString(16)}`)
