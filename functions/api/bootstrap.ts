// Objects that every cluster has, made at its first start. Every step can be repeated.
import type { Machinery } from '../../shared/apimachinery/machinery.ts'
import { isStatus } from '../../shared/apimachinery/status-error.ts'
import type { GroupResource, KubeObject } from '../../shared/apimachinery/types.ts'

const NAMESPACES: GroupResource = { group: '', resource: 'namespaces' }
const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

export async function bootstrap(machinery: Machinery): Promise<void> {
  for (const name of SYSTEM_NAMESPACES) await ensure(machinery, NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
}

async function ensure({ client, store, registry }: Machinery, resource: GroupResource, object: KubeObject): Promise<void> {
  if (registry.storage(resource) === undefined) return
  const { namespace = '', name } = object.metadata
  if ((await store.get(resource, `${namespace}/${name}`)) !== undefined) return
  try {
    await client.create(resource, object)
  } catch (error) {
    // Another environment that starts at the same time was faster.
    if (!isStatus(error, 'AlreadyExists')) throw error
  }
}
