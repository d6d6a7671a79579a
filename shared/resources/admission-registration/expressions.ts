// Expressions of policies and webhooks, compiled when they are written.
import { checkingEnvironment } from '../../apimachinery/cel/environment.ts'
import { check } from '../../apimachinery/cel/expression.ts'
import { type FieldError, invalid, required } from '../../apimachinery/field-error.ts'

export type Environment = ReturnType<typeof checkingEnvironment>

/** Of objects nothing is known beforehand. */
export function admissionEnvironment({ hasParams }: { readonly hasParams: boolean }): Environment {
  const environment = checkingEnvironment()
  for (const name of ['object', 'oldObject', 'request', 'namespaceObject']) environment.registerVariable(name, 'dyn')
  environment.registerVariable('authorizer', 'Authorizer')
  if (hasParams) environment.registerVariable('params', 'dyn')
  return environment
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
  return types.includes(type) || type === 'dyn' ? [] : [invalid(field, text, `must evaluate to ${types.join(' or ')} but got ${type}`)]
}

export const typeOfExpression = (text: string, environment: Environment): string => check(text, environment).type
