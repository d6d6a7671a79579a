// Pod garbage collection: pods whose node is no more, pods told to end that nobody runs, and finished pods when there are very many.
import type { Node, Pod } from '../api/core/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import { all } from './bursts.ts'
import { NODES, PODS } from './collections.ts'
import { findCondition } from './conditions.ts'
import { podsOn } from './nodelifecycle.ts'
import { isFinished } from './pods.ts'
import { parseTime, timestamp } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
import { splitName } from './watches.ts'

/** A node may be on its way: pods bound to one that does not exist are left alone for so long. */
const QUARANTINE_MS = 40_000
/** Finished pods that are kept, over all namespaces. */
const MOST_FINISHED = 12_500
const FINISHED = 'finished'
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service'

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const { namespace, name: what } = splitKey(key)
  const { about, name } = splitName(what)
  const pods = await context.informer(PODS)
  if (about === 'node') return orphaned(name, context)
  if (about === 'missed') return missed(name, context)
  if (about === 'finished') return tooMany(context)
  const pod = pods.get(objectKey(namespace, name))?.object as Pod | undefined
  if (pod?.metadata.deletionTimestamp !== undefined && !pod.spec.nodeName) await remove(pod, context)
  return undefined
}

async function orphaned(name: string, context: ControllerContext): Promise<Outcome | undefined> {
  const node = (await context.informer(NODES)).get(objectKey(undefined, name))?.object as Node | undefined
  if (node !== undefined && !isOutOfService(node)) return undefined
  const pods = podsOn(await context.informer(PODS), name)
  if (pods.length === 0) return undefined
  // Since when it is missed is in the key, which the queue keeps: whoever is woken knows it. Whole seconds: pods that come together ask once.
  if (node === undefined) return { also: [objectKey(undefined, `missed:${Math.ceil(context.now() / 1000) * 1000}:${name}`)] }
  await all(
    pods.filter(({ metadata }) => metadata.deletionTimestamp !== undefined),
    pod => remove(pod, context),
  )
  return undefined
}

/** "<since, ms since the epoch>:<node>" */
async function missed(what: string, context: ControllerContext): Promise<Outcome | undefined> {
  const colon = what.indexOf(':')
  const name = what.slice(colon + 1)
  const since = Number(what.slice(0, colon))
  const left = since + QUARANTINE_MS - context.now()
  if (left > 0) return { requeueAfter: left / 1000 }
  // Pods that came later have a time of their own: their owner makes new ones as fast as they go.
  const pods = podsOn(await context.informer(PODS), name).filter(({ metadata }) => parseTime(metadata.creationTimestamp ?? '') <= since)
  if (pods.length === 0 || (await context.client.get(NODES, undefined, name)) !== undefined) return undefined
  await all(pods, pod => remove(pod, context, { reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' }))
  return undefined
}

const isOutOfService = ({ spec, status }: Node): boolean =>
  findCondition(status?.conditions, 'Ready')?.status !== 'True' && (spec?.taints?.some(({ key }) => key === OUT_OF_SERVICE) ?? false)

async function tooMany(context: ControllerContext): Promise<undefined> {
  const pods = await context.informer(PODS)
  pods.addIndex(FINISHED, object => (isFinished(object as Pod) ? [''] : []))
  const finished = pods.byIndex(FINISHED, '').map(({ object }) => object as Pod)
  if (finished.length <= MOST_FINISHED) return
  const evicted = (pod: Pod) => (pod.status?.reason === 'Evicted' ? 0 : 1)
  const created = ({ metadata }: Pod) => metadata.creationTimestamp ?? ''
  finished.sort((a, b) => evicted(a) - evicted(b) || (created(a) < created(b) ? -1 : 1))
  await all(finished.slice(0, finished.length - MOST_FINISHED), pod => remove(pod, context))
}

/** Deletes without waiting for anybody. A pod that has not ended is failed first: whoever counts it must not take it for a success. */
async function remove(
  pod: Pod,
  { client, now }: ControllerContext,
  why?: { readonly reason: string; readonly message: string },
): Promise<void> {
  const { namespace, name, uid, generation: observedGeneration } = pod.metadata
  try {
    if (!isFinished(pod)) {
      const lastTransitionTime = timestamp(now())
      const conditions =
        why === undefined ? [] : [{ type: 'DisruptionTarget', status: 'True', ...why, observedGeneration, lastTransitionTime }]
      await client.patch(PODS, namespace, name, {
        type: 'strategic',
        subresource: 'status',
        body: { metadata: { uid }, status: { phase: 'Failed', observedGeneration, ...(conditions.length === 0 ? {} : { conditions }) } },
      })
    }
    await client.delete(PODS, namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } })
  } catch (error) {
    if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error
  }
}

const nodeKey = (name: string): string => objectKey(undefined, `node:${name}`)

export const podGarbageCollector: Controller = {
  name: 'pod-garbage-collector',
  component: 'pod-garbage-collector',
  watches: [
    {
      resource: PODS,
      *keys({ type, object, previous, key }) {
        if (type === 'deleted') return
        const pod = object as Pod
        const before = previous as Pod | undefined
        const { nodeName } = pod.spec
        const going = pod.metadata.deletionTimestamp !== undefined && before?.metadata.deletionTimestamp === undefined
        if (nodeName && (before?.spec.nodeName !== nodeName || going)) yield nodeKey(nodeName)
        if (!nodeName && going) yield key
        if (isFinished(pod) && (before === undefined || !isFinished(before))) yield objectKey(undefined, 'finished:')
      },
    },
    {
      resource: NODES,
      keys: ({ type, object }) => (type === 'deleted' || isOutOfService(object as Node) ? [nodeKey(object.metadata.name)] : []),
    },
  ],
  reconcile,
}
