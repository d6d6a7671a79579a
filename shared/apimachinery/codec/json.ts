// JSON bodies. JSON.parse reads them; whether a member stood there twice is found by counting members, which costs little, and only
// then (or when the text is no JSON) does a slower reader go over it, which knows where, and words errors as Go's decoder does.
import { DecodeError } from '../engines.ts'

export interface JsonText {
  readonly value: unknown
  /** Paths of members that stand twice, as upstream writes them ("metadata.labels.a", "spec.ports[0].name"), in document order. */
  readonly duplicates: readonly string[]
  /** All paths in document order, where there are duplicates: for putting other findings in order. */
  readonly order?: ReadonlyMap<string, number>
  /** The text of numbers that are whole but written with a fraction or an exponent, by path (".spec.replicas"). */
  readonly literals?: ReadonlyMap<string, string>
}

/** `merging`: objects that stand twice are added up; otherwise the last one counts. @throws DecodeError worded as by encoding/json */
export function parseJson(text: string, merging = false): JsonText {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The slower reader finds the same fault and says it in Go's words.
    return new Reader(text, merging).document()
  }
  const { members, hasFractions } = scan(text)
  const parsed = members === countMembers(value) ? { value, duplicates: [] } : new Reader(text, merging).document()
  return hasFractions ? { ...parsed, literals: literalsOf(text) } : parsed
}

class Literal {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** Only for text that has such numbers, which few have. */
function literalsOf(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const marked = JSON.parse(text, (_, value: unknown, context?: { readonly source?: string }) =>
    Number.isInteger(value) && /[.eE]/.test(context?.source ?? '') ? new Literal(context?.source ?? '') : value,
  ) as unknown
  const walk = (value: unknown, path: string): void => {
    if (value instanceof Literal) found.set(path, value.text)
    else if (Array.isArray(value)) for (const [i, item] of value.entries()) walk(item, `${path}[${i}]`)
    else if (typeof value === 'object' && value !== null) for (const [name, one] of Object.entries(value)) walk(one, `${path}.${name}`)
  }
  walk(marked, '')
  return found
}

/** Every member has one colon outside strings; a dot, or an e after a digit, is part of a number. */
function scan(text: string): { members: number; hasFractions: boolean } {
  let members = 0
  let hasFractions = false
  let at = 0
  const end = text.length
  while (at < end) {
    const code = text.charCodeAt(at)
    if (code === 0x22) {
      at = stringEnd(text, at)
      continue
    }
    if (code === 0x3a) members++
    else if (code === 0x2e || ((code | 0x20) === 0x65 && isDigit(text.charCodeAt(at - 1)))) hasFractions = true
    at++
  }
  return { members, hasFractions }
}

const isDigit = (code: number) => code >= 0x30 && code <= 0x39

/** Index after the closing quote. Only for text that JSON.parse has accepted. */
function stringEnd(text: string, start: number): number {
  let at = start
  for (;;) {
    at = text.indexOf('"', at + 1)
    let slashes = 0
    while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes++
    if (slashes % 2 === 0) return at + 1
  }
}

function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let members = 0
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') members += countMembers(item)
    return members
  }
  for (const key in value) {
    members++
    const member = (value as Record<string, unknown>)[key]
    if (typeof member === 'object') members += countMembers(member)
  }
  return members
}

/** Where, in the order of a document, a member stands for the second time. */
export const duplicatePlace = (path: string): string => `again ${path}`

const SPACE = new Set([' ', '\t', '\r', '\n'])

/** A character as Go's errors show it. */
function quoteChar(char: string): string {
  if (char === "'") return String.raw`'\''`
  if (char === '"') return `'"'`
  return `'${JSON.stringify(char).slice(1, -1)}'`
}

class Reader {
  readonly #text: string
  #at = 0
  #depth = 0
  readonly #duplicates: string[] = []
  readonly #order = new Map<string, number>()

  readonly #merging: boolean

  constructor(text: string, merging: boolean) {
    this.#text = text
    this.#merging = merging
  }

  document(): JsonText {
    const value = this.#value('')
    const rest = this.#peek()
    if (rest !== undefined) this.#fail(rest, 'after top-level value')
    return { value, duplicates: this.#duplicates, order: this.#order }
  }

  #peek(): string | undefined {
    while (SPACE.has(this.#text[this.#at] ?? '')) this.#at++
    return this.#text[this.#at]
  }

  #fail(char: string | undefined, where: string): never {
    if (char === undefined) throw new DecodeError('unexpected end of JSON input')
    throw new DecodeError(`invalid character ${quoteChar(char)} ${where}`)
  }

  #value(path: string): unknown {
    const char = this.#peek()
    if (char === '{' || char === '[') {
      if (++this.#depth > 10_000) throw new DecodeError('exceeded max depth')
      const value = char === '{' ? this.#object(path) : this.#array(path)
      this.#depth--
      return value
    }
    if (char === '"') return this.#string()
    if (char === '-' || (char !== undefined && char >= '0' && char <= '9')) return this.#number()
    if (char === 't') return this.#word('true', true)
    if (char === 'f') return this.#word('false', false)
    if (char === 'n') return this.#word('null', null)
    return this.#fail(char, 'looking for beginning of value')
  }

  #object(path: string): Record<string, unknown> {
    const object: Record<string, unknown> = {}
    this.#at++
    if (this.#peek() === '}') {
      this.#at++
      return object
    }
    for (;;) {
      const quote = this.#peek()
      if (quote !== '"') this.#fail(quote, 'looking for beginning of object key string')
      const key = this.#string()
      const colon = this.#peek()
      if (colon !== ':') this.#fail(colon, 'after object key')
      this.#at++
      const member = path === '' ? key : `${path}.${key}`
      const again = Object.hasOwn(object, key)
      if (again) this.#duplicates.push(member)
      const place = again ? duplicatePlace(member) : member
      if (!this.#order.has(place)) this.#order.set(place, this.#order.size)
      const value = this.#value(member)
      define(object, key, again && this.#merging ? merge(object[key], value) : value)
      const next = this.#peek()
      this.#at++
      if (next === '}') return object
      if (next !== ',') this.#fail(next, 'after object key:value pair')
    }
  }

  #array(path: string): unknown[] {
    const array: unknown[] = []
    this.#at++
    if (this.#peek() === ']') {
      this.#at++
      return array
    }
    for (;;) {
      array.push(this.#value(`${path}[${array.length}]`))
      const next = this.#peek()
      this.#at++
      if (next === ']') return array
      if (next !== ',') this.#fail(next, 'after array element')
    }
  }

  #string(): string {
    const start = this.#at++
    for (;;) {
      const char = this.#text[this.#at]
      if (char === undefined) throw new DecodeError('unexpected end of JSON input')
      if (char < ' ') this.#fail(char, 'in string literal')
      this.#at++
      if (char === '"') break
      if (char === '\\') this.#escape()
    }
    return JSON.parse(this.#text.slice(start, this.#at)) as string
  }

  #escape(): void {
    const char = this.#text[this.#at++]
    if (char === undefined || !'"\\/bfnrtu'.includes(char)) this.#fail(char, 'in string escape code')
    if (char !== 'u') return
    for (let digit = 0; digit < 4; digit++, this.#at++) {
      const hex = this.#text[this.#at]
      if (hex === undefined || !/[\da-f]/i.test(hex)) this.#fail(hex, String.raw`in \u hexadecimal character escape`)
    }
  }

  #number(): number {
    const start = this.#at
    const [whole] = /^-?(?:0|[1-9]\d*)?/.exec(this.#text.slice(start, start + 400))!
    this.#at += whole.length
    if (whole === '' || whole === '-') this.#fail(this.#text[this.#at], 'in numeric literal')
    if (this.#text[this.#at] === '.') {
      this.#at++
      this.#digits('after decimal point in numeric literal')
    }
    if (/[eE]/.test(this.#text[this.#at] ?? '')) {
      this.#at++
      if (/[+-]/.test(this.#text[this.#at] ?? '')) this.#at++
      this.#digits('in exponent of numeric literal')
    }
    return Number(this.#text.slice(start, this.#at))
  }

  #digits(where: string): void {
    const start = this.#at
    while (/\d/.test(this.#text[this.#at] ?? '')) this.#at++
    if (this.#at === start) this.#fail(this.#text[this.#at], where)
  }

  #word<T>(word: string, value: T): T {
    for (const expected of word) {
      const char = this.#text[this.#at]
      if (char !== expected) this.#fail(char, `in literal ${word} (expecting ${quoteChar(expected)})`)
      this.#at++
    }
    return value
  }
}

/** A member named __proto__ is a member like any other. */
function define(object: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
}

/** Go decodes a member that stands twice into the same place twice: objects add up, anything else is as said last. */
function merge(first: unknown, second: unknown): unknown {
  if (!isObject(first) || !isObject(second)) return second
  for (const [key, value] of Object.entries(second)) define(first, key, Object.hasOwn(first, key) ? merge(first[key], value) : value)
  return first
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
