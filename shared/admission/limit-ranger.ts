// LimitRanges: defaults for containers that say nothing, and bounds for those that do.

import type { Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod, PodSpec } from '../api/core/v1.ts'
import type { AdmissionPlugin, Attributes } from '../apimachinery/admission.ts'
import { member } from '../apimachinery/objects.ts'
import { compareQuantities, quantityMilliValue, quantityValue } from '../apimachinery/quantity.ts'
import { forbidden } from '../apimachinery/status-error.ts'
import { totalOf } from '../resources/pod-spec/totals.ts'
import { concerns, isPodCreation, objectOf } from './attributes.ts'

type Amount = string | number
type Amounts = Readonly<Record<string, Amount>>

const LIMIT_RANGES = { group: '', resource: 'limitranges' }
const ANNOTATION = 'kubernetes.io/limit-ranger'

const rangesOf = ({ context, namespace }: Attributes) => context.read.list<LimitRange>(LIMIT_RANGES, namespace)

export const limitRanger: AdmissionPlugin = {
  name: 'LimitRanger',
  async mutate(attributes) {
    if (!isPodCreation(attributes)) return
    for (const range of await rangesOf(attributes)) setDefaults(objectOf<Pod>(attributes), range)
  },
  async validate(attributes) {
    const isPod = isPodCreation(attributes)
    if (!isPod && !concerns(attributes, '', 'persistentvolumeclaims', 'CREATE', 'UPDATE')) return
    for (const range of await rangesOf(attributes)) {
      const limits = range.spec?.limits ?? []
      const errors = limits.flatMap(limit =>
        isPod
          ? podErrors(limit, objectOf<Pod>(attributes).spec as PodSpec)
          : claimErrors(limit, objectOf<PersistentVolumeClaim>(attributes)),
      )
      if (errors.length === 0) continue
      throw forbidden(
        attributes.endpoint.collection,
        attributes.name,
        errors.length === 1 ? (errors[0] as string) : `[${errors.join(', ')}]`,
      )
    }
  },
}

function setDefaults(pod: Pod, range: LimitRange): void {
  const defaults: { limits: Record<string, Amount>; requests: Record<string, Amount> } = { limits: {}, requests: {} }
  for (const limit of range.spec?.limits ?? []) {
    if (limit.type !== 'Container') continue
    Object.assign(defaults.limits, limit.default)
    Object.assign(defaults.requests, limit.defaultRequest)
  }
  const spec = pod.spec as PodSpec
  const notes = [
    ...(spec.containers ?? []).flatMap(container => fill(container, defaults, 'container')),
    ...(spec.initContainers ?? []).flatMap(container => fill(container, defaults, 'init container')),
  ]
  if (notes.length > 0)
    pod.metadata.annotations = { ...pod.metadata.annotations, [ANNOTATION]: `LimitRanger plugin set: ${notes.join('; ')}` }
}

function fill(container: Container, defaults: { limits: Amounts; requests: Amounts }, what: string): string[] {
  const notes: string[] = []
  const resources = { ...container.resources }
  for (const [kind, label] of [
    ['requests', 'request'],
    ['limits', 'limit'],
  ] as const) {
    const own = (resources[kind] ?? {}) as Amounts
    const missing = Object.keys(defaults[kind])
      .filter(name => member(own, name) === undefined)
      .sort()
    if (missing.length === 0) continue
    resources[kind] = { ...own, ...Object.fromEntries(missing.map(name => [name, defaults[kind][name]])) } as typeof resources.requests
    notes.push(`${missing.join(', ')} ${label} for ${what} ${container.name}`)
  }
  container.resources = resources
  return notes
}

function podErrors(limit: LimitRangeItem, spec: PodSpec): string[] {
  if (limit.type === 'Container') {
    return [...(spec.containers ?? []), ...(spec.initContainers ?? [])].flatMap(({ resources }) =>
      bounds(limit, (resources?.requests ?? {}) as Amounts, (resources?.limits ?? {}) as Amounts),
    )
  }
  return limit.type === 'Pod' ? bounds(limit, totalOf(spec, 'requests'), totalOf(spec, 'limits')) : []
}

function claimErrors(limit: LimitRangeItem, claim: PersistentVolumeClaim): string[] {
  if (limit.type !== 'PersistentVolumeClaim') return []
  const requests = (claim.spec?.resources?.requests ?? {}) as Amounts
  const errors = each(limit.min, (name, bound) => belowMinimum(limit.type, name, bound, requests, {}))
  // Storage has no limits: what is requested is what must stay below the maximum.
  return [...errors, ...each(limit.max, (name, bound) => aboveMaximum(limit.type, name, bound, {}, requests, 'request'))]
}

function bounds(limit: LimitRangeItem, requests: Amounts, limits: Amounts): string[] {
  return [
    ...each(limit.min, (name, bound) => belowMinimum(limit.type, name, bound, requests, limits)),
    ...each(limit.max, (name, bound) => aboveMaximum(limit.type, name, bound, requests, limits, 'limit')),
    ...each(limit.maxLimitRequestRatio, (name, bound) => aboveRatio(limit.type, name, bound, requests, limits)),
  ]
}

function each(amounts: unknown, check: (name: string, bound: Amount) => string | undefined): string[] {
  return Object.entries((amounts ?? {}) as Amounts)
    .map(([name, bound]) => check(name, bound))
    .filter(error => error !== undefined)
}

function belowMinimum(type: string, name: string, bound: Amount, requests: Amounts, limits: Amounts): string | undefined {
  const text = `minimum ${name} usage per ${type} is ${bound}`
  const request = member(requests, name)
  const limit = member(limits, name)
  if (request === undefined) return `${text}.  No request is specified`
  if (compareQuantities(request, bound) < 0) return `${text}, but request is ${request}`
  return limit !== undefined && compareQuantities(limit, bound) < 0 ? `${text}, but limit is ${limit}` : undefined
}

/** `bounded` must be there; `other` is looked at if it is. */
function aboveMaximum(
  type: string,
  name: string,
  bound: Amount,
  other: Amounts,
  bounded: Amounts,
  what: 'limit' | 'request',
): string | undefined {
  const text = `maximum ${name} usage per ${type} is ${bound}`
  const value = member(bounded, name)
  const request = member(other, name)
  if (value === undefined) return `${text}.  No ${what} is specified`
  if (compareQuantities(value, bound) > 0) return `${text}, but ${what} is ${value}`
  return request !== undefined && compareQuantities(request, bound) > 0 ? `${text}, but request is ${request}` : undefined
}

function aboveRatio(type: string, name: string, bound: Amount, requests: Amounts, limits: Amounts): string | undefined {
  const text = `${name} max limit to request ratio per ${type} is ${bound}`
  const request = member(requests, name)
  const limit = member(limits, name)
  if (request === undefined || quantityMilliValue(request) === 0) return `${text}, but no request is specified or request is 0`
  if (limit === undefined || quantityMilliValue(limit) === 0) return `${text}, but no limit is specified or limit is 0`
  // In thousandths where that says more, as for CPU.
  const value = quantityValue(request) <= Number.MAX_SAFE_INTEGER / 1000 ? quantityMilliValue : quantityValue
  const ratio = value(limit) / value(request)
  return ratio * 1000 > quantityMilliValue(bound) ? `${text}, but provided ratio is ${ratio.toFixed(6)}` : undefined
}
