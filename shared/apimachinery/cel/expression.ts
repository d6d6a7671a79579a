// An expression, compiled once: what is wrong with it in upstream's words, or its value.
import type { Environment } from '@marcbachmann/cel-js'
import { evaluatingEnvironment, evaluatingPatchEnvironment, optionalOldEnvironment } from './environment.ts'
import { type Rewritten, rewrite } from './rewrite.ts'

export type Variables = Readonly<Record<string, unknown>>

/** Evaluation failed: "no such key: a", "division by zero". */
export class CelError extends Error {
  override readonly name = 'CelError'
}

export interface Expression {
  readonly text: string
  /** A promise where it asks for rights. @throws CelError */
  evaluate(variables: Variables): unknown
}

export interface Checked {
  /** "bool", "int", "list<string>"; "dyn" where it cannot be told. */
  readonly type: string
  /** 'ERROR: <input>:1:6: undeclared reference to ...', with the place marked. */
  readonly problem: string | undefined
}

interface Fault {
  readonly code?: string
  readonly summary?: string
  readonly message: string
  readonly range?: { readonly start: number; readonly end: number }
  readonly node?: { readonly args?: unknown }
}

const compiled = new Map<string, Expression>()
const MOST_COMPILED = 5000

/** What an expression is for: a rule where oldSelf may be missing, or a patch. */
export type Purpose = 'any' | 'optionalOld' | 'patch'

const ENVIRONMENTS = { any: evaluatingEnvironment, optionalOld: optionalOldEnvironment, patch: evaluatingPatchEnvironment }

/** An expression that was checked when it was written. @throws CelError where it cannot even be parsed */
export function compile(text: string, purpose: Purpose = 'any'): Expression {
  const key = `${purpose} ${text}`
  const known = compiled.get(key)
  if (known !== undefined) return known
  let run: (variables: Record<string, unknown>) => unknown
  try {
    run = ENVIRONMENTS[purpose]().parse(rewrite(text).text) as unknown as typeof run
  } catch (error) {
    throw new CelError(summaryOf(error))
  }
  const expression: Expression = {
    text,
    evaluate(variables) {
      try {
        const value = run({ ...variables })
        return value instanceof Promise ? value.catch(refuse) : value
      } catch (error) {
        throw new CelError(summaryOf(error))
      }
    },
  }
  if (compiled.size >= MOST_COMPILED) compiled.clear()
  compiled.set(key, expression)
  return expression
}

function refuse(error: unknown): never {
  throw new CelError(summaryOf(error))
}

function summaryOf(error: unknown): string {
  const { summary, message } = error as Fault
  const text = summary ?? message
  return text.replace(/^[A-Z]/, first => first.toLowerCase())
}

export function check(text: string, environment: Environment): Checked {
  const rewritten = rewrite(text)
  const { valid, type, error } = environment.check(rewritten.text) as { valid: boolean; type?: unknown; error?: Fault }
  const fault = valid ? unknownInHas(rewritten.text, environment) : (error ?? { message: 'unknown' })
  return { type: valid ? String(type) : 'error', problem: fault && problemOf(text, rewritten, fault) }
}

/** The interpreter's checker lets has() ask for what no type has. */
function unknownInHas(text: string, environment: Environment): Fault | undefined {
  for (const match of text.matchAll(/\bhas\(\s*([\w.]+)\s*\)/g)) {
    const argument = match[1] ?? ''
    const { error } = environment.check(argument) as { error?: Fault }
    if (error?.code !== 'no_such_key') continue
    const shift = (match.index ?? 0) + match[0].indexOf(argument)
    const range = { start: (error.range?.start ?? 0) + shift, end: (error.range?.end ?? 0) + shift }
    return { code: error.code, message: error.message, summary: error.summary ?? '', range }
  }
  return undefined
}

const EXPECTED = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"

function problemOf(text: string, rewritten: Rewritten, fault: Fault): string {
  const found = translate(rewritten.text, fault)
  let offset = rewritten.original(found.offset)
  let { message } = found
  // Of a member upstream shows the colon.
  if (fault.code === 'undeclared_member' || fault.code === 'member_type') offset = Math.max(offset, text.indexOf(':', offset))
  if (rewritten.expected !== undefined && message.startsWith(AT_END)) message = `${AT_END} expecting ${rewritten.expected}`
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  const column = offset - (before.lastIndexOf('\n') + 1) + 1
  const source = text.split('\n')[line - 1] ?? ''
  return `ERROR: <input>:${line}:${column}: ${message}\n | ${source}\n | ${'.'.repeat(column - 1)}^`
}

const AT_END = "Syntax error: mismatched input '<EOF>'"

function translate(text: string, fault: Fault): { offset: number; message: string } {
  const summary = fault.summary ?? fault.message.split('\n')[0] ?? ''
  const start = fault.range?.start ?? 0
  if (fault.code === 'unknown_variable') {
    return { offset: start, message: `undeclared reference to '${summary.replace(/^.*: /, '')}' (in container '')` }
  }
  if (fault.code === 'undeclared_type') return { offset: start, message: `undeclared reference to '${summary}' (in container '')` }
  if (fault.code === 'undeclared_member') return { offset: start, message: `undefined field '${summary}'` }
  if (fault.code === 'member_type' || fault.code === 'type_mismatch') return { offset: start, message: typeText(summary) }
  if (fault.code === 'no_such_key') return { offset: Math.max(0, start - 1), message: `undefined field '${summary.replace(/^.*: /, '')}'` }
  const operation = /^no such overload: (.+?) (==|!=|<=|>=|<|>|\+|-|\*|\/|%|in|&&|\|\|) (.+)$/.exec(summary)
  if (operation !== null) {
    const [, left = '', operator = '', right = ''] = operation
    const name = operator === 'in' ? '@in' : `_${operator}_`
    const message = `found no matching overload for '${name}' applied to '(${typeText(left)}, ${typeText(right)})'`
    return { offset: operatorOffset(text, operator, fault), message }
  }
  const call = /^found no matching overload for '(?:(.+?)\.)?([\w]+)\((.*)\)'$/.exec(summary)
  if (call !== null) {
    const [, receiver, name = '', args = ''] = call
    const offset = Math.max(0, text.indexOf(`${name}(`, Math.max(0, start - 1)) + name.length)
    if (!isKnownFunction(name)) return { offset, message: `undeclared reference to '${name}' (in container '')` }
    const applied = receiver === undefined ? `'(${typeText(args)})'` : `'${typeText(receiver)}.(${typeText(args)})'`
    return { offset, message: `found no matching overload for '${name}' applied to ${applied}` }
  }
  if (/EOF/.test(summary) && text.trimEnd().endsWith('.'))
    return { offset: text.length, message: "Syntax error: no viable alternative at input '.'" }
  if (/EOF/.test(summary)) return { offset: text.length, message: `${AT_END} expecting ${EXPECTED}` }
  return { offset: start, message: fault.code?.startsWith('unexpected') ? `Syntax error: ${summary}` : summary }
}

/** Between the operands: nodes know where they begin and end. */
function operatorOffset(text: string, operator: string, { node, range }: Fault): number {
  const [left] = (Array.isArray(node?.args) ? node.args : []) as { range?: { end: number }; end?: number }[]
  const from = left?.range?.end ?? left?.end ?? range?.start ?? 0
  const at = text.indexOf(operator, from)
  return at < 0 ? (range?.start ?? 0) : at
}

/** A type in upstream's words: "list<int>" -> "list(int)" */
export const typeText = (type: string): string =>
  (type === 'list' ? 'list<dyn>' : type === 'map' ? 'map<dyn, dyn>' : type)
    .replace(/\b[A-Z]\b/g, 'dyn')
    .replaceAll('optional<', 'optional_type(')
    .replaceAll('<', '(')
    .replaceAll('>', ')')
    .replace(/\bnull\b/g, 'null_type')

let functions: ReadonlySet<string> | undefined

function isKnownFunction(name: string): boolean {
  functions ??= new Set(
    evaluatingEnvironment()
      .getDefinitions()
      .functions.map(({ name: known }) => known),
  )
  return functions.has(name)
}
