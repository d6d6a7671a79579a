// ReplicationControllers: ReplicaSets with the older kind of selector.
import type { ReplicationController } from '../api/core/v1.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import { PODS, REPLICATION_CONTROLLERS } from './collections.ts'
import { controllerOf } from './owners.ts'
import { keepReplicas, type PodKeeper } from './replicas.ts'
import { matchesLabels } from './selectors.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
import { keyOf, own, owned, splitName } from './watches.ts'

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const { namespace, name } = splitKey(key)
  const controllers = await context.informer(REPLICATION_CONTROLLERS)
  const target = splitName(name)
  if (target.about === 'pod') {
    const pod = (await context.informer(PODS)).get(objectKey(namespace, target.name))?.object
    if (pod === undefined || controllerOf(pod) !== undefined) return undefined
    for (const { object } of controllers.list(`${namespace}/`)) {
      if (selects(object as ReplicationController, pod)) return { also: [keyOf(object)] }
    }
    return undefined
  }
  const controller = controllers.get(key)?.object as ReplicationController | undefined
  if (controller === undefined) return undefined
  return keepReplicas(
    {
      object: controller as PodKeeper['object'],
      resource: REPLICATION_CONTROLLERS,
      replicas: controller.spec?.replicas ?? 1,
      minReadySeconds: controller.spec?.minReadySeconds ?? 0,
      selector: { matchLabels: controller.spec?.selector },
      template: controller.spec!.template!,
      countsTerminating: false,
      siblings: controllers,
    },
    context,
  )
}

function selects({ spec }: ReplicationController, pod: KubeObject): boolean {
  return Object.keys(spec?.selector ?? {}).length > 0 && matchesLabels(spec?.selector, pod.metadata.labels)
}

export const replicationController: Controller = {
  name: 'replicationcontroller',
  component: 'replication-controller',
  watches: [own(REPLICATION_CONTROLLERS), owned(PODS, { group: '', kind: 'ReplicationController' }, 'pod')],
  reconcile,
}
