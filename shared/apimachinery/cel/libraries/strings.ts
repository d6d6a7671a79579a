// Texts: the extended strings library and regular expressions (cel-go/ext, k8s.io/apiserver/pkg/cel/library/regex.go).
import type { Environment } from '@marcbachmann/cel-js'
import { compilePattern } from '../../custom/pattern.ts'

function pattern(text: string): RegExp {
  const compiled = compilePattern(text)
  if (compiled === undefined) throw new Error(`Illegal regex: ${text}`)
  return compiled
}

const all = (text: string, regex: string) =>
  [...text.matchAll(new RegExp(pattern(regex).source, `${pattern(regex).flags}g`))].map(([match]) => match)

/** Registers what the library does not bring itself. */
function add(environment: Environment, signature: string, handler: (...args: never[]) => unknown): void {
  try {
    environment.registerFunction(signature, handler as (...args: unknown[]) => unknown)
  } catch {
    // The interpreter has it already.
  }
}

export function registerStrings(environment: Environment): void {
  add(environment, 'string.find(string): string', (text: string, regex: string) => pattern(regex).exec(text)?.[0] ?? '')
  add(environment, 'string.findAll(string): list<string>', (text: string, regex: string) => all(text, regex))
  add(environment, 'string.findAll(string, int): list<string>', (text: string, regex: string, limit: bigint) =>
    limit < 0n ? all(text, regex) : all(text, regex).slice(0, Number(limit)),
  )
  add(environment, 'string.charAt(int): string', (text: string, at: bigint) => {
    const chars = [...text]
    if (at < 0n || at > BigInt(chars.length)) throw new Error(`index out of range: ${at}`)
    return chars[Number(at)] ?? ''
  })
  add(environment, 'string.indexOf(string): int', (text: string, part: string) => BigInt(text.indexOf(part)))
  add(environment, 'string.indexOf(string, int): int', (text: string, part: string, from: bigint) =>
    BigInt(text.indexOf(part, Number(from))),
  )
  add(environment, 'string.lastIndexOf(string): int', (text: string, part: string) => BigInt(text.lastIndexOf(part)))
  add(environment, 'string.lowerAscii(): string', (text: string) => text.replace(/[A-Z]+/g, part => part.toLowerCase()))
  add(environment, 'string.upperAscii(): string', (text: string) => text.replace(/[a-z]+/g, part => part.toUpperCase()))
  add(environment, 'string.replace(string, string): string', (text: string, from: string, to: string) => text.replaceAll(from, () => to))
  add(environment, 'string.replace(string, string, int): string', (text: string, from: string, to: string, limit: bigint) => {
    let left = limit < 0n ? Number.POSITIVE_INFINITY : Number(limit)
    return text.replaceAll(from, found => (left-- > 0 ? to : found))
  })
  add(environment, 'string.split(string): list<string>', (text: string, by: string) => text.split(by))
  add(environment, 'string.split(string, int): list<string>', (text: string, by: string, limit: bigint) =>
    splitAtMost(text, by, Number(limit)),
  )
  add(environment, 'string.substring(int): string', (text: string, from: bigint) => [...text].slice(Number(from)).join(''))
  add(environment, 'string.substring(int, int): string', (text: string, from: bigint, to: bigint) =>
    [...text].slice(Number(from), Number(to)).join(''),
  )
  add(environment, 'string.trim(): string', (text: string) => text.trim())
  add(environment, 'string.reverse(): string', (text: string) => [...text].reverse().join(''))
  add(environment, 'list.join(): string', (list: string[]) => list.join(''))
  add(environment, 'list.join(string): string', (list: string[], by: string) => list.join(by))
}

function splitAtMost(text: string, by: string, limit: number): string[] {
  if (limit === 0) return []
  const parts = text.split(by)
  return limit < 0 || parts.length <= limit ? parts : [...parts.slice(0, limit - 1), parts.slice(limit - 1).join(by)]
}
