// The values of a server, and the file that keeps them: every change is appended as the command that made it.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decoder, encode, Status, type Value } from './resp.ts'

const OK = new Status('OK')

const WRITES: Readonly<Record<string, (values: Map<string, string>, args: readonly string[]) => Value>> = {
  SET(values, [key = '', value = '']) {
    values.set(key, value)
    return OK
  },
  DEL: (values, keys) => keys.filter(key => values.delete(key)).length,
  INCR(values, [key = '']) {
    const next = Number(values.get(key) ?? 0) + 1
    if (!Number.isInteger(next)) return new Error('ERR value is not an integer or out of range')
    values.set(key, String(next))
    return next
  },
  FLUSHALL(values) {
    values.clear()
    return OK
  },
}

export class Data {
  readonly #values = new Map<string, string>()
  readonly #file: string

  constructor(folder: string) {
    this.#file = join(folder, 'appendonly.aof')
    if (existsSync(this.#file)) decoder(command => this.#apply(command as string[]))(readFileSync(this.#file))
  }

  static isWrite(name: string): boolean {
    return Object.hasOwn(WRITES, name)
  }

  /** A command for which isWrite holds. */
  write(command: readonly string[]): Value {
    const answer = this.#apply(command)
    if (command[0] === 'FLUSHALL') writeFileSync(this.#file, '')
    else appendFileSync(this.#file, encode(command))
    return answer
  }

  #apply([name = '', ...args]: readonly string[]): Value {
    return WRITES[name]!(this.#values, args)
  }

  get(key: string): string | null {
    return this.#values.get(key) ?? null
  }

  keys(): string[] {
    return [...this.#values.keys()]
  }

  /** The commands that make another server's values these. */
  copy(): string[][] {
    return [['FLUSHALL'], ...[...this.#values].map(([key, value]) => ['SET', key, value])]
  }
}
