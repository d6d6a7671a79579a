// The expressions of a policy against the types of what it is for (k8s.io/apiserver/pkg/admission/plugin/policy/validating/typechecking.go).
// A chunk of its own, with the interpreter: loaded when a policy is new or changed.
import type { Environment } from '@marcbachmann/cel-js'
import type { ExpressionWarning, NamedRuleWithOperations, ValidatingAdmissionPolicy } from '../../api/admissionregistration/v1.ts'
import { declareAdmission } from '../../apimachinery/cel/admission-types.ts'
import { checkingEnvironment } from '../../apimachinery/cel/environment.ts'
import { check } from '../../apimachinery/cel/expression.ts'
import { KindTypes } from '../../apimachinery/cel/kind-types.ts'
import { declareType, isIdentifier } from '../../apimachinery/cel/types.ts'
import type { Endpoint, Registry } from '../../apimachinery/registry.ts'
import { findSchema } from '../../apimachinery/schema/schemas.ts'
import { groupVersion } from '../../apimachinery/types.ts'

/** Of more kinds that a rule names nothing is said. */
const MOST_TYPES = 10

export function expressionWarnings(policy: ValidatingAdmissionPolicy, registry: Registry): ExpressionWarning[] {
  const { paramKind, validations = [] } = policy.spec
  const params = paramKind === undefined ? undefined : registry.findKind(paramKind.apiVersion ?? '', paramKind.kind ?? '')
  const kinds = typesToCheck(policy, registry)
    .map(endpoint => ({ name: nameOf(endpoint), environment: environmentFor(endpoint, params, policy) }))
    .filter((kind): kind is { name: string; environment: Environment } => kind.environment !== undefined)
  const warnings: ExpressionWarning[] = []
  const look = (expression: string, fieldRef: string) => {
    const found = kinds.flatMap(({ name, environment }) => {
      const { problem } = check(expression, environment)
      return problem === undefined ? [] : [`${name}: ${problem}\n`]
    })
    if (found.length > 0) warnings.push({ fieldRef, warning: found.join('\n') })
  }
  for (const [i, { expression, messageExpression }] of validations.entries()) {
    look(expression, `spec.validations[${i}].expression`)
    if (messageExpression) look(messageExpression, `spec.validations[${i}].messageExpression`)
  }
  return warnings
}

/** As Go prints a GroupVersionKind: "apps/v1, Kind=Deployment", "/v1, Kind=Pod". */
const nameOf = ({ group, version, kind }: Endpoint): string => `${group}/${version.version}, Kind=${kind}`

/** Kinds that rules name one by one, in the order of group, version and kind. Exported for tests. */
export function typesToCheck({ spec }: ValidatingAdmissionPolicy, registry: Registry): Endpoint[] {
  const found = new Map<string, Endpoint>()
  const sorted = () => [...found.values()].sort((a, b) => compare(sortKey(a), sortKey(b)))
  for (const rule of spec.matchConstraints?.resourceRules ?? []) {
    let count = 0
    for (const endpoint of namedBy(rule, registry)) {
      found.set(nameOf(endpoint), endpoint)
      if (++count === MOST_TYPES) return sorted()
    }
  }
  return sorted()
}

const sortKey = ({ group, version, kind }: Endpoint): string => [group, version.version, kind].join('\0')
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function* namedBy({ apiGroups = [], apiVersions = [], resources = [] }: NamedRuleWithOperations, registry: Registry): Generator<Endpoint> {
  if ([...apiGroups, ...apiVersions].some(name => name.includes('*'))) return
  for (const group of [...apiGroups].sort())
    for (const version of [...apiVersions].sort())
      for (const resource of [...resources].sort()) {
        if (/[*/]/.test(resource)) continue
        const endpoint = registry.find(groupVersion(group, version), resource)
        if (endpoint !== undefined) yield endpoint
      }
}

function environmentFor({ version }: Endpoint, params: Endpoint | undefined, { spec }: ValidatingAdmissionPolicy): Environment | undefined {
  const object = findSchema(version.schema)
  if (object === undefined) return undefined
  const environment = checkingEnvironment()
  const types = new KindTypes(environment)
  const type = types.of(object)
  for (const name of ['object', 'oldObject']) environment.registerVariable(name, type)
  declareAdmission(environment)
  const paramType = params === undefined ? undefined : findSchema(params.version.schema)
  if (paramType !== undefined) environment.registerVariable('params', types.of(paramType))
  const fields: Record<string, string> = {}
  for (const { name, expression } of spec.variables ?? []) {
    const { type, problem } = check(expression, withVariables(environment, fields))
    if (isIdentifier(name)) fields[name] = problem === undefined ? variableType(type) : 'dyn'
  }
  return withVariables(environment, fields)
}

function withVariables(environment: Environment, fields: Readonly<Record<string, string>>): Environment {
  const own = environment.clone()
  own.registerVariable('variables', declareType(own, 'Variables', fields))
  return own
}

/** Objects and what is not in every environment are left open, as upstream leaves them. */
const variableType = (type: string): string =>
  /^(?:list<|map<string, )*(?:int|uint|double|bool|string|bytes)>*$/.test(type) ? type : 'dyn'
