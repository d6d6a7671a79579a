// What every cluster has of flow control (k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap). Nothing here is kept waiting by priority,
// so they say what upstream's would, and are not made before somebody looks: a cluster where nobody does pays nothing for them.
import type {
  FlowSchema,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  ResourcePolicyRule,
  Subject,
} from '../../api/flowcontrol/v1.ts'
import type { RequestContext } from '../../apimachinery/context.ts'
import { isStatus } from '../../apimachinery/status-error.ts'
import type { GroupResource, KubeObject } from '../../apimachinery/types.ts'
import { FLOW_SCHEMAS, PRIORITY_LEVELS } from './lazy.ts'

const API_VERSION = 'flowcontrol.apiserver.k8s.io/v1'
/** Upstream brings such objects up to date when a newer version says otherwise. */
const annotations = { 'apf.kubernetes.io/autoupdate-spec': 'true' }
const ALL = ['*']
const NODES = 'system:nodes'
const EVERYBODY = ['system:unauthenticated', 'system:authenticated']

function level(name: string, spec: PriorityLevelConfigurationSpec): PriorityLevelConfiguration {
  return { apiVersion: API_VERSION, kind: 'PriorityLevelConfiguration', metadata: { name, annotations: { ...annotations } }, spec }
}

/** Shares of the server's concurrency, how many of a hundred of them others may borrow, and queues: number, hand size. */
function queued(name: string, nominalConcurrencyShares: number, lendablePercent: number, queues: number, handSize: number) {
  const limitResponse = { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 50 } }
  return level(name, { type: 'Limited', limited: { nominalConcurrencyShares, lendablePercent, limitResponse } })
}

const LEVELS: readonly PriorityLevelConfiguration[] = [
  level('exempt', { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }),
  level('catch-all', {
    type: 'Limited',
    limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } },
  }),
  queued('system', 30, 33, 64, 6),
  queued('node-high', 40, 25, 64, 6),
  queued('leader-election', 10, 0, 16, 4),
  queued('workload-high', 40, 50, 128, 6),
  queued('workload-low', 100, 90, 128, 6),
  queued('global-default', 20, 50, 128, 6),
]

const groups = (...names: string[]): Subject[] => names.map(name => ({ kind: 'Group', group: { name } }))
const users = (...names: string[]): Subject[] => names.map(name => ({ kind: 'User', user: { name } }))
const systemAccounts: Subject = { kind: 'ServiceAccount', serviceAccount: { name: '*', namespace: 'kube-system' } }

const EVERYTHING = {
  resourceRules: [{ verbs: ALL, apiGroups: ALL, resources: ALL, clusterScope: true, namespaces: ALL }],
  nonResourceRules: [{ verbs: ALL, nonResourceURLs: ALL }],
}
const rule = (verbs: string[], group: string, resources: string[], clusterScope?: true): ResourcePolicyRule => ({
  verbs,
  apiGroups: [group],
  resources,
  ...(clusterScope && { clusterScope }),
  namespaces: ALL,
})

function schema(
  name: string,
  priorityLevel: string,
  matchingPrecedence: number,
  distinguisher: 'ByUser' | 'ByNamespace' | undefined,
  subjects: Subject[],
  rules: object = EVERYTHING,
): FlowSchema {
  return {
    apiVersion: API_VERSION,
    kind: 'FlowSchema',
    metadata: { name, annotations: { ...annotations } },
    spec: {
      priorityLevelConfiguration: { name: priorityLevel },
      matchingPrecedence,
      ...(distinguisher && { distinguisherMethod: { type: distinguisher } }),
      rules: [{ subjects, ...rules }],
    },
  }
}

const MANAGER = 'system:kube-controller-manager'
const SCHEDULER = 'system:kube-scheduler'
const LEASES = 'coordination.k8s.io'

const SCHEMAS: readonly FlowSchema[] = [
  schema('exempt', 'exempt', 1, undefined, groups('system:masters')),
  schema('probes', 'exempt', 2, undefined, groups(...EVERYBODY), {
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  }),
  schema('system-leader-election', 'leader-election', 100, 'ByUser', [...users(MANAGER, SCHEDULER), systemAccounts], {
    resourceRules: [rule(['get', 'create', 'update'], LEASES, ['leases'])],
  }),
  schema('system-node-high', 'node-high', 400, 'ByUser', groups(NODES), {
    resourceRules: [rule(ALL, '', ['nodes', 'nodes/status'], true), rule(ALL, LEASES, ['leases'])],
  }),
  schema('system-nodes', 'system', 500, 'ByUser', groups(NODES)),
  schema('kube-controller-manager', 'workload-high', 800, 'ByNamespace', users(MANAGER)),
  schema('kube-scheduler', 'workload-high', 800, 'ByNamespace', users(SCHEDULER)),
  schema('kube-system-service-accounts', 'workload-high', 900, 'ByNamespace', [systemAccounts]),
  schema('service-accounts', 'workload-low', 9000, 'ByUser', groups('system:serviceaccounts')),
  schema('global-default', 'global-default', 9900, 'ByUser', groups(...EVERYBODY)),
  schema('catch-all', 'catch-all', 10_000, 'ByUser', groups(...EVERYBODY)),
]

/** Makes those that are missing: levels first, since schemas say whether theirs is there. */
export async function makeFirstObjects({ client, read }: RequestContext): Promise<void> {
  const ensure = async (resource: GroupResource, wanted: readonly KubeObject[]) => {
    const present = new Set((await read.list(resource)).map(({ metadata }) => metadata.name))
    await Promise.all(wanted.filter(({ metadata }) => !present.has(metadata.name)).map(object => create(resource, object)))
  }
  // Another environment may be doing the same.
  const create = (resource: GroupResource, object: KubeObject) =>
    client.create(resource, object).catch(error => {
      if (!isStatus(error, 'AlreadyExists')) throw error
    })
  await ensure(PRIORITY_LEVELS, LEVELS)
  await ensure(FLOW_SCHEMAS, SCHEMAS)
}
