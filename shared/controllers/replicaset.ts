// ReplicaSets: as many pods as spec.replicas says.
import type { ReplicaSet } from '../api/apps/v1.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import { PODS, REPLICA_SETS } from './collections.ts'
import { controllerOf } from './owners.ts'
import { keepReplicas } from './replicas.ts'
import { matches } from './selectors.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
import { keyOf, own, owned, splitName } from './watches.ts'

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const { namespace, name } = splitKey(key)
  const sets = await context.informer(REPLICA_SETS)
  const target = splitName(name)
  if (target.about === 'pod') {
    const pod = (await context.informer(PODS)).get(objectKey(namespace, target.name))?.object
    if (pod === undefined || controllerOf(pod) !== undefined) return undefined
    for (const { object } of sets.list(`${namespace}/`)) {
      if (matches((object as ReplicaSet).spec.selector, pod.metadata.labels)) return { also: [keyOf(object)] }
    }
    return undefined
  }
  const set = sets.get(key)?.object as ReplicaSet | undefined
  if (set === undefined) return undefined
  return keepReplicas(
    {
      object: set,
      resource: REPLICA_SETS,
      replicas: set.spec.replicas ?? 1,
      minReadySeconds: set.spec.minReadySeconds ?? 0,
      selector: set.spec.selector,
      template: set.spec.template!,
      countsTerminating: true,
      siblings: sets,
    },
    context,
  )
}

export const replicaSetController: Controller = {
  name: 'replicaset',
  watches: [own(REPLICA_SETS), owned(PODS, { group: 'apps', kind: 'ReplicaSet' }, 'pod')],
  reconcile,
}
