// Objects that every cluster has, made at its first start. Every step can be repeated; what somebody changed since is left alone.
import { createHash } from 'node:crypto'
import type { ClusterRole } from '../../shared/api/rbac/v1.ts'
import type { Machinery } from '../../shared/apimachinery/machinery.ts'
import { isStatus } from '../../shared/apimachinery/status-error.ts'
import { type GroupResource, type KubeObject, objectKey } from '../../shared/apimachinery/types.ts'
import { bootstrapPolicy } from '../../shared/auth/bootstrap-policy.ts'
import { ExistsError } from '../../shared/store/types.ts'
import { type BootstrapOptions, bootstrapObjects } from './bootstrap-objects.ts'

/** Registered nowhere: no request names it. */
const MARKERS: GroupResource = { group: 'internal.zeroplane', resource: 'bootstraps' }
/** A first start over the network is a hundred writes; so many at once. */
const CONCURRENCY = 16

export interface Seed {
  readonly resource: GroupResource
  readonly object: KubeObject
}

/** One read when nothing is to do, as at every start but the first. */
export async function bootstrap(machinery: Machinery, options: BootstrapOptions, roles: readonly ClusterRole[] = []): Promise<void> {
  const stages = seeds(machinery, options, roles)
  const key = objectKey(undefined, fingerprint(stages))
  if ((await machinery.store.get(MARKERS, key)) !== undefined) return
  for (const stage of stages) await inParallel(stage, seed => ensure(machinery, seed))
  await ensure(machinery, tracking(machinery.now()))
  try {
    await machinery.store.create(MARKERS, key, { apiVersion: 'internal.zeroplane/v1', kind: 'Bootstrap', metadata: { name: key.slice(1) } })
  } catch (error) {
    if (!(error instanceof ExistsError)) throw error
  }
}

/** From this day on uses of tokens in Secrets are noted. */
const tracking = (now: number): Seed => ({
  resource: { group: '', resource: 'configmaps' },
  object: {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'kube-system', name: 'kube-apiserver-legacy-service-account-token-tracking' },
    data: { since: new Date(now).toISOString().slice(0, 10) },
  } as KubeObject,
})

/** In stages: what is in a namespace comes after the namespaces. */
function seeds({ registry }: Machinery, options: BootstrapOptions, roles: readonly ClusterRole[]): Seed[][] {
  const policy = bootstrapPolicy()
  const rbac = (resource: string, objects: readonly KubeObject[]): Seed[] =>
    objects.map(object => ({ resource: { group: 'rbac.authorization.k8s.io', resource }, object }))
  const objects = bootstrapObjects(registry, options)
  return [
    [
      ...objects.cluster,
      ...rbac('clusterroles', [...policy.clusterRoles, ...roles]),
      ...rbac('clusterrolebindings', policy.clusterRoleBindings),
    ],
    [...objects.namespaced, ...rbac('roles', policy.roles), ...rbac('rolebindings', policy.roleBindings)],
  ].map(stage => stage.filter(({ resource }) => registry.storage(resource) !== undefined))
}

/** Changes when a newer version brings other objects. */
const fingerprint = (stages: readonly Seed[][]) => createHash('sha256').update(JSON.stringify(stages)).digest('hex').slice(0, 16)

async function ensure({ client }: Machinery, { resource, object }: Seed): Promise<void> {
  try {
    await client.create(resource, object)
  } catch (error) {
    // There since an earlier start, or from another environment that starts at the same time.
    if (isStatus(error, 'AlreadyExists')) return
    // A Service that is there already is refused for its address, before anybody looks at its name.
    const { name, namespace } = object.metadata
    if ((await client.get(resource, namespace, name)) === undefined) throw error
  }
}

async function inParallel<T>(items: readonly T[], action: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const work = async () => {
    while (next < items.length) await action(items[next++] as T)
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, work))
}
