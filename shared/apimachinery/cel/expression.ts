// An expression, compiled once: what is wrong with it in upstream's words, or its value.
import type { Environment } from '@marcbachmann/cel-js'
import { evaluatingEnvironment, evaluatingPatchEnvironment, optionalOldEnvironment } from './environment.ts'
import { mixedLiteral } from './mixed-literals.ts'
import { type Fault, failureOf, problemOf } from './problems.ts'
import { rewrite } from './rewrite.ts'
import { undeclared } from './undeclared.ts'

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
    throw new CelError(failureOf(error))
  }
  const expression: Expression = {
    text,
    evaluate(variables) {
      try {
        const value = run({ ...variables })
        return value instanceof Promise ? value.catch(refuse) : value
      } catch (error) {
        throw new CelError(failureOf(error))
      }
    },
  }
  if (compiled.size >= MOST_COMPILED) compiled.clear()
  compiled.set(key, expression)
  return expression
}

function refuse(error: unknown): never {
  throw new CelError(failureOf(error))
}

export function check(text: string, environment: Environment): Checked {
  const rewritten = rewrite(text)
  const { type, faults } = typeOrFaults(rewritten.text, environment)
  const problems = faults.map(fault => problemOf(text, rewritten, fault, environment))
  return { type, problem: problems.length === 0 ? undefined : problems.join('\n') }
}

function typeOrFaults(text: string, environment: Environment): { type: string; faults: readonly Fault[] } {
  let parsed: ReturnType<Environment['parse']>
  try {
    parsed = environment.parse(text)
  } catch (error) {
    return { type: 'error', faults: [error as Fault] }
  }
  const { valid, type, error } = parsed.check() as { valid: boolean; type?: unknown; error?: Fault }
  const first = valid ? (unknownInHas(text, environment) ?? mixedLiteral(parsed.ast)) : (error ?? { message: 'unknown' })
  const names = first?.code === 'undeclared_type' ? [] : undeclared(parsed.ast, text, environment)
  if (names.length > 0) return { type: 'error', faults: names }
  return first === undefined ? { type: String(type), faults: [] } : { type: 'error', faults: [first] }
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
