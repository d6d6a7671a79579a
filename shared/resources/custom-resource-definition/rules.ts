// Rules in CEL, when a definition is written: they are compiled with the types of the schema.
import { estimateCost } from '../../apimachinery/cel/cost/estimate.ts'
import { sizedType } from '../../apimachinery/cel/cost/sized-type.ts'
import { checkingEnvironment } from '../../apimachinery/cel/environment.ts'
import { check } from '../../apimachinery/cel/expression.ts'
import { escapeName, TypeNames } from '../../apimachinery/cel/types.ts'
import { type Rule, rulesOf, usesOldSelf } from '../../apimachinery/custom/rules.ts'
import { hasRules } from '../../apimachinery/custom/validate-value.ts'
import { type FieldError, invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { member } from '../../apimachinery/objects.ts'
import type { JsonSchema } from '../../apimachinery/schema/structural.ts'
import { type Cardinality, cardinalityBelow, RuleBudget } from './rule-budget.ts'

const REASONS = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired']

/** Where a schema stands. */
interface Place {
  readonly isRoot: boolean
  /** The list above whose items cannot be told to be the same as before. */
  readonly uncorrelated: string | undefined
  readonly cardinality: Cardinality
  readonly budget: RuleBudget
}

export function ruleErrors(root: JsonSchema, field: string): FieldError[] {
  const budget = new RuleBudget()
  const errors = errorsBelow(root, field, { isRoot: true, uncorrelated: undefined, cardinality: 1, budget })
  return [...errors, ...budget.errors(field)]
}

function errorsBelow(schema: JsonSchema, field: string, place: Place): FieldError[] {
  if (!hasRules(schema)) return []
  const errors = rulesOf(schema).flatMap((rule, i) => ownErrors(rule, schema, `${field}.x-kubernetes-validations[${i}]`, place))
  const { properties, additionalProperties, items } = schema
  const below: Place = { ...place, isRoot: false, cardinality: cardinalityBelow(place.cardinality, schema) }
  for (const [name, one] of Object.entries(properties ?? {})) errors.push(...errorsBelow(one, `${field}.properties[${name}]`, below))
  if (typeof additionalProperties === 'object') errors.push(...errorsBelow(additionalProperties, `${field}.additionalProperties`, below))
  if (items !== undefined) {
    const isMap = schema['x-kubernetes-list-type'] === 'map'
    errors.push(...errorsBelow(items, `${field}.items`, { ...below, uncorrelated: place.uncorrelated ?? (isMap ? undefined : field) }))
  }
  return errors
}

/** As Go prints the internal type. */
const printed = ({ rule, message, messageExpression, reason, fieldPath, optionalOldSelf }: Rule) => ({
  Rule: rule,
  Message: message ?? '',
  MessageExpression: messageExpression ?? '',
  Reason: reason ?? null,
  FieldPath: fieldPath ?? '',
  OptionalOldSelf: optionalOldSelf ?? null,
})

function ownErrors(rule: Rule, schema: JsonSchema, at: string, place: Place): FieldError[] {
  const errors: FieldError[] = []
  const { message, messageExpression, reason, fieldPath, optionalOldSelf } = rule
  const text = rule.rule ?? ''
  if (text.trim() === '') errors.push(required(`${at}.rule`, 'rule is not specified'))
  if (message !== undefined && message !== '') {
    if (message.trim() === '') errors.push(invalid(`${at}.message`, message, 'must be non-empty if specified'))
    else if (message.includes('\n')) errors.push(invalid(`${at}.message`, message, 'must not contain line breaks'))
  } else if (text.trim().includes('\n') && !messageExpression) {
    errors.push(required(`${at}.message`, 'message must be specified if rule contains line breaks'))
  }
  if (messageExpression !== undefined && messageExpression !== '' && messageExpression.trim() === '') {
    errors.push(required(`${at}.messageExpression`, 'must be non-empty if specified'))
  }
  if (reason !== undefined && !REASONS.includes(reason)) errors.push(notSupported(`${at}.reason`, reason, REASONS))
  if (fieldPath !== undefined && fieldPath !== '' && !isPath(fieldPath, schema))
    errors.push(invalid(`${at}.fieldPath`, fieldPath, 'must be a valid path'))
  const isTransition = usesOldSelf(text)
  if (isTransition && place.uncorrelated !== undefined) {
    const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${place.uncorrelated}`
    errors.push(invalid(`${at}.rule`, text, why))
  }
  if (errors.length > 0) return errors
  return compileErrors(rule, schema, at, place, isTransition, optionalOldSelf === true)
}

function compileErrors(
  rule: Rule,
  schema: JsonSchema,
  at: string,
  { isRoot, cardinality, budget }: Place,
  isTransition: boolean,
  isOptional: boolean,
): FieldError[] {
  const errors: FieldError[] = []
  const environment = checkingEnvironment()
  const type = new TypeNames(environment).of(schema, isRoot)
  environment.registerVariable('self', type)
  environment.registerVariable('oldSelf', isOptional ? `optional<${type}>` : type)
  const checked = check(rule.rule, environment)
  const isBroken = checked.problem !== undefined
  if (isBroken) errors.push(invalid(`${at}.rule`, printed(rule), `compilation failed: ${checked.problem}`))
  else if (checked.type !== 'bool' && checked.type !== 'dyn')
    errors.push(invalid(`${at}.rule`, printed(rule), 'cel expression must evaluate to a bool'))
  const sized = sizedType(schema, isRoot)
  if (errors.length === 0 && sized !== undefined)
    errors.push(...budget.rule(`${at}.rule`, estimateCost(rule.rule, environment, sized), sized, cardinality))
  // A rule that does not compile uses nothing.
  if (isOptional && (!isTransition || isBroken))
    errors.push(invalid(`${at}.optionalOldSelf`, true, 'may not be set if oldSelf is not used in rule'))
  if (rule.messageExpression) {
    const message = check(rule.messageExpression, environment)
    if (message.problem !== undefined) {
      errors.push(invalid(`${at}.messageExpression`, printed(rule), `messageExpression compilation failed: ${message.problem}`))
    } else if (message.type !== 'string' && message.type !== 'dyn') {
      errors.push(invalid(`${at}.messageExpression`, printed(rule), 'messageExpression must evaluate to a string'))
    } else if (sized !== undefined)
      errors.push(...budget.message(`${at}.messageExpression`, estimateCost(rule.messageExpression, environment, sized)))
  }
  return errors
}

/** ".spec.a" or "['a.b']": members that the schema names, nothing inside of lists. */
function isPath(path: string, schema: JsonSchema): boolean {
  let type: JsonSchema | undefined = schema
  let rest = path
  while (rest !== '') {
    const step = /^\.([a-zA-Z_][\w]*)|^\['((?:[^'\\]|\\.)*)'\]/.exec(rest)
    if (step === null) return false
    const name = step[1] ?? step[2] ?? ''
    const next: JsonSchema | undefined =
      member(type?.properties, name) ??
      byEscapedName(type, name) ??
      (typeof type?.additionalProperties === 'object' ? type.additionalProperties : undefined)
    if (next === undefined) return false
    type = next
    rest = rest.slice(step[0].length)
  }
  return true
}

function byEscapedName(schema: JsonSchema | undefined, name: string): JsonSchema | undefined {
  const found = Object.keys(schema?.properties ?? {}).find(one => escapeName(one) === name)
  return found === undefined ? undefined : member(schema?.properties, found)
}
