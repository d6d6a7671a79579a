// ResourceQuota status: what there is, counted anew. Admission counts what comes; this gives back what went.

import { type Evaluator, evaluatorFor, type ScopeRequirement, stuckAt } from '../admission/quota-usage.ts'
import type { PersistentVolumeClaim, Pod, ResourceQuota } from '../api/core/v1.ts'
import { member } from '../apimachinery/objects.ts'
import { addQuantities, formatQuantity } from '../apimachinery/quantity.ts'
import type { Endpoint } from '../apimachinery/registry.ts'
import { type KubeObject, objectKey, splitKey } from '../apimachinery/types.ts'
import { RESOURCE_QUOTAS } from './collections.ts'
import { equal } from './equality.ts'
import { earliest, requeueAt } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
import { keyOf, splitName } from './watches.ts'

/** "<namespace>/count:<what changed>": the quotas of the namespace that count it are concerned. */
const COUNT = 'count'
/** As old as other views of a reconcile may be. */
const KINDS_FRESH_MS = 1000

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const { namespace, name } = splitKey(key)
  const quotas = await context.informer(RESOURCE_QUOTAS)
  const target = splitName(name)
  await context.registry.refresh(KINDS_FRESH_MS)
  if (target.about === COUNT) {
    const evaluator = evaluators(context).find(({ endpoint }) => nameOf(endpoint.collection) === target.name)?.evaluator
    if (evaluator === undefined) return undefined
    const counting = quotas
      .list(`${namespace}/`)
      .filter(({ object }) => Object.keys((object as ResourceQuota).spec?.hard ?? {}).some(resource => evaluator.counts(resource)))
    return { also: counting.map(({ object }) => keyOf(object)) }
  }
  if (target.about === SERVED) {
    const counting = quotas.list().filter(({ object }) => Object.hasOwn((object as ResourceQuota).spec?.hard ?? {}, `count/${target.name}`))
    return { also: counting.map(({ object }) => keyOf(object)) }
  }
  if (target.about === CHARGED) return { also: [objectKey(namespace, `${SETTLED}:${settles(context.now())}:${target.name}`)] }
  if (target.about === SETTLED) return settled(namespace, target.name, context.now())
  const quota = quotas.get(key)?.object as ResourceQuota | undefined
  if (quota === undefined) return undefined
  const hard = quota.spec?.hard ?? {}
  const { used, next } = await usage(quota, namespace, context)
  const status = { hard, used }
  if (!equal(quota.status, status)) await context.client.updateStatus<ResourceQuota>(RESOURCE_QUOTAS, { ...quota, status })
  return requeueAt(next, context.now())
}

/** "/served:<plural>.<group>": a kind has come, and quotas may have been waiting for somebody to count it. */
const SERVED = 'served'

/** "<namespace>/charged:<quota>": admission counted something that may not have been stored after all. */
const CHARGED = 'charged'
/** "<namespace>/settled:<when, ms since the epoch>:<quota>": by then it has been. The queue keeps the key, and so the time. */
const SETTLED = 'settled'
const SETTLE_MS = 5_000

/** Some time after the charge; those of a moment share it, and are one piece of work. */
const settles = (now: number): number => Math.ceil(now / SETTLE_MS + 1) * SETTLE_MS

/** Has the quota counted anew when the time has come. */
function settled(namespace: string, what: string, now: number): Outcome {
  const colon = what.indexOf(':')
  const left = Number(what.slice(0, colon)) - now
  return left > 0 ? { requeueAfter: left / 1000 } : { also: [objectKey(namespace, what.slice(colon + 1))] }
}

const nameOf = ({ group, resource }: { readonly group: string; readonly resource: string }) =>
  group === '' ? resource : `${resource}.${group}`

interface Counted {
  readonly endpoint: Endpoint
  readonly evaluator: Evaluator
}

function evaluators({ registry }: ControllerContext): Counted[] {
  const counted: Counted[] = []
  for (const definition of registry.definitions) {
    const endpoint = registry.storage(definition)
    const evaluator = endpoint === undefined ? undefined : evaluatorFor({ endpoint, subresource: '' })
    if (endpoint !== undefined && evaluator !== undefined) counted.push({ endpoint, evaluator })
  }
  return counted
}

interface Counts {
  readonly used: Record<string, string>
  /** When time alone changes them (ms since the epoch). */
  readonly next?: number
}

async function usage({ spec }: ResourceQuota, namespace: string, context: ControllerContext): Promise<Counts> {
  const now = context.now()
  let next: number | undefined
  const names = Object.keys(spec?.hard ?? {})
  const used: Record<string, string> = {}
  const scopes: ScopeRequirement[] = [
    ...(spec?.scopes ?? []).map(scopeName => ({ scopeName, operator: 'Exists' })),
    ...((spec?.scopeSelector?.matchExpressions ?? []) as ScopeRequirement[]),
  ]
  for (const { endpoint, evaluator } of evaluators(context)) {
    const own = names.filter(name => evaluator.counts(name))
    if (own.length === 0) continue
    for (const name of own) used[name] ??= '0'
    for (const { object } of (await context.informer(endpoint.collection)).list(objectKey(namespace, ''))) {
      if (!scopes.every(scope => evaluator.matchesScope?.(object, scope) === true)) continue
      const amounts = evaluator.usage(object, now)
      const stuck = object.kind === 'Pod' ? stuckAt(object as Pod) : undefined
      // A moment later: at the time itself it still counts.
      if (stuck !== undefined && stuck >= now) next = earliest(next, stuck + 1)
      for (const name of own)
        if (member(amounts, name) !== undefined) used[name] = formatQuantity(addQuantities(used[name]!, amounts[name]!))
    }
  }
  return { used, next }
}

export const resourceQuotaController: Controller = {
  name: 'resourcequota',
  component: 'resourcequota-controller',
  watches: [
    {
      // Not the status: admission has just counted what is not stored yet, and counting anew would take that back.
      resource: RESOURCE_QUOTAS,
      *keys({ type, object, previous, key }) {
        const [quota, before] = [object as ResourceQuota, previous as ResourceQuota | undefined]
        if (type === 'deleted') return
        if (before === undefined || !equal(before.spec, quota.spec)) yield key
        else if (!equal(before.status?.used, quota.status?.used))
          yield objectKey(object.metadata.namespace, `${CHARGED}:${object.metadata.name}`)
      },
    },
    {
      resource: '*',
      keys({ type, object, collection, previous }) {
        const { namespace } = object.metadata
        if (collection.resource === 'customresourcedefinitions' && type !== 'deleted')
          return [objectKey(undefined, `${SERVED}:${object.metadata.name}`)]
        // What comes was counted by admission.
        if (type === 'created' || namespace === undefined || collection.resource === 'events') return []
        // Only pods, services and claims change what they use.
        const plain = !['pods', 'services', 'persistentvolumeclaims'].includes(collection.resource)
        if (type === 'updated' && (plain || equalParts(object, previous))) return []
        return [`${namespace}/${COUNT}:${nameOf(collection)}`]
      },
    },
  ],
  reconcile,
}

/** Of a pod, what it asks for and whether it is over; of a claim, what it has, too; of a service its spec. */
function equalParts(a: KubeObject, b: KubeObject | undefined): boolean {
  const part = (object: KubeObject) => {
    const { spec, status, metadata } = object as Pod
    const { allocatedResources, currentVolumeAttributesClassName, modifyVolumeStatus } = (object as PersistentVolumeClaim).status ?? {}
    return [
      { ...spec, nodeName: undefined },
      status?.phase === 'Succeeded' || status?.phase === 'Failed',
      metadata.deletionTimestamp,
      [allocatedResources, currentVolumeAttributesClassName, modifyVolumeStatus],
    ]
  }
  return b !== undefined && equal(part(a), part(b))
}
