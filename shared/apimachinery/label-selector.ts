// Label selectors: the text form of query parameters (k8s.io/apimachinery/pkg/labels) and the structured one of specs.

import { isLabelKey, isLabelValue } from './names.ts'
import { member } from './objects.ts'
import type { LabelSelector } from './types.ts'

export type Operator = 'in' | 'notin' | 'exists' | '!' | '>' | '<'

export interface Requirement {
  readonly key: string
  readonly operator: Operator
  readonly values: readonly string[]
}

/** All must hold; none at all selects everything. */
export type Selector = readonly Requirement[]

/** The text is no selector. The message is upstream's, without a prefix. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError'
}

export function matchesLabels(selector: Selector, labels: Readonly<Record<string, string>> | undefined): boolean {
  for (const { key, operator, values } of selector) {
    const value = member(labels, key)
    if (!holds(operator, values, value)) return false
  }
  return true
}

function holds(operator: Operator, values: readonly string[], value: string | undefined): boolean {
  if (operator === 'in') return value !== undefined && values.includes(value)
  if (operator === 'notin') return value === undefined || !values.includes(value)
  if (operator === 'exists') return value !== undefined
  if (operator === '!') return value === undefined
  if (value === undefined || !/^[+-]?\d+$/.test(value)) return false
  const difference = BigInt(value) - BigInt(values[0] ?? '0')
  return operator === '>' ? difference > 0n : difference < 0n
}

/** The selector of a spec. Nothing selects nothing; an empty one selects everything. */
export function fromLabelSelector(selector: LabelSelector | undefined | null): Selector | undefined {
  if (selector === undefined || selector === null) return undefined
  const requirements: Requirement[] = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
    key,
    operator: 'in',
    values: [value],
  }))
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    if (operator === 'In') requirements.push({ key, operator: 'in', values: values ?? [] })
    else if (operator === 'NotIn') requirements.push({ key, operator: 'notin', values: values ?? [] })
    else if (operator === 'Exists') requirements.push({ key, operator: 'exists', values: [] })
    else if (operator === 'DoesNotExist') requirements.push({ key, operator: '!', values: [] })
  }
  return requirements
}

export function matchesSelector(selector: LabelSelector | undefined | null, labels: Readonly<Record<string, string>> | undefined): boolean {
  const requirements = fromLabelSelector(selector)
  return requirements !== undefined && matchesLabels(requirements, labels)
}

/** As upstream prints a selector: sorted by key, "a=b,c in (d,e),!f". */
export function formatSelector(selector: Selector): string {
  return [...selector]
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ key, operator, values }) => {
      if (operator === 'exists') return key
      if (operator === '!') return `!${key}`
      if (operator === '>' || operator === '<') return `${key}${operator}${values[0]}`
      if (operator === 'in' && values.length === 1) return `${key}=${values[0]}`
      return `${key} ${operator} (${[...values].sort().join(',')})`
    })
    .join(',')
}

type Token = 'end' | 'identifier' | 'error' | ')' | ',' | '!' | '==' | '=' | 'in' | '!=' | 'notin' | '(' | '>' | '<'
interface Scanned {
  readonly token: Token
  readonly text: string
}

const SYMBOLS = '=!(),><'
const TOKENS: Readonly<Record<string, Token>> = {
  ')': ')',
  ',': ',',
  '!': '!',
  '==': '==',
  '=': '=',
  in: 'in',
  '!=': '!=',
  notin: 'notin',
  '(': '(',
  '>': '>',
  '<': '<',
}
const BLANKS = ' \t\r\n'

function scan(text: string): Scanned[] {
  const items: Scanned[] = []
  let at = 0
  while (at < text.length) {
    const char = text[at] as string
    if (BLANKS.includes(char)) at++
    else if (SYMBOLS.includes(char)) {
      // The longest run of symbols that is a token; "!=" is one, "=!" is two.
      let end = at + 1
      while (end < text.length && member(TOKENS, text.slice(at, end + 1)) !== undefined) end++
      const found = text.slice(at, end)
      items.push({ token: member(TOKENS, found) ?? 'error', text: found })
      at = end
    } else {
      let end = at + 1
      while (end < text.length && !SYMBOLS.includes(text[end] as string) && !BLANKS.includes(text[end] as string)) end++
      const found = text.slice(at, end)
      items.push({ token: member(TOKENS, found) ?? 'identifier', text: found })
      at = end
    }
  }
  items.push({ token: 'end', text: '' })
  return items
}

/** @throws SelectorError */
export function parseLabelSelector(text: string): Selector {
  return new Parser(scan(text)).parse()
}

const fail = (message: string): never => {
  throw new SelectorError(message)
}

class Parser {
  readonly #items: readonly Scanned[]
  #at = 0

  constructor(items: readonly Scanned[]) {
    this.#items = items
  }

  parse(): Selector {
    const requirements: Requirement[] = []
    for (;;) {
      const next = this.#peek()
      if (next.token === 'end') return requirements
      if (next.token !== 'identifier' && next.token !== '!') fail(`found '${next.text}', expected: !, identifier, or 'end of string'`)
      requirements.push(this.#requirement())
      const after = this.#take()
      if (after.token === 'end') return requirements
      if (after.token !== ',') fail(`found '${after.text}', expected: ',' or 'end of string'`)
      const following = this.#peek()
      if (following.token !== 'identifier' && following.token !== '!') fail(`found '${following.text}', expected: identifier after ','`)
    }
  }

  // "in" and "notin" are words like others except where an operator is due.
  #peek(): Scanned {
    const item = this.#items[Math.min(this.#at, this.#items.length - 1)] as Scanned
    return item.token === 'in' || item.token === 'notin' ? { token: 'identifier', text: item.text } : item
  }

  #take(): Scanned {
    const item = this.#peek()
    this.#at++
    return item
  }

  #fail(message: string): never {
    throw new SelectorError(`unable to parse requirement: ${message}`)
  }

  #requirement(): Requirement {
    let first = this.#take()
    const negated = first.token === '!'
    if (negated) first = this.#take()
    if (first.token !== 'identifier') this.#fail(`found '${first.text}', expected: identifier`)
    const key = first.text
    const wrong = isLabelKey(key)
    if (wrong.length > 0) this.#fail(`<nil>: Invalid value: ${JSON.stringify(key)}: ${wrong.join('; ')}`)
    const next = this.#peek().token
    if (negated) return { key, operator: '!', values: [] }
    if (next === 'end' || next === ',') return { key, operator: 'exists', values: [] }
    return this.#binary(key)
  }

  #binary(key: string): Requirement {
    const raw = this.#items[Math.min(this.#at++, this.#items.length - 1)] as Scanned
    switch (raw.token) {
      case 'in':
      case 'notin':
        return this.#checked(key, raw.token, this.#list())
      case '=':
      case '==':
        return this.#checked(key, 'in', [this.#exact()])
      case '!=':
        return this.#checked(key, 'notin', [this.#exact()])
      case '>':
      case '<':
        return this.#checked(key, raw.token, [this.#exact()])
      default:
        return this.#fail(`found '${raw.text}', expected: in, notin, =, ==, !=, gt, lt`)
    }
  }

  #checked(key: string, operator: Operator, given: readonly string[]): Requirement {
    const values = [...new Set(given)].sort()
    const errors: string[] = []
    for (const [i, value] of values.entries()) {
      if ((operator === '>' || operator === '<') && !/^[+-]?\d+$/.test(value)) {
        errors.push(`values[${i}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`)
      }
    }
    for (const [i, value] of values.entries()) {
      const wrong = isLabelValue(value)
      if (wrong.length > 0) errors.push(`values[${i}][${key}]: Invalid value: ${JSON.stringify(value)}: ${wrong.join('; ')}`)
    }
    if (errors.length > 0) this.#fail(errors.length === 1 ? (errors[0] as string) : `[${errors.join(', ')}]`)
    return { key, operator, values }
  }

  #exact(): string {
    const next = this.#peek()
    if (next.token === 'end' || next.token === ',') return ''
    this.#at++
    if (next.token !== 'identifier') this.#fail(`found '${next.text}', expected: identifier`)
    return next.text
  }

  #list(): string[] {
    const open = this.#take()
    if (open.token !== '(') this.#fail(`found '${open.text}' expected: '('`)
    const first = this.#peek()
    if (first.token === ')') {
      this.#at++
      return ['']
    }
    if (first.token !== 'identifier' && first.token !== ',') this.#fail(`found '${first.text}', expected: ',', ')' or identifier`)
    const values: string[] = []
    for (;;) {
      const item = this.#take()
      if (item.token === 'identifier') {
        values.push(item.text)
        const next = this.#peek()
        if (next.token === ')') break
        if (next.token !== ',') this.#fail(`found '${next.text}', expected: ',' or ')'`)
      } else if (item.token === ',') {
        if (values.length === 0) values.push('')
        const next = this.#peek().token
        if (next === ')') {
          values.push('')
          break
        }
        if (next === ',') {
          this.#at++
          values.push('')
        }
      } else this.#fail(`found '${item.text}', expected: ',', or identifier`)
    }
    this.#at++
    return values
  }
}
