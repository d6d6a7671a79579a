// Role-based access control: the rules of the roles that are bound to a user (k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac).
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject } from '../api/rbac/v1.ts'
import type { UserInfo } from '../apimachinery/context.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { StoreInformer } from '../store/informer.ts'
import type { Informer, Store } from '../store/types.ts'
import type { AuthAttributes, Authorizer, Decision } from './types.ts'

const GROUP = 'rbac.authorization.k8s.io'
const SERVICE_ACCOUNT = 'system:serviceaccount:'

export interface BoundRule {
  readonly rule: PolicyRule
  /** 'RoleBinding "b/ns" of Role "r" to User "u"' */
  readonly source: string
}

export interface UserRules {
  readonly rules: readonly BoundRule[]
  /** Bindings that point nowhere. */
  readonly errors: readonly string[]
}

export class RbacAuthorizer implements Authorizer {
  readonly #clusterRoles: Informer
  readonly #clusterRoleBindings: Informer
  readonly #roles: Informer
  readonly #roleBindings: Informer

  constructor(store: Store) {
    const informer = (resource: string): Informer => new StoreInformer(store, { group: GROUP, resource })
    this.#clusterRoles = informer('clusterroles')
    this.#clusterRoleBindings = informer('clusterrolebindings')
    this.#roles = informer('roles')
    this.#roleBindings = informer('rolebindings')
  }

  async authorize(attributes: AuthAttributes): Promise<Decision> {
    // Cluster-wide rules come first and end the search, as upstream does.
    const { rules, errors } = await this.rulesFor(attributes.user, attributes.isResource ? attributes.namespace : '')
    const found = rules.find(({ rule }) => allows(rule, attributes))
    if (found !== undefined) return { allowed: true, reason: `RBAC: allowed by ${found.source}` }
    if (errors.length === 0) return { allowed: false }
    return { allowed: false, reason: `RBAC: ${errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`}` }
  }

  /** All rules that hold for the user: everywhere, and in the namespace if one is named. */
  async rulesFor(user: UserInfo, namespace: string): Promise<UserRules> {
    await Promise.all([this.#clusterRoles, this.#clusterRoleBindings, this.#roles, this.#roleBindings].map(informer => informer.refresh()))
    const rules: BoundRule[] = []
    const errors: string[] = []
    const add = (binding: ClusterRoleBinding | RoleBinding, where: string) => {
      const subject = (binding.subjects ?? []).find(one => isSubject(one, user, where))
      if (subject === undefined) return
      const { kind, name } = binding.roleRef
      const role = this.#role(kind, where, name)
      if (role === undefined) {
        errors.push(`${kind === 'Role' ? 'role' : 'clusterrole'}.${GROUP} ${JSON.stringify(name)} not found`)
        return
      }
      const source = `${binding.kind} ${JSON.stringify(`${binding.metadata.name}${where === '' ? '' : `/${where}`}`)} of ${kind} ${JSON.stringify(name)} to ${describe(subject)}`
      for (const rule of role.rules ?? []) rules.push({ rule, source })
    }
    for (const { object } of this.#clusterRoleBindings.list()) add(object as ClusterRoleBinding, '')
    if (namespace !== '') for (const { object } of this.#roleBindings.list(`${namespace}/`)) add(object as RoleBinding, namespace)
    return { rules, errors }
  }

  /** A role by the reference of a binding; the rules that a new binding would hand out. */
  async role(kind: string, namespace: string, name: string): Promise<ClusterRole | Role | undefined> {
    await Promise.all([this.#clusterRoles.refresh(), this.#roles.refresh()])
    return this.#role(kind, namespace, name)
  }

  #role(kind: string, namespace: string, name: string): ClusterRole | Role | undefined {
    const found = kind === 'Role' ? this.#roles.get(`${namespace}/${name}`) : this.#clusterRoles.get(`/${name}`)
    return found?.object as (KubeObject & Role) | undefined
  }
}

function isSubject({ kind, name, namespace }: Subject, user: UserInfo, where: string): boolean {
  if (kind === 'User') return user.name === name
  if (kind === 'Group') return user.groups.includes(name)
  return kind === 'ServiceAccount' && user.name === `${SERVICE_ACCOUNT}${namespace || where}:${name}`
}

function describe({ kind, name, namespace }: Subject): string {
  return `${kind} ${JSON.stringify(kind === 'ServiceAccount' ? `${name}/${namespace}` : name)}`
}

/** Whether one rule allows one request. Pure. */
export function allows(rule: PolicyRule, attributes: AuthAttributes): boolean {
  if (!has(rule.verbs, attributes.verb)) return false
  if (!attributes.isResource) return (rule.nonResourceURLs ?? []).some(pattern => matchesPath(pattern, attributes.path))
  return (
    has(rule.apiGroups, attributes.group) &&
    matchesResource(rule.resources, attributes) &&
    (!rule.resourceNames?.length || rule.resourceNames.includes(attributes.name))
  )
}

const has = (values: readonly string[] | undefined, wanted: string) => values?.includes('*') === true || values?.includes(wanted) === true

function matchesResource(
  resources: readonly string[] | undefined,
  { resource, subresource }: Pick<AuthAttributes, 'resource' | 'subresource'>,
): boolean {
  const whole = subresource === '' ? resource : `${resource}/${subresource}`
  return (resources ?? []).some(one => one === '*' || one === whole || (subresource !== '' && one === `*/${subresource}`))
}

function matchesPath(pattern: string, path: string): boolean {
  return pattern === '*' || pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)))
}
