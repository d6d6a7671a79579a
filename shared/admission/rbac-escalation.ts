// Nobody hands out rights that he does not have: roles and bindings are compared with what their writer may do himself
// (k8s.io/kubernetes/pkg/registry/rbac/validation).
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from '../api/rbac/v1.ts'
import type { AdmissionPlugin, Attributes } from '../apimachinery/admission.ts'
import type { UserInfo } from '../apimachinery/context.ts'
import { equal } from '../apimachinery/objects.ts'
import { forbidden, notFound } from '../apimachinery/status-error.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import type { RbacAuthorizer } from '../auth/rbac.ts'
import { MASTERS } from '../auth/types.ts'
import { objectOf } from './attributes.ts'

const GROUP = 'rbac.authorization.k8s.io'
const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]

export const rbacEscalation = (rbac: RbacAuthorizer): AdmissionPlugin => ({
  name: 'RBACEscalation',
  async mutate(attributes) {
    const { endpoint, subresource, operation, context } = attributes
    const { group, resource } = endpoint.collection
    if (group !== GROUP || subresource !== '' || operation === 'DELETE' || context.user.groups.includes(MASTERS)) return
    if (attributes.old !== undefined && changesOnlyCollection(objectOf(attributes), attributes.old)) return
    if (resource === 'roles' || resource === 'clusterroles') await checkRole(rbac, attributes)
    else if (resource === 'rolebindings' || resource === 'clusterrolebindings') await checkBinding(rbac, attributes)
  },
})

/** The garbage collector may write finalizers and owners of roles that it could not hand out. */
function changesOnlyCollection(object: KubeObject, old: KubeObject): boolean {
  const rest = ({ metadata: { finalizers: _, ownerReferences: __, managedFields: ___, ...metadata }, ...members }: KubeObject) => ({
    ...members,
    metadata,
  })
  return equal(rest(object), rest(old))
}

async function checkRole(rbac: RbacAuthorizer, attributes: Attributes): Promise<void> {
  const { endpoint, namespace, name, operation, context } = attributes
  const role = objectOf<Role & ClusterRole>(attributes)
  // A name does not count while the object is only made.
  if (await may(rbac, context.user, 'escalate', endpoint.resource, namespace, operation === 'CREATE' ? '' : name)) return
  await confirm(rbac, attributes, role.rules ?? [])
  if (role.aggregationRule === undefined) return
  const { missing } = await missingRights(rbac, context.user, namespace, EVERYTHING)
  if (missing.length > 0) throw forbidden(endpoint.collection, name, 'must have cluster-admin privileges to use the aggregationRule')
}

async function checkBinding(rbac: RbacAuthorizer, attributes: Attributes): Promise<void> {
  const { endpoint, namespace, context } = attributes
  const { kind, name } = objectOf<RoleBinding | ClusterRoleBinding>(attributes).roleRef
  if (await may(rbac, context.user, 'bind', kind === 'Role' ? 'roles' : 'clusterroles', namespace, name)) return
  const role = await rbac.role(kind, namespace, name)
  if (role === undefined) throw notFound(endpoint.collection, name)
  await confirm(rbac, attributes, role.rules ?? [])
}

async function may(
  rbac: RbacAuthorizer,
  user: UserInfo,
  verb: string,
  resource: string,
  namespace: string,
  name: string,
): Promise<boolean> {
  const decision = await rbac.authorize({
    user,
    verb,
    isResource: true,
    group: GROUP,
    version: '*',
    resource,
    subresource: '',
    namespace,
    name,
    path: '',
  })
  return decision.allowed
}

async function missingRights(rbac: RbacAuthorizer, user: UserInfo, namespace: string, wanted: readonly PolicyRule[]) {
  const { rules, errors } = await rbac.rulesFor(user, namespace)
  const missing = wanted.flatMap(singleRights).filter(right => !rules.some(({ rule }) => covers(rule, right)))
  return { missing, errors }
}

async function confirm(
  rbac: RbacAuthorizer,
  { endpoint, namespace, name, context: { user } }: Attributes,
  wanted: readonly PolicyRule[],
): Promise<void> {
  const { missing, errors } = await missingRights(rbac, user, namespace, wanted)
  if (missing.length === 0) return
  const rights = [...new Set(compact(missing).map(describe))].sort().join('\n')
  const resolution = errors.length === 0 ? '' : `; resolution errors: [${errors.join(', ')}]`
  throw forbidden(
    endpoint.collection,
    name,
    `user ${JSON.stringify(user.name)} (groups=${goList(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${rights}${resolution}`,
  )
}

/** A rule taken apart: one group, one resource, one verb, one name each. */
export function singleRights(rule: PolicyRule): PolicyRule[] {
  const rights: PolicyRule[] = []
  for (const group of rule.apiGroups ?? []) {
    for (const resource of rule.resources ?? []) {
      for (const verb of rule.verbs) {
        const right: PolicyRule = { verbs: [verb], apiGroups: [group], resources: [resource] }
        if (!rule.resourceNames?.length) rights.push(right)
        for (const name of rule.resourceNames ?? []) rights.push({ ...right, resourceNames: [name] })
      }
    }
  }
  for (const url of rule.nonResourceURLs ?? []) for (const verb of rule.verbs) rights.push({ verbs: [verb], nonResourceURLs: [url] })
  return rights
}

const has = (owned: readonly string[] | undefined, wanted: readonly string[] | undefined) =>
  owned?.includes('*') === true || (wanted ?? []).every(one => owned?.includes(one))

/** Whether a rule contains a single right. */
export function covers(owned: PolicyRule, right: PolicyRule): boolean {
  if (!has(owned.verbs, right.verbs)) return false
  if (right.nonResourceURLs !== undefined)
    return right.nonResourceURLs.every(url => (owned.nonResourceURLs ?? []).some(pattern => coversPath(pattern, url)))
  const names = right.resourceNames?.length
    ? !owned.resourceNames?.length || right.resourceNames.every(name => owned.resourceNames?.includes(name))
    : !owned.resourceNames?.length
  return (
    names &&
    has(owned.apiGroups, right.apiGroups) &&
    (right.resources ?? []).every(resource => coversResource(owned.resources ?? [], resource))
  )
}

function coversResource(owned: readonly string[], resource: string): boolean {
  if (owned.includes('*') || owned.includes(resource)) return true
  return resource.includes('/') && owned.includes(`*/${resource.split('/')[1]}`)
}

const coversPath = (pattern: string, url: string) => pattern === url || (pattern.endsWith('*') && url.startsWith(pattern.slice(0, -1)))

/** Rights to the same resource in one line. */
function compact(rights: readonly PolicyRule[]): PolicyRule[] {
  const merged = new Map<string, PolicyRule>()
  for (const right of rights) {
    const key = JSON.stringify([
      right.apiGroups,
      right.resources,
      right.resourceNames,
      right.nonResourceURLs,
      right.nonResourceURLs && right.verbs,
    ])
    const known = merged.get(key)
    merged.set(key, known === undefined ? right : { ...known, verbs: [...new Set([...known.verbs, ...right.verbs])] })
  }
  return [...merged.values()]
}

const goList = (values: readonly string[]) => `[${values.map(value => JSON.stringify(value)).join(' ')}]`

function describe({ apiGroups, resources, nonResourceURLs, resourceNames, verbs }: PolicyRule): string {
  const parts = Object.entries({
    APIGroups: apiGroups,
    Resources: resources,
    NonResourceURLs: nonResourceURLs,
    ResourceNames: resourceNames,
    Verbs: verbs,
  })
  return `{${parts
    .filter(([, values]) => values?.length)
    .map(([name, values]) => `${name}:${goList(values ?? [])}`)
    .join(', ')}}`
}
