// POST on pods/eviction: a delete that disruption budgets may refuse (pkg/registry/core/pod/storage, eviction.go).
import type { Pod } from '../../api/core/v1.ts'
import type { PodDisruptionBudget } from '../../api/policy/v1.ts'
import type { DeleteOptions } from '../../apimachinery/client.ts'
import type { RequestContext } from '../../apimachinery/context.ts'
import { matchesSelector } from '../../apimachinery/label-selector.ts'
import { clone, formatTime } from '../../apimachinery/objects.ts'
import { badRequest, conflict, forbidden, isStatus, notFound, StatusError, tooManyRequests } from '../../apimachinery/status-error.ts'
import type { KubeObject } from '../../apimachinery/types.ts'
import { type StatusObject, success } from '../answers.ts'
import { PODS, UNGUARDED } from './bind.ts'
import { setCondition } from './conditions.ts'

const BUDGETS = { group: 'policy', resource: 'poddisruptionbudgets' }
const MAX_DISRUPTED = 2000
const ATTEMPTS = 10

interface Eviction extends KubeObject {
  readonly deleteOptions?: DeleteOptions & { readonly dryRun?: readonly string[] }
}

export async function evictPod(namespace: string, name: string, body: KubeObject, context: RequestContext): Promise<StatusObject> {
  const { metadata, deleteOptions = {} } = body as Eviction
  if (metadata?.name !== name) throw badRequest('name in URL does not match name in Eviction object')
  const dryRun = context.dryRun || (deleteOptions.dryRun?.length ?? 0) > 0
  const evict = (pod: Pod, revision?: string) => remove(pod, withRevision(deleteOptions, revision), dryRun, context)

  const pod = await mustGet(context, namespace, name)
  if (ignoresBudgets(pod)) {
    const gone = pod.metadata.deletionTimestamp !== undefined || isFinished(pod)
    await retried(async () => {
      const current = await mustGet(context, namespace, name)
      await evict(current, gone ? undefined : current.metadata.resourceVersion)
    }, deleteOptions)
    return success(201)
  }
  const budgets = (await context.read.list<PodDisruptionBudget>(BUDGETS, namespace)).filter(budget =>
    matchesSelector(budget.spec?.selector, pod.metadata.labels),
  )
  if (budgets.length > 1) {
    const message = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.'
    throw new StatusError(500, '', message)
  }
  const budget = budgets[0]
  if (budget !== undefined && !mayGoUnhealthy(pod, budget)) {
    await takeFrom(budget, pod, dryRun, context)
    await evict(pod)
    return success(201)
  }
  try {
    await evict(pod, budget === undefined ? undefined : pod.metadata.resourceVersion)
  } catch (error) {
    // The pod that was seen unhealthy has changed: perhaps it is healthy by now.
    if (budget !== undefined && deleteOptions.preconditions?.resourceVersion === undefined && isStatus(error, 'Conflict'))
      throw stillProcessing(budget)
    throw error
  }
  return success(201)
}

const isFinished = ({ status }: Pod) => status?.phase === 'Succeeded' || status?.phase === 'Failed'

const ignoresBudgets = (pod: Pod) => isFinished(pod) || pod.status?.phase === 'Pending' || pod.metadata.deletionTimestamp !== undefined

async function mustGet(context: RequestContext, namespace: string, name: string): Promise<Pod> {
  const pod = await context.read.get<Pod>(PODS, namespace, name)
  if (pod === undefined) throw notFound(PODS, name)
  return pod
}

function withRevision(options: DeleteOptions, revision: string | undefined): DeleteOptions {
  if (revision === undefined || options.preconditions?.resourceVersion !== undefined) return options
  return { ...options, preconditions: { ...options.preconditions, resourceVersion: revision } }
}

async function retried(action: () => Promise<void>, options: DeleteOptions): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action()
    } catch (error) {
      if (attempt >= ATTEMPTS || options.preconditions?.resourceVersion !== undefined || !isStatus(error, 'Conflict')) throw error
    }
  }
}

async function remove(pod: Pod, options: DeleteOptions, dryRun: boolean, context: RequestContext): Promise<void> {
  const { namespace, name = '' } = pod.metadata
  if (dryRun) return
  let { preconditions } = options
  const latest = clone(await mustGet(context, namespace ?? '', name))
  checkPreconditions(latest, preconditions)
  latest.status ??= {}
  const condition = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' }
  setCondition(latest.status, condition, formatTime(context.now))
  const written = await context.client.updatePart<Pod>(PODS, UNGUARDED, latest)
  if (preconditions?.resourceVersion !== undefined) preconditions = { ...preconditions, resourceVersion: written.metadata.resourceVersion }
  const { gracePeriodSeconds, propagationPolicy } = options
  await context.client.delete(PODS, namespace, name, { gracePeriodSeconds, propagationPolicy, preconditions })
}

const KIND = { group: '', resource: 'Pod' }

function checkPreconditions({ metadata }: Pod, preconditions: DeleteOptions['preconditions']): void {
  const { uid, resourceVersion } = preconditions ?? {}
  const name = metadata.name ?? ''
  if (uid && uid !== metadata.uid) {
    const what = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid})`
    throw conflict(KIND, name, `${what}. The object might have been deleted and then recreated`)
  }
  if (resourceVersion && resourceVersion !== metadata.resourceVersion) {
    const what = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion})`
    throw conflict(KIND, name, `${what}. The object might have been modified`)
  }
}

/** A pod that does not serve anyway may go if its budget says so, or if enough others are healthy. */
function mayGoUnhealthy(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  if (pod.status?.conditions?.some(condition => condition.type === 'Ready' && condition.status === 'True')) return false
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true
  const desired = status?.desiredHealthy ?? 0
  return (status?.currentHealthy ?? 0) >= desired && desired > 0
}

const REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."

const refusal = (message: string, retryAfter: number) => tooManyRequests(REFUSED, [{ reason: 'DisruptionBudget', message }], retryAfter)

const stillProcessing = ({ metadata }: PodDisruptionBudget) =>
  refusal(`The disruption budget ${metadata.name} is still being processed by the server.`, 10)

/** Notes the disruption in the budget before the pod goes: the controller forgets it when the pod is gone. */
async function takeFrom(seen: PodDisruptionBudget, pod: Pod, dryRun: boolean, context: RequestContext): Promise<void> {
  let budget: PodDisruptionBudget | undefined = seen
  for (let attempt = 1; budget !== undefined; attempt++) {
    checkBudget(budget)
    if (dryRun) return
    try {
      await context.client.updateStatus(BUDGETS, disrupted(budget, pod.metadata.name ?? '', context.now))
      return
    } catch (error) {
      if (attempt >= ATTEMPTS || !isStatus(error, 'Conflict')) throw error
      budget = await context.read.get<PodDisruptionBudget>(BUDGETS, seen.metadata.namespace, seen.metadata.name ?? '')
    }
  }
}

function disrupted(budget: PodDisruptionBudget, pod: string, now: number): PodDisruptionBudget {
  const copy = clone(budget)
  const status = copy.status ?? { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 }
  status.disruptionsAllowed = (status.disruptionsAllowed ?? 0) - 1
  status.disruptedPods = { ...status.disruptedPods, [pod]: formatTime(now) }
  if (status.disruptionsAllowed === 0) {
    const condition = {
      type: 'DisruptionAllowed',
      status: 'False',
      reason: 'InsufficientPods',
      message: '',
      observedGeneration: status.observedGeneration,
    }
    const old = status.conditions?.find(other => other.type === condition.type)
    const lastTransitionTime = old?.status === 'False' ? old.lastTransitionTime : formatTime(now)
    const others = (status.conditions ?? []).filter(other => other !== old)
    status.conditions = [...others, { ...condition, lastTransitionTime }]
  }
  copy.status = status
  return copy
}

function checkBudget(budget: PodDisruptionBudget): void {
  const { metadata, status } = budget
  const name = metadata.name ?? ''
  const allowed = status?.disruptionsAllowed ?? 0
  const refuse = (why: string) => forbidden({ group: 'policy', resource: 'poddisruptionbudget' }, name, why)
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0)) throw stillProcessing(budget)
  if (allowed < 0) throw refuse('pdb disruptions allowed is negative')
  if (Object.keys(status?.disruptedPods ?? {}).length > MAX_DISRUPTED)
    throw refuse('DisruptedPods map too big - too many evictions not confirmed by PDB controller')
  if (allowed > 0) return
  const condition = status?.conditions?.find(
    ({ type, status: value, message }) => type === 'DisruptionAllowed' && value === 'False' && message,
  )
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {}
  const head = `The disruption budget ${name}`
  if (condition?.reason === 'SyncFailed')
    throw refusal(`${head} does not allow evicting pods currently because it failed sync: ${condition.message}`, 0)
  if (currentHealthy <= desiredHealthy) throw refusal(`${head} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`, 0)
  if (condition !== undefined)
    throw refusal(`${head} does not allow evicting pods currently (${condition.reason}): ${condition.message}`, 0)
  throw refusal(`${head} does not allow evicting pods currently`, 0)
}
