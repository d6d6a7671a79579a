// What a policy or a webhook is for: rules, and selectors of namespaces and objects.
import type { MatchResources, NamedRuleWithOperations, RuleWithOperations } from '../../api/admissionregistration/v1.ts'
import type { Namespace } from '../../api/core/v1.ts'
import type { Attributes } from '../../apimachinery/admission.ts'
import { matchesSelector } from '../../apimachinery/label-selector.ts'
import { namespaceOf } from '../attributes.ts'

type Rule = RuleWithOperations & Pick<NamedRuleWithOperations, 'resourceNames'>

const includes = (values: readonly string[] | undefined, value: string) => values?.some(one => one === '*' || one === value) ?? false

/** Any served version of the kind will do where the policy is Equivalent, which it is unless somebody says Exact. */
export function matchesRule(rule: Rule, { endpoint, subresource, operation, namespace, name }: Attributes, isExact: boolean): boolean {
  const { definition, collection, version } = endpoint
  if (!includes(rule.operations, operation) || !includes(rule.apiGroups, collection.group)) return false
  const versions = isExact ? [version.version] : definition.versions.map(one => one.version)
  if (!versions.some(one => includes(rule.apiVersions, one))) return false
  if (!(rule.resources ?? []).some(pattern => matchesResource(pattern, collection.resource, subresource))) return false
  const isNamespaced = definition.namespaced && namespace !== ''
  if (rule.scope === 'Cluster' && isNamespaced) return false
  if (rule.scope === 'Namespaced' && !isNamespaced) return false
  return (rule.resourceNames ?? []).length === 0 || (rule.resourceNames ?? []).includes(name)
}

function matchesResource(pattern: string, resource: string, subresource: string): boolean {
  const [wanted = '', sub] = pattern.split('/')
  if (wanted !== '*' && wanted !== resource) return false
  return sub === undefined ? subresource === '' : sub === '*' || sub === subresource
}

export interface Selecting extends Pick<MatchResources, 'namespaceSelector' | 'objectSelector' | 'matchPolicy'> {
  readonly rules?: readonly Rule[]
  readonly excludeRules?: readonly Rule[]
}

export async function matches(selecting: Selecting, attributes: Attributes): Promise<boolean> {
  const { rules, excludeRules = [], matchPolicy, objectSelector } = selecting
  const isExact = matchPolicy === 'Exact'
  if (excludeRules.some(rule => matchesRule(rule, attributes, isExact))) return false
  if (rules !== undefined && !rules.some(rule => matchesRule(rule, attributes, isExact))) return false
  const { object, old } = attributes
  const selects = (one: Attributes['object']) => one !== undefined && matchesSelector(objectSelector ?? {}, one.metadata.labels)
  return (selects(object) || selects(old)) && (await matchesNamespace(selecting, attributes))
}

/** Objects outside of namespaces are never excluded by one; a Namespace is selected by its own labels. */
async function matchesNamespace({ namespaceSelector = {} }: Selecting, attributes: Attributes): Promise<boolean> {
  const { endpoint, namespace, object, old } = attributes
  const isNamespace = endpoint.collection.group === '' && endpoint.collection.resource === 'namespaces'
  if (isNamespace) return matchesSelector(namespaceSelector, (object ?? old)?.metadata.labels)
  if (!endpoint.definition.namespaced || namespace === '') return true
  const found: Namespace | undefined = await namespaceOf(attributes)
  return matchesSelector(namespaceSelector, found?.metadata.labels)
}

export const ofMatchResources = (match: MatchResources | undefined): Selecting => ({
  ...(match?.namespaceSelector === undefined ? {} : { namespaceSelector: match.namespaceSelector }),
  ...(match?.objectSelector === undefined ? {} : { objectSelector: match.objectSelector }),
  ...(match?.matchPolicy === undefined ? {} : { matchPolicy: match.matchPolicy }),
  ...(match?.resourceRules === undefined || match.resourceRules.length === 0 ? {} : { rules: match.resourceRules }),
  ...(match?.excludeResourceRules === undefined ? {} : { excludeRules: match.excludeResourceRules }),
})
