// x-kubernetes-validations: rules in CEL at any place of a schema (apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go).
import { Optional } from '@marcbachmann/cel-js'
import { CelError, compile, type Variables } from '../cel/expression.ts'
import { toCel } from '../cel/types.ts'
import { duplicate, type FieldError, type FieldErrorType, forbidden, invalid, invalidPlace, required } from '../field-error.ts'
import { equal, member } from '../objects.ts'
import type { JsonSchema } from '../schema/structural.ts'
import { type Before, hasRules, oldItems, oldMember, typeOf } from './validate-value.ts'

export interface Rule {
  readonly rule: string
  readonly message?: string
  readonly messageExpression?: string
  readonly reason?: string
  readonly fieldPath?: string
  readonly optionalOldSelf?: boolean
}

/** Whether an expression looks at what was there before. Texts are no names. */
export const usesOldSelf = (text: string): boolean => /\boldSelf\b/.test(text.replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g, ''))

export const rulesOf = (schema: JsonSchema): readonly Rule[] => (schema['x-kubernetes-validations'] ?? []) as readonly Rule[]

export interface RuleResult {
  readonly errors: readonly FieldError[]
  /** Broken by what was there before and is left alone. */
  readonly tolerated: readonly FieldError[]
}

/** Runs every rule of the schema on the value. `field` is where it stands. */
export function checkRules(value: unknown, schema: JsonSchema, field: string, before: Before | undefined, isRoot: boolean): RuleResult {
  const errors: FieldError[] = []
  const tolerated: FieldError[] = []
  walk(value, schema, field, before, isRoot)
  return { errors, tolerated }

  function walk(one: unknown, type: JsonSchema, at: string, old: Before | undefined, root: boolean): void {
    if (one === null || one === undefined || !hasRules(type)) return
    const own = rulesOf(type).flatMap(rule => broken(rule, one, type, at, old, root) ?? [])
    const isUnchanged = own.length > 0 && old !== undefined && equal(old.value, one)
    ;(isUnchanged ? tolerated : errors).push(...own)
    if (Array.isArray(one)) {
      if (type.items === undefined) return
      const oldItem = oldItems(type, old)
      for (const [i, item] of one.entries()) walk(item, type.items, `${at}[${i}]`, oldItem(item), false)
      return
    }
    if (typeof one !== 'object') return
    for (const [name, inner] of Object.entries(one)) {
      const named = member(type.properties, name)
      const found = named ?? (typeof type.additionalProperties === 'object' ? type.additionalProperties : undefined)
      const where = named === undefined ? `${at}[${name}]` : at === '' ? name : `${at}.${name}`
      if (found !== undefined) walk(inner, found, where, oldMember(old, name), false)
    }
  }
}

function broken(
  rule: Rule,
  value: unknown,
  schema: JsonSchema,
  field: string,
  old: Before | undefined,
  isRoot: boolean,
): FieldError | undefined {
  const variables: Record<string, unknown> = { self: toCel(value, schema, isRoot) }
  if (usesOldSelf(rule.rule)) {
    if (rule.optionalOldSelf) variables.oldSelf = old === undefined ? Optional.none() : Optional.of(toCel(old.value, schema, isRoot))
    else if (old === undefined) return undefined
    else variables.oldSelf = toCel(old.value, schema, isRoot)
  }
  const at = field === '' ? '<nil>' : field
  try {
    if (compile(rule.rule, rule.optionalOldSelf === true ? 'optionalOld' : 'any').evaluate(variables) === true) return undefined
  } catch (error) {
    if (!(error instanceof CelError)) throw error
    const what = rule.message ? rule.message.trim() : `evaluating rule: ${rule.rule.trim()}`
    return invalid(at, typeOf(value), rule.message ? `${error.message} evaluating rule: ${what}` : `${error.message} ${what}`)
  }
  return failure(rule, messageOf(rule, variables), value, at)
}

function failure({ reason, fieldPath }: Rule, message: string, value: unknown, field: string): FieldError {
  const at = fieldPath ? `${field === '<nil>' ? '' : field}${fieldPath}`.replace(/^\./, '') : field
  switch (reason as FieldErrorType | undefined) {
    case 'FieldValueRequired':
      return required(at, message)
    case 'FieldValueForbidden':
      return forbidden(at, message)
    case 'FieldValueDuplicate':
      return duplicate(at, value)
    default:
      // Objects and lists would say too much.
      return typeof value === 'object' ? invalidPlace(at, message) : invalid(at, value, message)
  }
}

const MOST_MESSAGE = 5 * 1024

function messageOf({ rule, message, messageExpression, optionalOldSelf }: Rule, variables: Variables): string {
  const made = messageExpression ? evaluateMessage(messageExpression, variables, optionalOldSelf) : undefined
  return made ?? (message ? message.trim() : `failed rule: ${rule.trim()}`)
}

/** Undefined when it makes no good message. */
export function evaluateMessage(expression: string, variables: Variables, optionalOld = false): string | undefined {
  try {
    const value = compile(expression, optionalOld ? 'optionalOld' : 'any').evaluate(variables)
    if (typeof value !== 'string') return undefined
    const text = value.trim()
    return text === '' || text.includes('\n') || Buffer.byteLength(text) > MOST_MESSAGE ? undefined : text
  } catch (error) {
    if (error instanceof CelError) return undefined
    throw error
  }
}
