// Acting for somebody else by Impersonate-* headers, for those who may impersonate.
import type { UserInfo } from '../apimachinery/context.ts'
import type { RequestInfo } from '../apimachinery/request/request-info.ts'
import { badRequest, forbidden, StatusError } from '../apimachinery/status-error.ts'
import { AUTHENTICATED, type AuthAttributes, type Authorizer, MASTERS } from './types.ts'

const SERVICE_ACCOUNT = 'system:serviceaccount:'
const EXTRA = 'impersonate-extra-'

/** @throws StatusError 400, 403 */
export async function impersonate(headers: Headers, user: UserInfo, info: RequestInfo, authorizer: Authorizer): Promise<UserInfo> {
  const name = headers.get('impersonate-user') ?? ''
  const groups = values(headers.get('impersonate-group'))
  const uid = headers.get('impersonate-uid') ?? ''
  const extra: Record<string, string[]> = {}
  for (const [header, value] of headers) if (header.startsWith(EXTRA)) extra[decodeURIComponent(header.slice(EXTRA.length))] = values(value)
  if (name === '') {
    if (groups.length > 0 || uid !== '' || Object.keys(extra).length > 0) {
      throw badRequest('requested [{Group  [] ...}] without impersonating a user name')
    }
    return user
  }
  if (!user.groups.includes(MASTERS)) await check(user, name, groups, uid, extra, info, authorizer)
  return { name, ...(uid === '' ? {} : { uid }), groups: groupsOf(name, groups), ...(Object.keys(extra).length === 0 ? {} : { extra }) }
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

async function check(
  user: UserInfo,
  name: string,
  groups: readonly string[],
  uid: string,
  extra: Readonly<Record<string, readonly string[]>>,
  info: RequestInfo,
  authorizer: Authorizer,
): Promise<void> {
  const account = accountOf(name)
  const wanted: Pick<AuthAttributes, 'group' | 'resource' | 'subresource' | 'namespace' | 'name'>[] = []
  if (account !== undefined) wanted.push({ group: '', resource: 'serviceaccounts', subresource: '', ...account })
  else wanted.push({ group: '', resource: 'users', subresource: '', namespace: '', name })
  for (const group of groups) wanted.push({ group: '', resource: 'groups', subresource: '', namespace: '', name: group })
  if (uid !== '') wanted.push({ group: 'authentication.k8s.io', resource: 'uids', subresource: '', namespace: '', name: uid })
  for (const [key, list] of Object.entries(extra)) {
    for (const value of list)
      wanted.push({ group: 'authentication.k8s.io', resource: 'userextras', subresource: key, namespace: '', name: value })
  }
  for (const attributes of wanted) {
    const decision = await authorizer.authorize({ user, verb: 'impersonate', isResource: true, version: 'v1', path: '', ...attributes })
    if (!decision.allowed) throw refusal(user, info, account !== undefined)
  }
}

/** Upstream tells what could not be done, not whom the request wanted to be. */
function refusal(user: UserInfo, info: RequestInfo, account: boolean): StatusError {
  const mode = account ? 'serviceaccount' : 'user-info'
  const who = JSON.stringify(user.name)
  if (!info.isResource)
    return new StatusError(
      403,
      'Forbidden',
      `forbidden: User ${who} cannot impersonate-on:${mode}:${info.verb} path ${JSON.stringify(info.path)}`,
      {},
    )
  const where = info.namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(info.namespace)}`
  const what = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`
  return forbidden(
    { group: info.group, resource: info.resource },
    info.name,
    `User ${who} cannot impersonate-on:${mode}:${info.verb} resource ${JSON.stringify(what)} in API group ${JSON.stringify(info.group)} ${where}`,
  )
}
