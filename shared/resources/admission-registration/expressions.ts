// Expressions of policies and webhooks, compiled when they are written.
import { declareAdmission } from '../../apimachinery/cel/admission-types.ts'
import { checkingEnvironment, withPatchTypes } from '../../apimachinery/cel/environment.ts'
import { check } from '../../apimachinery/cel/expression.ts'
import { typeText } from '../../apimachinery/cel/problems.ts'
import { rewrite } from '../../apimachinery/cel/rewrite.ts'
import { type FieldError, invalid, required } from '../../apimachinery/field-error.ts'

export type Environment = ReturnType<typeof checkingEnvironment>

const bases = new Map<boolean, Environment>()

/** Of objects nothing is known beforehand, of the request itself all. One of its own, to declare variables in. */
export function admissionEnvironment({ hasParams }: { readonly hasParams: boolean }): Environment {
  let base = bases.get(hasParams)
  if (base === undefined) {
    base = checkingEnvironment()
    for (const name of ['object', 'oldObject', ...(hasParams ? ['params'] : [])]) base.registerVariable(name, 'dyn')
    declareAdmission(base)
    bases.set(hasParams, base)
  }
  return base.clone()
}

/** `types`: one of which it must be. */
export function expressionErrors(
  text: string | undefined,
  field: string,
  environment: Environment,
  types: readonly string[],
  missing = '',
): FieldError[] {
  if (text === undefined || text.trim() === '') return [required(field, missing)]
  const { type, problem } = check(text, environment)
  if (problem !== undefined) return [invalid(field, text, `compilation failed: ${problem}`)]
  if (types.includes(type) || type === 'dyn') return []
  const wanted = [...new Set(types.map(typeText))]
  const shown = wanted.length === 1 ? wanted[0] : `one of [${wanted.join(' ')}]`
  return [invalid(field, text, `must evaluate to ${shown} but got ${typeText(type)}`)]
}

/** `makes`: the type that it must have, as the interpreter writes it. Of a patch all is known but what stands in it. */
export function patchErrors(text: string | undefined, field: string, environment: Environment, makes: string): FieldError[] {
  const expression = text?.trim() ?? ''
  if (expression === '') return [required(field)]
  const { type, problem } = check(expression, withPatchTypes(environment, rewrite(expression).types))
  if (problem !== undefined) return [invalid(field, expression, `compilation failed: ${problem}`)]
  return type === makes ? [] : [invalid(field, expression, `must evaluate to ${typeText(makes)} but got ${typeText(type)}`)]
}

export const typeOfExpression = (text: string, environment: Environment): string => check(text, environment).type
