// What selects the pods that belong together with a pod: its Services and its workload. They are spread even if nobody asked for it.
import type { ReplicaSet } from '../api/apps/v1.ts'
import type { ReplicationController, Service } from '../api/core/v1.ts'
import type { GroupResource, LabelSelector } from '../apimachinery/types.ts'
import { objectKey } from '../apimachinery/types.ts'
import type { PodInfo } from '../scheduling/pod-info.ts'
import type { Informer } from '../store/types.ts'
import { REPLICA_SETS, REPLICATION_CONTROLLERS, SERVICES, STATEFUL_SETS } from './collections.ts'
import { canonical } from './equality.ts'
import { controllerOf } from './owners.ts'
import { isEmptySelector, matchesLabels } from './selectors.ts'
import type { ControllerContext } from './types.ts'

const WORKLOADS: ReadonlyMap<string, GroupResource> = new Map([
  ['v1/ReplicationController', REPLICATION_CONTROLLERS],
  ['apps/v1/ReplicaSet', REPLICA_SETS],
  ['apps/v1/StatefulSet', STATEFUL_SETS],
])

export async function siblingSelectors({ informer }: ControllerContext): Promise<(info: PodInfo) => LabelSelector | undefined> {
  const services = await informer(SERVICES)
  const workloads = new Map<string, Informer>()
  for (const [kind, resource] of WORKLOADS) workloads.set(kind, await informer(resource))
  const known = new Map<string, LabelSelector | undefined>()

  const find = ({ pod }: PodInfo): LabelSelector | undefined => {
    const { namespace, labels } = pod.metadata
    let matchLabels: Record<string, string> = {}
    for (const { object } of services.list(objectKey(namespace, ''))) {
      const selector = (object as Service).spec?.selector
      if (selector !== undefined && Object.keys(selector).length > 0 && matchesLabels(selector, labels))
        matchLabels = { ...matchLabels, ...selector }
    }
    const controller = controllerOf(pod)
    const owner = workloads.get(`${controller?.apiVersion}/${controller?.kind}`)?.get(objectKey(namespace, controller?.name ?? ''))?.object
    if (owner === undefined) return { matchLabels }
    if (owner.kind === 'ReplicationController')
      return { matchLabels: { ...matchLabels, ...(owner as ReplicationController).spec?.selector } }
    const { selector } = (owner as ReplicaSet).spec
    return { matchLabels: { ...matchLabels, ...selector.matchLabels }, matchExpressions: selector.matchExpressions }
  }

  return info => {
    const { namespace, labels } = info.pod.metadata
    const id = canonical([namespace, labels, controllerOf(info.pod)?.uid])
    if (!known.has(id)) {
      const selector = find(info)
      known.set(id, isEmptySelector(selector) ? undefined : selector)
    }
    return known.get(id)
  }
}
