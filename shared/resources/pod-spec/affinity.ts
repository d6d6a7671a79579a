// Where a pod may run: affinity, tolerations, topology spread (pkg/apis/core/validation).
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  Taint,
  Toleration,
  TopologySpreadConstraint,
} from '../../api/core/v1.ts'
import type { LabelSelector } from '../../api/meta/v1.ts'
import { duplicate, forbidden, invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { isDNS1123Label, isDNS1123Subdomain, isLabelValue } from '../../apimachinery/names.ts'
import { addInvalid, type Errors, labelName, oneOf, positive } from '../validation/checks.ts'
import { labelSelector } from '../validation/label-selector.ts'

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

function nodeRequirement({ key, operator, values = [] }: NodeSelectorRequirement, field: string, anyValue: boolean, errors: Errors): void {
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) errors.push(required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"))
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) errors.push(forbidden(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
  } else if (operator === 'Gt' || operator === 'Lt') {
    if (values.length !== 1) errors.push(required(`${field}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"))
  } else errors.push(invalid(`${field}.operator`, operator ?? '', 'not a valid selector operator'))
  labelName(key, `${field}.key`, errors)
  if (!anyValue) for (const [i, value] of values.entries()) addInvalid(isLabelValue(value), `${field}.values[${i}]`, value, errors)
}

/** Fields of nodes: there is one, the name. */
function nodeFieldRequirement({ key, operator, values = [] }: NodeSelectorRequirement, field: string, errors: Errors): void {
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length !== 1)
      errors.push(required(`${field}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
  } else errors.push(invalid(`${field}.operator`, operator ?? '', 'not a valid selector operator'))
  if (key !== 'metadata.name') errors.push(invalid(`${field}.key`, key ?? '', 'not a valid field selector key'))
  else for (const [i, value] of values.entries()) addInvalid(isDNS1123Subdomain(value), `${field}.values[${i}]`, value, errors)
}

function nodeTerm(term: NodeSelectorTerm, field: string, anyValue: boolean, errors: Errors): void {
  for (const [i, requirement] of (term.matchExpressions ?? []).entries())
    nodeRequirement(requirement, `${field}.matchExpressions[${i}]`, anyValue, errors)
  for (const [i, requirement] of (term.matchFields ?? []).entries()) nodeFieldRequirement(requirement, `${field}.matchFields[${i}]`, errors)
}

export function nodeSelector(selector: NodeSelector, field: string, errors: Errors): void {
  const terms = selector.nodeSelectorTerms ?? []
  if (terms.length === 0) errors.push(required(`${field}.nodeSelectorTerms`, 'must have at least one node selector term'))
  for (const [i, term] of terms.entries()) nodeTerm(term, `${field}.nodeSelectorTerms[${i}]`, false, errors)
}

function weight(value: number | undefined, field: string, errors: Errors): void {
  if (!value || value < 0 || value > 100) errors.push(invalid(`${field}.weight`, value ?? 0, 'must be in the range 1-100'))
}

function podTerm(term: PodAffinityTerm, field: string, errors: Errors): void {
  labelSelector(term.labelSelector, `${field}.labelSelector`, errors)
  labelSelector(term.namespaceSelector, `${field}.namespaceSelector`, errors)
  for (const namespace of term.namespaces ?? []) addInvalid(isDNS1123Label(namespace), `${field}.namespace`, namespace, errors)
  labelKeys(term, field, errors)
  if (!term.topologyKey) errors.push(required(`${field}.topologyKey`, 'can not be empty'))
  labelName(term.topologyKey, `${field}.topologyKey`, errors)
}

type KeyedTerm = {
  readonly matchLabelKeys?: readonly string[]
  readonly mismatchLabelKeys?: readonly string[]
  readonly labelSelector?: LabelSelector
}

/** Keys whose values are taken from the pod itself; the selector may name such a key once, because that is how they are remembered. */
function labelKeys(
  { matchLabelKeys = [], mismatchLabelKeys = [], labelSelector: selector }: KeyedTerm,
  field: string,
  errors: Errors,
): void {
  for (const [member, keys] of [
    ['matchLabelKeys', matchLabelKeys],
    ['mismatchLabelKeys', mismatchLabelKeys],
  ] as const) {
    if (keys.length === 0) continue
    if (selector === undefined) errors.push(forbidden(`${field}.${member}`, 'must not be specified when labelSelector is not set'))
    else for (const [i, key] of keys.entries()) labelName(key, `${field}.${member}[${i}]`, errors)
  }
  const seen = new Set(Object.keys(selector?.matchLabels ?? {}))
  for (const { key } of selector?.matchExpressions ?? []) {
    const i = matchLabelKeys.lastIndexOf(key)
    if (i >= 0 && seen.has(key)) errors.push(invalid(`${field}[${i}]`, key, 'exists in both matchLabelKeys and labelSelector'))
    seen.add(key)
  }
  for (const [i, key] of matchLabelKeys.entries()) {
    if (mismatchLabelKeys.includes(key))
      errors.push(invalid(`${field}.matchLabelKeys[${i}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys'))
  }
}

export function validateAffinity(affinity: Affinity | undefined, field: string, errors: Errors): void {
  const nodes = affinity?.nodeAffinity
  const must = 'requiredDuringSchedulingIgnoredDuringExecution'
  const should = 'preferredDuringSchedulingIgnoredDuringExecution'
  if (nodes?.[must] !== undefined) nodeSelector(nodes[must], `${field}.nodeAffinity.${must}`, errors)
  for (const [i, term] of (nodes?.[should] ?? []).entries()) {
    const at = `${field}.nodeAffinity.${should}[${i}]`
    weight(term.weight, at, errors)
    nodeTerm(term.preference ?? {}, `${at}.preference`, true, errors)
  }
  for (const member of ['podAffinity', 'podAntiAffinity'] as const) {
    for (const [i, term] of (affinity?.[member]?.[must] ?? []).entries()) podTerm(term, `${field}.${member}.${must}[${i}]`, errors)
    for (const [i, term] of (affinity?.[member]?.[should] ?? []).entries()) {
      const at = `${field}.${member}.${should}[${i}]`
      weight(term.weight, at, errors)
      podTerm(term.podAffinityTerm ?? ({} as PodAffinityTerm), `${at}.podAffinityTerm`, errors)
    }
  }
}

export function validateTolerations(tolerations: readonly Toleration[] | undefined, field: string, errors: Errors): void {
  if (tolerations === undefined) return
  for (const [i, { key = '', operator = '', value = '', effect = '', tolerationSeconds }] of tolerations.entries()) {
    const at = `${field}[${i}]`
    if (key !== '') labelName(key, `${at}.key`, errors)
    else if (operator !== 'Exists') {
      const why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
      errors.push(invalid(`${at}.operator`, operator, why))
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute')
      errors.push(invalid(`${at}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
    if (operator === 'Equal' || operator === '') {
      const wrong = isLabelValue(value)
      if (wrong.length > 0) errors.push(invalid(`${at}.operator`, value, wrong.join(';')))
    } else if (operator === 'Exists') {
      if (value !== '') errors.push(invalid(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'"))
    } else {
      const known = operator === 'Lt' || operator === 'Gt' ? ['Equal', 'Exists', 'Lt', 'Gt'] : ['Equal', 'Exists']
      errors.push(notSupported(`${at}.operator`, operator, known))
    }
    if (effect !== '') oneOf(effect, EFFECTS, `${at}.effect`, errors)
  }
}

/** As Go prints the unversioned type. */
const printedTaint = (taint: Taint) => ({
  Key: taint.key ?? '',
  Value: taint.value ?? '',
  Effect: taint.effect ?? '',
  TimeAdded: taint.timeAdded ?? null,
})

export function validateTaints(taints: readonly Taint[] | undefined, field: string, errors: Errors): void {
  const seen = new Set<string>()
  for (const [i, taint] of (taints ?? []).entries()) {
    const at = `${field}[${i}]`
    labelName(taint.key, `${at}.key`, errors)
    const wrong = isLabelValue(taint.value ?? '')
    if (wrong.length > 0) errors.push(invalid(`${at}.value`, taint.value, wrong.join(';')))
    if (!taint.effect) errors.push(required(`${at}.effect`))
    else oneOf(taint.effect, EFFECTS, `${at}.effect`, errors)
    const key = `${taint.key}:${taint.effect}`
    if (seen.has(key)) errors.push(duplicate(at, printedTaint(taint), 'taints must be unique by key and effect pair'))
    seen.add(key)
  }
}

const ACTIONS = ['DoNotSchedule', 'ScheduleAnyway']
const INCLUSION = ['Honor', 'Ignore']

export function validateSpread(constraints: readonly TopologySpreadConstraint[] | undefined, field: string, errors: Errors): void {
  if (constraints === undefined) return
  for (const [i, constraint] of constraints.entries()) {
    const at = `${field}[${i}]`
    const { topologyKey, whenUnsatisfiable: action, minDomains } = constraint
    positive(constraint.maxSkew, `${at}.maxSkew`, errors)
    if (!topologyKey) errors.push(required(`${at}.topologyKey`, 'can not be empty'))
    oneOf(action, ACTIONS, `${at}.whenUnsatisfiable`, errors)
    if (constraints.slice(i + 1).some(other => other.topologyKey === topologyKey && other.whenUnsatisfiable === action))
      errors.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey ?? ''}, ${action ?? ''}}`))
    if (minDomains !== undefined) {
      positive(minDomains, `${at}.minDomains`, errors)
      if (action !== 'DoNotSchedule') {
        const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${action ?? ''}`
        errors.push(invalid(`${at}.minDomains`, minDomains, why))
      }
    }
    for (const member of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const policy = constraint[member]
      if (policy !== undefined) oneOf(policy, INCLUSION, `${at}.${member}`, errors)
    }
    labelKeys(constraint, at, errors)
    labelSelector(constraint.labelSelector, `${at}.labelSelector`, errors)
  }
}
