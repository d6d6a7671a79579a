// The account of a cluster that tokens for it are of. Loaded with the first request for one.
import type { ServiceAccount } from '../../shared/api/core/v1.ts'
import type { ClusterRoleBinding } from '../../shared/api/rbac/v1.ts'
import type { Client } from '../../shared/apimachinery/client.ts'
import type { RequestContext } from '../../shared/apimachinery/context.ts'
import { createReader, type Machinery } from '../../shared/apimachinery/machinery.ts'
import { isStatus } from '../../shared/apimachinery/status-error.ts'
import type { GroupResource, KubeObject } from '../../shared/apimachinery/types.ts'
import { tokenAction } from '../../shared/auth/token-action.ts'
import { CLUSTER_ROLES, SERVICE_ACCOUNTS } from '../../shared/controllers/collections.ts'

const ACCOUNT = { namespace: 'kube-system', name: 'cluster-admin' }
const BINDINGS: GroupResource = { ...CLUSTER_ROLES, resource: 'clusterrolebindings' }

/** @param machinery of that cluster. @param request a TokenRequest. Answers it with its status. */
export async function issueClusterToken(machinery: Machinery, request: KubeObject, context: RequestContext): Promise<KubeObject> {
  await ensureAccount(machinery.client)
  const { create } = tokenAction(machinery.store, machinery.now)
  const call = { ...ACCOUNT, query: new URLSearchParams(), path: '' }
  // Of what the cluster has: the request's own context reads in the default one.
  return create!(call, { ...request, metadata: { name: '' } }, { ...context, read: createReader(machinery.store) })
}

async function ensureAccount(client: Client): Promise<void> {
  const { namespace, name } = ACCOUNT
  await ensure<ServiceAccount>(client, SERVICE_ACCOUNTS, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name } })
  await ensure<ClusterRoleBinding>(client, BINDINGS, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: `zeroplane:${name}` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', namespace, name }],
  })
}

async function ensure<T extends KubeObject>(client: Client, resource: GroupResource, object: T): Promise<void> {
  if ((await client.get(resource, object.metadata.namespace, object.metadata.name)) !== undefined) return
  try {
    await client.create<T>(resource, object)
  } catch (error) {
    if (!isStatus(error, 'AlreadyExists')) throw error
  }
}
