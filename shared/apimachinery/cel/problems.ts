// What is wrong with an expression, or with its evaluation: the interpreter's findings in upstream's words.
import type { Environment } from '@marcbachmann/cel-js'
import type { Rewritten } from './rewrite.ts'

/** An error of the interpreter. */
export interface Fault {
  readonly code?: string
  readonly summary?: string
  readonly message: string
  readonly range?: { readonly start: number; readonly end: number }
  readonly node?: { readonly args?: unknown }
}

const OPERATOR = /^no such overload: (?:[-!]\S|.+ (?:==|!=|<=|>=|<|>|\+|-|\*|\/|%|in) )/
const BARE: readonly RegExp[] = [OPERATOR, /^Logical operator requires bool operands/, /must (?:be|return) bool, got /]

/** Why an evaluation failed: "no such key: a", "division by zero". */
export function failureOf(error: unknown): string {
  const { summary, message } = error as Fault
  const text = summary ?? message
  if (BARE.some(pattern => pattern.test(text))) return 'no such overload'
  const call = /^found no matching overload for '(?:(.+?)\.)?(\w+)\((.*)\)'$/.exec(text)
  if (call !== null) {
    const [, receiver, name = '', args = ''] = call
    // What is in a list or map counts for nothing.
    const types = [receiver, args]
      .filter(Boolean)
      .join(', ')
      .replace(/<[^()]*?>+/g, '')
    return `no such overload: ${name}(${types.replace(/\bnull\b/g, 'null_type')})`
  }
  const index = /index out of bounds, index (-?\d+)/.exec(text)
  if (index !== null) return `index out of bounds: ${index[1]}`
  const conversion = /^(\w+)\(\) type error: cannot convert to \w+$/.exec(text)
  if (conversion !== null) return `type conversion error from 'string' to '${conversion[1]}'`
  if (/^invalid duration string/i.test(text)) return "type conversion error from 'string' to 'google.protobuf.Duration'"
  if (text === 'modulo by zero') return 'modulus by zero'
  return text.replace(/^[A-Z]/, first => first.toLowerCase())
}

const EXPECTED = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"

/** 'ERROR: <input>:1:6: undeclared reference to ...', with the place marked. */
export function problemOf(text: string, rewritten: Rewritten, fault: Fault, environment: Environment): string {
  const found = translate(rewritten.text, fault, environment)
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

function translate(text: string, fault: Fault, environment: Environment): { offset: number; message: string } {
  const summary = fault.summary ?? fault.message.split('\n')[0] ?? ''
  const start = fault.range?.start ?? 0
  if (fault.code === 'unknown_variable') {
    return { offset: start, message: `undeclared reference to '${summary.replace(/^.*: /, '')}' (in container '')` }
  }
  if (fault.code === 'undeclared_type' || fault.code === 'undeclared_name')
    return { offset: start, message: `undeclared reference to '${summary}' (in container '')` }
  if (fault.code === 'undeclared_member') return { offset: start, message: `undefined field '${summary}'` }
  if (['member_type', 'type_mismatch'].includes(fault.code ?? '')) return { offset: start, message: typeText(summary) }
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
    if (!isKnownFunction(name, environment)) return { offset, message: `undeclared reference to '${name}' (in container '')` }
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

const isKnownFunction = (name: string, environment: Environment): boolean =>
  environment.getDefinitions().functions.some(({ name: known }) => known === name)
