// How simulated containers behave, as data. A rule names images (and variables) and says how long each stage takes and what goes wrong.
// The first rule that matches and says something about a stage decides it.
//
//   - image: "*/flaky:*"                     # globs; absent: every image
//     env: { MODE: "crash*" }                # all of these variables, by globs
//     provision: 0.5                         # seconds, or [least, most]
//     pull: [0.2, 1.5]
//     start: 0.1
//     ready: 2                               # from the process's start until its readiness probe would pass
//     run: [5, 10]                           # absent: until it is stopped
//     exitCode: 1                            # when `run` is over
//     stop: 0.3                              # from the stop signal until it ends
//     cpu: [0.05, 0.2]                       # cores in use while it runs
//     memory: 64                             # MiB in use
//     fail: { step: pull, probability: 0.1, message: "no such image" }     # step: pull, create or start
//
// What is drawn at random depends on the seed and on which container of which task it is, not on when it happens: the same seed and the
// same order of launches give the same run.
import { parse } from 'yaml'

export type Duration = number | readonly [least: number, most: number]
export type Amount = Duration

export interface Rule {
  readonly image?: string
  readonly env?: Readonly<Record<string, string>>
  readonly provision?: Duration
  readonly pull?: Duration
  readonly start?: Duration
  readonly ready?: Duration
  readonly run?: Duration
  readonly exitCode?: number
  readonly stop?: Duration
  readonly cpu?: Amount
  readonly memory?: Amount
  readonly fail?: { readonly step: 'pull' | 'create' | 'start'; readonly probability?: number; readonly message: string }
}

export type Stage = 'provision' | 'pull' | 'start' | 'ready' | 'run' | 'stop'

const MEMBERS = new Set(['image', 'env', 'provision', 'pull', 'start', 'ready', 'run', 'exitCode', 'stop', 'cpu', 'memory', 'fail'])

/** @throws Error that names the rule and the member which is wrong. */
export function parseStages(text: string): readonly Rule[] {
  const rules: unknown = parse(text)
  if (!Array.isArray(rules)) throw new Error('stages: a list of rules is expected')
  rules.forEach((rule: unknown, number) => {
    if (typeof rule !== 'object' || rule === null) throw new Error(`stages: rule ${number} is no object`)
    const unknown = Object.keys(rule).find(member => !MEMBERS.has(member))
    if (unknown) throw new Error(`stages: rule ${number} has an unknown member ${unknown}`)
  })
  return rules as Rule[]
}

/** What a small server uses that has little to do. */
const USUAL = { cpu: [0.001, 0.02], memory: [8, 48] } as const

/** Rules applied to one container, with its own source of chance. */
export class Behaviour {
  readonly #rules: readonly Rule[]
  readonly #random: () => number
  readonly #seed: string

  constructor(rules: readonly Rule[], image: string, environment: ReadonlyMap<string, string>, seed: string) {
    this.#rules = rules.filter(rule => matches(rule, image, environment))
    this.#random = randomFrom(seed)
    this.#seed = seed
  }

  /** Milliseconds; undefined when no rule says anything. */
  time(stage: Stage): number | undefined {
    const duration = this.#rules.find(rule => rule[stage] !== undefined)?.[stage]
    if (duration === undefined) return undefined
    if (typeof duration === 'number') return duration * 1000
    return (duration[0] + (duration[1] - duration[0]) * this.#random()) * 1000
  }

  /** In use at a time: the same whenever it is asked for, and without a number from the row that decides the stages. */
  use(resource: 'cpu' | 'memory', at: number): number {
    const amount = this.#rules.find(rule => rule[resource] !== undefined)?.[resource] ?? USUAL[resource]
    if (typeof amount === 'number') return amount
    return amount[0] + (amount[1] - amount[0]) * randomFrom(`${this.#seed} ${resource} ${at}`)()
  }

  get exitCode(): number {
    return this.#rules.find(({ exitCode }) => exitCode !== undefined)?.exitCode ?? 0
  }

  /** What goes wrong at that step, if anything does. */
  failure(step: 'pull' | 'create' | 'start'): string | undefined {
    for (const { fail } of this.#rules) {
      if (fail?.step === step && this.#random() < (fail.probability ?? 1)) return fail.message
    }
    return undefined
  }
}

function matches(rule: Rule, image: string, environment: ReadonlyMap<string, string>): boolean {
  if (rule.image !== undefined && !glob(rule.image).test(image)) return false
  return Object.entries(rule.env ?? {}).every(([name, pattern]) => {
    const value = environment.get(name)
    return value !== undefined && glob(pattern).test(value)
  })
}

const globs = new Map<string, RegExp>()

function glob(pattern: string): RegExp {
  let expression = globs.get(pattern)
  if (!expression) {
    expression = new RegExp(
      `^${pattern
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replace(/\*/g, '.*')
        .replace(/\?/g, '.')}$`,
    )
    globs.set(pattern, expression)
  }
  return expression
}

/** Numbers in [0, 1) that depend on the seed alone (FNV-1a into mulberry32). */
export function randomFrom(seed: string): () => number {
  let state = 2166136261
  for (let at = 0; at < seed.length; at++) state = Math.imul(state ^ seed.charCodeAt(at), 16777619)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
