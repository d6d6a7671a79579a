// ResourceQuotas: what is created is counted here and now, in the quota's status, so that two requests at once cannot pass both.
// Giving back is left to the quota controller.
//
//   request A: read used=1 ... status used=2 (compare and swap) ok
//   request B: read used=1 ............................. swap fails -> reads used=2, limit reached -> 403

import type { ResourceQuota } from '../api/core/v1.ts'
import type { AdmissionPlugin, Attributes } from '../apimachinery/admission.ts'
import { member } from '../apimachinery/objects.ts'
import { addQuantities, compareQuantities, formatQuantity, quantitySign, subtractQuantities } from '../apimachinery/quantity.ts'
import { forbidden, isStatus, type StatusError } from '../apimachinery/status-error.ts'
import { type Evaluator, evaluatorFor, type ScopeRequirement, type Usage } from './quota-usage.ts'

const RESOURCE_QUOTAS = { group: '', resource: 'resourcequotas' }
const ATTEMPTS = 10

export const resourceQuota: AdmissionPlugin = {
  name: 'ResourceQuota',
  async validate(attributes) {
    if (attributes.object === undefined) return
    const evaluator = evaluatorFor(attributes)
    if (evaluator === undefined || !evaluator.handles(attributes)) return
    for (let attempt = 0; ; attempt++) {
      const quotas = await attributes.context.read.list<ResourceQuota>(RESOURCE_QUOTAS, attributes.namespace)
      if (quotas.length === 0) return
      try {
        await charge(attributes, evaluator, quotas)
        return
      } catch (error) {
        if (!isStatus(error, 'Conflict') || attempt >= ATTEMPTS) throw error
      }
    }
  },
}

const refuse = ({ endpoint, name }: Attributes, why: string): StatusError => forbidden(endpoint.collection, name, why)

const mask = (usage: Usage, names: readonly string[]): Usage =>
  Object.fromEntries(names.filter(name => member(usage, name) !== undefined).map(name => [name, usage[name] as string]))

const print = (usage: Usage) =>
  Object.keys(usage)
    .sort()
    .map(name => `${name}=${usage[name]}`)
    .join(',')

async function charge(attributes: Attributes, evaluator: Evaluator, quotas: readonly ResourceQuota[]): Promise<void> {
  const object = attributes.object as NonNullable<Attributes['object']>
  const concerned = quotas.filter(quota => matches(quota, evaluator, attributes))
  for (const quota of concerned) checkCounted(quota, evaluator, attributes)
  const delta = deltaOf(evaluator, attributes, evaluator.usage(object, attributes.context.now))
  if (Object.keys(delta).length === 0) return
  const charged = concerned.map(quota => chargedTo(quota, delta, attributes)).filter(quota => quota !== undefined)
  if (attributes.context.dryRun) return
  for (const quota of charged) await attributes.context.client.updateStatus(RESOURCE_QUOTAS, quota)
}

function matches(quota: ResourceQuota, evaluator: Evaluator, { object }: Attributes): boolean {
  if (!Object.keys(quota.status?.hard ?? {}).some(name => evaluator.counts(name))) return false
  const scopes: ScopeRequirement[] = [
    ...(quota.spec?.scopes ?? []).map(scopeName => ({ scopeName, operator: 'Exists' })),
    ...((quota.spec?.scopeSelector?.matchExpressions ?? []) as ScopeRequirement[]),
  ]
  return scopes.every(scope => evaluator.matchesScope?.(object as NonNullable<typeof object>, scope) === true)
}

/** A quota can only be kept when the object says what is counted, and somebody has counted what is there. */
function checkCounted({ metadata, status }: ResourceQuota, evaluator: Evaluator, attributes: Attributes): void {
  const names = Object.keys(status?.hard ?? {}).filter(name => evaluator.counts(name))
  const missing = evaluator.missing?.(attributes.object as NonNullable<Attributes['object']>, names)
  if (missing !== undefined) throw refuse(attributes, `failed quota: ${metadata.name}: ${missing}`)
  if (names.some(name => member(status?.used, name) === undefined)) {
    throw refuse(attributes, `status unknown for quota: ${metadata.name}, resources: ${names.sort().join(',')}`)
  }
}

/** What the request adds: all of a new object, or what an update adds to the old one. */
function deltaOf(evaluator: Evaluator, { operation, old, context }: Attributes, usage: Usage): Usage {
  const before = operation === 'UPDATE' && old !== undefined ? evaluator.usage(old, context.now) : {}
  const delta: Record<string, string> = {}
  for (const [name, amount] of Object.entries(usage)) {
    const more = subtractQuantities(amount, member(before, name) ?? '0')
    if (quantitySign(more) > 0) delta[name] = member(before, name) === undefined ? amount : formatQuantity(more)
  }
  return delta
}

/** The quota with what the request takes; undefined when it takes nothing of it. @throws StatusError 403 */
function chargedTo(quota: ResourceQuota, delta: Usage, attributes: Attributes): ResourceQuota | undefined {
  const hard = (quota.status?.hard ?? {}) as Usage
  const used = (quota.status?.used ?? {}) as Usage
  const requested = mask(delta, Object.keys(hard))
  const names = Object.keys(requested)
  if (names.length === 0) return undefined
  const total: Record<string, string> = {}
  for (const name of names) total[name] = formatQuantity(addQuantities(member(used, name) ?? '0', requested[name] as string))
  const exceeded = names.filter(name => compareQuantities(total[name] as string, hard[name] as string) > 0)
  if (exceeded.length > 0) {
    throw refuse(
      attributes,
      `exceeded quota: ${quota.metadata.name}, requested: ${print(mask(requested, exceeded))}, used: ${print(mask(used, exceeded))}, limited: ${print(mask(hard, exceeded))}`,
    )
  }
  return { ...quota, status: { ...quota.status, used: { ...used, ...total } } }
}
