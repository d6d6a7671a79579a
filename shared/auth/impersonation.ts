// Acting for somebody else by Impersonate-* headers, for those who may impersonate.
import type { UserInfo } from '../apimachinery/context.ts'
import type { RequestInfo } from '../apimachinery/request/request-info.ts'
import { badRequest, forbidden, StatusError } from '../apimachinery/status-error.ts'
import { AUTHENTICATED, type AuthAttributes, type Authorizer, MASTERS } from './types.ts'

const SERVICE_ACCOUNT = 'system:serviceaccount:'
const NODE = 'system:node:'
const EXTRA = 'impersonate-extra-'
const AUTHENTICATION = 'authentication.k8s.io'

/** So many users are remembered. */
const REMEMBERED = 1000

export class Impersonation {
  readonly #authorizer: Authorizer
  // Who was let through once by the verb "impersonate" is refused in its words, as upstream does; others in those of the newer,
  // finer verbs.
  readonly #known = new Set<string>()

  constructor(authorizer: Authorizer) {
    this.#authorizer = authorizer
  }

  /** The user to act for. @throws StatusError 400, 403 */
  async apply(headers: Headers, user: UserInfo, info: RequestInfo): Promise<UserInfo> {
    const name = headers.get('impersonate-user') ?? ''
    const groups = values(headers.get('impersonate-group'))
    const uid = headers.get('impersonate-uid') ?? ''
    const extra: Record<string, string[]> = {}
    for (const [header, value] of headers) {
      if (header.startsWith(EXTRA)) extra[decodeURIComponent(header.slice(EXTRA.length))] = values(value)
    }
    if (name === '') {
      if (groups.length > 0 || uid !== '' || Object.keys(extra).length > 0)
        throw badRequest('groups, UIDs and extras cannot be impersonated without a user')
      return user
    }
    const wanted: UserInfo = { name, ...(uid === '' ? {} : { uid }), groups, extra }
    if (!user.groups.includes(MASTERS)) await this.#check(user, wanted, info)
    return { ...wanted, groups: groupsOf(name, groups), extra: Object.keys(extra).length === 0 ? undefined : extra }
  }

  async #check(user: UserInfo, wanted: UserInfo, info: RequestInfo): Promise<void> {
    for (const attributes of rightsNeeded(wanted)) {
      const decision = await this.#authorizer.authorize({
        user,
        verb: 'impersonate',
        isResource: true,
        version: 'v1',
        path: '',
        ...attributes,
      })
      if (!decision.allowed) throw this.#known.has(user.name) ? plainRefusal(user, attributes) : refusal(user, info, wanted.name)
    }
    if (this.#known.size >= REMEMBERED) this.#known.clear()
    this.#known.add(user.name)
  }
}

const values = (header: string | null) => (header === null ? [] : header.split(',').map(value => value.trim()))

function groupsOf(name: string, groups: readonly string[]): string[] {
  const all = [...groups]
  const account = accountOf(name)
  if (account !== undefined && all.length === 0) all.push('system:serviceaccounts', `system:serviceaccounts:${account.namespace}`)
  if (name === 'system:anonymous') return all.includes('system:unauthenticated') ? all : [...all, 'system:unauthenticated']
  return all.includes(AUTHENTICATED) || all.includes('system:unauthenticated') ? all : [...all, AUTHENTICATED]
}

function accountOf(name: string): { namespace: string; name: string } | undefined {
  if (!name.startsWith(SERVICE_ACCOUNT)) return undefined
  const [namespace = '', account = '', ...more] = name.slice(SERVICE_ACCOUNT.length).split(':')
  return namespace === '' || account === '' || more.length > 0 ? undefined : { namespace, name: account }
}

type Right = Pick<AuthAttributes, 'group' | 'resource' | 'subresource' | 'namespace' | 'name'>

function rightsNeeded({ name, uid, groups, extra = {} }: UserInfo): Right[] {
  const account = accountOf(name)
  const rights: Right[] =
    account === undefined
      ? [{ group: '', resource: 'users', subresource: '', namespace: '', name }]
      : [{ group: '', resource: 'serviceaccounts', subresource: '', ...account }]
  for (const group of groups) rights.push({ group: '', resource: 'groups', subresource: '', namespace: '', name: group })
  if (uid !== undefined) rights.push({ group: AUTHENTICATION, resource: 'uids', subresource: '', namespace: '', name: uid })
  for (const [key, list] of Object.entries(extra)) {
    for (const value of list) rights.push({ group: AUTHENTICATION, resource: 'userextras', subresource: key, namespace: '', name: value })
  }
  return rights
}

const where = (namespace: string) => (namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`)
const whole = ({ resource, subresource }: Pick<Right, 'resource' | 'subresource'>) =>
  subresource === '' ? resource : `${resource}/${subresource}`

function plainRefusal(user: UserInfo, right: Right): StatusError {
  return forbidden(
    { group: right.group, resource: right.resource },
    right.name,
    `User ${JSON.stringify(user.name)} cannot impersonate resource ${JSON.stringify(whole(right))} in API group ${JSON.stringify(right.group)} ${where(right.namespace)}`,
  )
}

/** Tells what could not be done in whose place, not whom the request wanted to be. */
function refusal(user: UserInfo, info: RequestInfo, wanted: string): StatusError {
  const mode = accountOf(wanted) !== undefined ? 'serviceaccount' : wanted.startsWith(NODE) ? 'arbitrary-node' : 'user-info'
  const verb = `impersonate-on:${mode}:${info.verb}`
  const who = JSON.stringify(user.name)
  if (!info.isResource)
    return new StatusError(403, 'Forbidden', `forbidden: User ${who} cannot ${verb} path ${JSON.stringify(info.path)}`, {})
  return forbidden(
    { group: info.group, resource: info.resource },
    info.name,
    `User ${who} cannot ${verb} resource ${JSON.stringify(whole(info))} in API group ${JSON.stringify(info.group)} ${where(info.namespace)}`,
  )
}
