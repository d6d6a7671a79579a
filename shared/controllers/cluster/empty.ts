// One look at a cluster that is being deleted, from inside: whatever has something outside of the store goes the way it always goes (pods stop
// their tasks, volumes and queues their AWS resources), so namespaces are deleted, all of them, then what else has finalizers. The rest is
// items in the store, and goes with them.
import type { Node } from '../../api/core/v1.ts'
import type { Machinery } from '../../apimachinery/machinery.ts'
import type { GroupResource, KubeObject } from '../../apimachinery/types.ts'
import { ConflictError, NotFoundError, type Stored } from '../../store/types.ts'
import { all } from '../bursts.ts'
import { NAMESPACES, NODES, PERSISTENT_VOLUMES } from '../collections.ts'
import { unlessGone } from '../owners.ts'
import { timestamp } from '../time.ts'

export interface Emptied {
  /** What is still there and why, for people; empty: nothing that must go by itself. */
  readonly left: string
}

const admission = (resource: string): GroupResource => ({ group: 'admissionregistration.k8s.io', resource })

/** Whoever might forbid deletions, as likely as not served by the pods that are going. */
const DOORKEEPERS = [
  admission('validatingwebhookconfigurations'),
  admission('mutatingwebhookconfigurations'),
  admission('validatingadmissionpolicybindings'),
]

export async function empty(cluster: Machinery): Promise<Emptied> {
  for (const resource of DOORKEEPERS) await remove(cluster, resource, await objects(cluster, resource))
  // Pods of nodes that are not there are let go; ours come back, and stay until they go with everything.
  await remove(cluster, NODES, (await objects(cluster, NODES)).filter(isForeign))
  const namespaces = await cluster.store.list(NAMESPACES)
  if (namespaces.items.length > 0) {
    await all(namespaces.items, stored => terminate(cluster, stored))
    return { left: `Some namespaces are remaining: ${namespaces.items.map(({ object }) => object.metadata.name).join(', ')}` }
  }
  await cluster.registry.refresh()
  const left: string[] = []
  for (const resource of withoutNamespace(cluster)) {
    const held = (await objects(cluster, resource)).filter(object => isHeld(resource, object))
    await remove(cluster, resource, held)
    for (const { metadata } of held) {
      left.push(
        `${resource.resource} ${metadata.name}${metadata.finalizers?.length ? ` (finalizers ${metadata.finalizers.join(', ')})` : ''}`,
      )
    }
  }
  return { left: left.length === 0 ? '' : `Some resources are remaining: ${left.join(', ')}` }
}

/** Three namespaces are not to be deleted while their cluster lives; here it does not. What follows is the namespace controller's, as ever. */
async function terminate({ store, now }: Machinery, { key, object, revision }: Stored): Promise<void> {
  if (object.metadata.deletionTimestamp !== undefined) return
  const { status } = object as KubeObject & { status?: object }
  const ending = {
    ...object,
    metadata: { ...object.metadata, deletionTimestamp: timestamp(now()) },
    status: { ...status, phase: 'Terminating' },
  }
  try {
    await store.update(NAMESPACES, key, ending, revision)
  } catch (error) {
    // The next look sees it as it is then.
    if (!(error instanceof ConflictError) && !(error instanceof NotFoundError)) throw error
  }
}

const isForeign = (node: KubeObject) => !(node as Node).spec?.providerID?.startsWith('ecs://')

const isHeld = (resource: GroupResource, { metadata }: KubeObject) =>
  (metadata.finalizers ?? []).length > 0 || resource.resource === PERSISTENT_VOLUMES.resource

function withoutNamespace({ registry }: Machinery): GroupResource[] {
  return registry.definitions
    .filter(({ namespaced, verbs, virtual, virtualList }) => {
      return !namespaced && virtual === undefined && virtualList === undefined && (verbs === undefined || verbs.includes('delete'))
    })
    .map(({ group, resource }) => ({ group, resource }))
}

const objects = async ({ store }: Machinery, resource: GroupResource) => (await store.list(resource)).items.map(({ object }) => object)

async function remove({ client }: Machinery, resource: GroupResource, objects: readonly KubeObject[]): Promise<void> {
  const fresh = objects.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  await all(fresh, ({ metadata: { name, uid } }) =>
    unlessGone(() => client.delete(resource, undefined, name, { propagationPolicy: 'Background', preconditions: { uid } })),
  )
}
