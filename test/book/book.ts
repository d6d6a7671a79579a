// How a row of the tour is written:
//
//   const { row } = chapter(5)
//   row('delete rs removes its pods', async reader => {
//     await reader.apply(manifest)
//     expect(await reader.kubectl('get rs')).toMatch(...)
//   })
//
// The reader has a real kubectl and a namespace of its own, which is gone afterwards. By default rows are played with today's
// kubectl, and those where the two differ with the one of 1.22, too; ZEROPLANE_TEST_BOOK=full plays every row, slow ones too, with both.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, inject, test } from 'vitest'
import { parse, stringify } from 'yaml'
import type { Pod } from '../../shared/api/core/v1.ts'
import { Cluster, words } from '../tools/cluster.ts'
import type { KubectlVersion, Result, RunOptions } from '../tools/kubectl.ts'
import { eventually as soon } from '../tools/wait.ts'
import { FLAGS, tagImages } from './images.ts'

export const FULL = process.env.ZEROPLANE_TEST_BOOK === 'full'

/** Rows are played beside each other, and containers start slowly on a busy machine. */
const PATIENCE_MS = 200_000

export const eventually: typeof soon = (what, ask, withinMs = PATIENCE_MS) => soon(what, ask, withinMs)

export interface RowOptions {
  /** The old kubectl does this in another way, and so is asked in the quick pass, too. */
  readonly both?: boolean
  /** Left to the full pass: npm test has to end while somebody waits for it. */
  readonly slow?: boolean
  /** It changes what all rows share (nodes ...): no other row is played meanwhile. */
  readonly alone?: boolean
  /** Only with these; where the row says what one of the two no longer or not yet knows. */
  readonly only?: KubectlVersion
}

export interface Chapter {
  row(name: string, play: (reader: Reader) => Promise<void>, options?: RowOptions): void
}

/** Call once, at the top of chapter-<number>.test.ts. */
export function chapter(number: number): Chapter {
  let cluster: Cluster
  let rows = 0
  beforeAll(async () => {
    const named = inject('book')
    cluster = await Cluster.prepare({ ...named, flags: ['--event-bus', 'default', ...FLAGS] })
    if (!existsSync(cluster.kubeconfig)) await cluster.start()
    await tagImages()
  })
  return {
    row(name, play, { both = false, slow = false, alone = false, only } = {}) {
      if (slow && !FULL) return
      const versions: KubectlVersion[] = only ? [only] : FULL || both ? ['1.36', '1.22'] : ['1.36']
      for (const version of versions) {
        const namespace = `chapter-${number}-${++rows}`
        const run = alone ? test : test.concurrent
        run(`${name} (kubectl ${version})`, async () => {
          const reader = await Reader.open(cluster, version, namespace)
          try {
            await play(reader)
          } catch (error) {
            await reader.explain()
            throw error
          } finally {
            await reader.close()
          }
        })
      }
    },
  }
}

/** Somebody who types commands. */
export class Reader {
  readonly version: KubectlVersion
  readonly namespace: string
  readonly cluster: Cluster
  readonly #kubeconfig: string
  readonly #typed: string[] = []
  readonly #watching = new Set<Watching>()
  readonly #opened = performance.now()
  #last = ''

  private constructor(cluster: Cluster, version: KubectlVersion, namespace: string) {
    this.cluster = cluster
    this.version = version
    this.namespace = namespace
    this.#kubeconfig = join(cluster.dataDir, `kubeconfig-${namespace}`)
  }

  static async open(cluster: Cluster, version: KubectlVersion, namespace: string): Promise<Reader> {
    const reader = new Reader(cluster, version, namespace)
    const config = parse(readFileSync(cluster.kubeconfig, 'utf8')) as { contexts: { context: { namespace?: string } }[] }
    for (const { context } of config.contexts) context.namespace = namespace
    writeFileSync(reader.#kubeconfig, stringify(config))
    await reader.kubectl(`create namespace ${namespace}`)
    return reader
  }

  get isOld(): boolean {
    return this.version === '1.22'
  }

  /** Its exit code is the caller's to judge. */
  async try(line: string | readonly string[], options: RunOptions = {}): Promise<Result> {
    const args = typeof line === 'string' ? words(line) : line
    const begun = performance.now()
    const result = await this.cluster.try(this.version, args, { ...options, env: { KUBECONFIG: this.#kubeconfig, ...options.env } })
    const seconds = `${((begun - this.#opened) / 1000).toFixed(1)} s + ${((performance.now() - begun) / 1000).toFixed(1)}`
    this.#typed.push(`$ kubectl ${args.join(' ')} (${seconds})\n${result.stdout}${result.stderr}`.slice(0, 2000))
    return result
  }

  /** What it printed. @throws when it fails. */
  async kubectl(line: string, options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.try(line, options)
    if (code !== 0) throw new Error(`kubectl ${line} ended with ${code}:\n${stdout}${stderr}`)
    return stdout
  }

  async apply(manifest: string): Promise<string> {
    return await this.kubectl('apply -f -', { input: manifest })
  }

  async json<T>(line: string): Promise<T> {
    return JSON.parse(await this.kubectl(`${line} -o json`)) as T
  }

  /** Lines of a table without its head. */
  async lines(line: string): Promise<string[]> {
    return (await this.kubectl(`${line} --no-headers --ignore-not-found`)).split('\n').filter(Boolean)
  }

  async pods(selector?: string): Promise<Pod[]> {
    return (await this.json<{ items: Pod[] }>(`get pods${selector === undefined ? '' : ` -l ${selector}`}`)).items
  }

  /** Pods that are Ready and not about to go. */
  async readyPods(selector?: string): Promise<Pod[]> {
    return (await this.pods(selector)).filter(pod => pod.metadata.deletionTimestamp === undefined && isReady(pod))
  }

  /** Reasons of an object's events, first seen first. */
  async events(name: string): Promise<string[]> {
    const line = `get events --field-selector involvedObject.name=${name} --sort-by=.lastTimestamp -o jsonpath={.items[*].reason}`
    return (await this.kubectl(line)).split(' ').filter(Boolean)
  }

  /** Looks until the output of a command is as expected, and answers it. */
  async see(line: string, expected: RegExp | string, withinMs?: number): Promise<string> {
    try {
      return await eventually(
        `kubectl ${line} shows ${expected}`,
        async () => {
          const { stdout, stderr } = await this.try(line)
          this.#last = `${stdout}${stderr}`
          return (typeof expected === 'string' ? this.#last.includes(expected) : expected.test(this.#last)) && this.#last
        },
        withinMs,
      )
    } catch (error) {
      throw new Error(`${(error as Error).message}; it shows\n${this.#last}`)
    }
  }

  /** A command that goes on by itself: get -w, logs -f ... It ends with the row at the latest. */
  watch(line: string): Watching {
    const stop = new AbortController()
    const watching: Watching = {
      seen: '',
      stop: async () => {
        stop.abort()
        this.#watching.delete(watching)
        return await ended
      },
    }
    const ended = this.try(line, {
      signal: stop.signal,
      timeout: 900_000,
      onOutput: text => {
        watching.seen += text
      },
    })
    ended.catch(() => {})
    this.#watching.add(watching)
    return watching
  }

  /** What a person would want to see when it went wrong. */
  async explain(): Promise<void> {
    for (const line of ['get all -o wide', 'get events --sort-by=.lastTimestamp']) await this.try(line)
    console.log(`--- ${this.namespace}, kubectl ${this.version}: the last commands ---\n${this.#typed.slice(-15).join('\n')}`)
  }

  async close(): Promise<void> {
    for (const { stop } of [...this.#watching]) await stop()
    await this.cluster.try('1.36', ['delete', 'namespace', this.namespace, '--wait=false'])
    await this.cluster.try('1.36', ['delete', 'pods', '-n', this.namespace, '--all', '--now', '--wait=false'])
  }
}

export interface Watching {
  /** What it has printed until now. */
  seen: string
  stop(): Promise<Result>
}

export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
