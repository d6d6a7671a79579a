// The bootstrap roles and bindings as objects (k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy).
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject } from '../api/rbac/v1.ts'
import { BOOTSTRAP_ROLES } from './bootstrap-roles.ts'

const RBAC = 'rbac.authorization.k8s.io'
const API_VERSION = `${RBAC}/v1`
const LABELS = { 'kubernetes.io/bootstrapping': 'rbac-defaults' }
const ANNOTATIONS = { 'rbac.authorization.kubernetes.io/autoupdate': 'true' }
const CONTROLLER = 'system:controller:'

const VERBS: Readonly<Record<string, string>> = {
  READ: 'get,list,watch',
  WRITE: 'create,delete,deletecollection,patch,update',
  ALL: 'create,delete,deletecollection,get,list,patch,update,watch',
}
const EVENTS = 'create,patch,update core,events.k8s.io events'

const metadata = (name: string, namespace?: string, labels: Readonly<Record<string, string>> = {}) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  labels: { ...LABELS, ...labels },
  annotations: { ...ANNOTATIONS },
})

function parseRule(line: string): PolicyRule {
  const [first = '', ...rest] = (line === 'EVENTS' ? EVENTS : line).split(' ')
  const verbs = (VERBS[first] ?? first).split(',')
  const [groups = '', resources, names] = rest
  if (resources === undefined) return { verbs, nonResourceURLs: groups.split(',') }
  const rule: PolicyRule = {
    verbs,
    apiGroups: groups.split(',').map(group => (group === 'core' ? '' : group)),
    resources: resources.split(','),
  }
  return names === undefined ? rule : { ...rule, resourceNames: names.split(',') }
}

export interface BootstrapPolicy {
  readonly clusterRoles: readonly ClusterRole[]
  readonly clusterRoleBindings: readonly ClusterRoleBinding[]
  readonly roles: readonly Role[]
  readonly roleBindings: readonly RoleBinding[]
}

export function bootstrapPolicy(): BootstrapPolicy {
  const clusterRoles: ClusterRole[] = []
  const roles: Role[] = []
  let rules: PolicyRule[] = []
  for (const line of BOOTSTRAP_ROLES.trim().split('\n')) {
    if (line.startsWith(' ')) {
      rules.push(parseRule(line.trim()))
      continue
    }
    rules = []
    const [name = '', where] = line.split(' @')
    if (where !== undefined) roles.push({ apiVersion: API_VERSION, kind: 'Role', metadata: metadata(name, where), rules })
    else
      clusterRoles.push({ apiVersion: API_VERSION, kind: 'ClusterRole', metadata: metadata(name, undefined, aggregateLabel(name)), rules })
  }
  return {
    clusterRoles: [...clusterRoles, ...AGGREGATED],
    clusterRoleBindings: [...clusterRoles.flatMap(controllerBinding), ...CLUSTER_BINDINGS],
    roles,
    roleBindings: roles.map(roleBinding),
  }
}

/** "system:aggregate-to-view" is put into "view" by its label. */
function aggregateLabel(name: string): Readonly<Record<string, string>> {
  const target = /^system:(aggregate-to-\w+)$/.exec(name)?.[1]
  return target === undefined ? {} : { [`${RBAC}/${target}`]: 'true' }
}

const aggregating = (name: string, labels: Readonly<Record<string, string>> = {}): ClusterRole => ({
  apiVersion: API_VERSION,
  kind: 'ClusterRole',
  metadata: metadata(name, undefined, labels),
  aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [`${RBAC}/aggregate-to-${name}`]: 'true' } }] },
  rules: [],
})

const AGGREGATED: readonly ClusterRole[] = [
  aggregating('admin'),
  aggregating('edit', { [`${RBAC}/aggregate-to-admin`]: 'true' }),
  aggregating('view', { [`${RBAC}/aggregate-to-edit`]: 'true' }),
]

const group = (name: string): Subject => ({ kind: 'Group', apiGroup: RBAC, name })
const user = (name: string): Subject => ({ kind: 'User', apiGroup: RBAC, name })
const account = (name: string): Subject => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' })

const bindCluster = (name: string, subjects: Subject[]): ClusterRoleBinding => ({
  apiVersion: API_VERSION,
  kind: 'ClusterRoleBinding',
  metadata: metadata(name),
  roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
  ...(subjects.length === 0 ? {} : { subjects }),
})

function controllerBinding({ metadata: { name = '' } }: ClusterRole): ClusterRoleBinding[] {
  return name.startsWith(CONTROLLER) ? [bindCluster(name, [account(name.slice(CONTROLLER.length))])] : []
}

const CLUSTER_BINDINGS: readonly ClusterRoleBinding[] = [
  bindCluster('cluster-admin', [group('system:masters')]),
  bindCluster('system:monitoring', [group('system:monitoring')]),
  bindCluster('system:discovery', [group('system:authenticated')]),
  bindCluster('system:basic-user', [group('system:authenticated')]),
  bindCluster('system:public-info-viewer', [group('system:authenticated'), group('system:unauthenticated')]),
  bindCluster('system:node-proxier', [user('system:kube-proxy')]),
  bindCluster('system:kube-controller-manager', [user('system:kube-controller-manager')]),
  bindCluster('system:kube-dns', [account('kube-dns')]),
  bindCluster('system:kube-scheduler', [user('system:kube-scheduler')]),
  bindCluster('system:volume-scheduler', [user('system:kube-scheduler')]),
  bindCluster('system:node', []),
  bindCluster('system:service-account-issuer-discovery', [group('system:serviceaccounts')]),
]

const ROLE_SUBJECTS: Readonly<Record<string, Subject[]>> = {
  'extension-apiserver-authentication-reader': [user('system:kube-controller-manager'), user('system:kube-scheduler')],
  'system::leader-locking-kube-controller-manager': [user('system:kube-controller-manager'), account('kube-controller-manager')],
  'system::leader-locking-kube-scheduler': [user('system:kube-scheduler'), account('kube-scheduler')],
}
const BINDING_NAMES: Readonly<Record<string, string>> = {
  'extension-apiserver-authentication-reader': 'system::extension-apiserver-authentication-reader',
}

function roleBinding({ metadata: { name = '', namespace } }: Role): RoleBinding {
  return {
    apiVersion: API_VERSION,
    kind: 'RoleBinding',
    metadata: metadata(BINDING_NAMES[name] ?? name, namespace),
    roleRef: { apiGroup: RBAC, kind: 'Role', name },
    subjects: ROLE_SUBJECTS[name] ?? [account(name.slice(CONTROLLER.length))],
  }
}
