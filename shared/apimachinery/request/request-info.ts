// What a request is about, from its method and path alone (k8s.io/apiserver/pkg/endpoints/request). Authorization and routing read this.
import { member } from '../objects.ts'
import { unmarkDotSegments } from './dot-segments.ts'

export interface RequestInfo {
  readonly isResource: boolean
  readonly path: string
  /** get, list, watch, create, update, patch, delete, deletecollection, or the lower-case method of a path that is no resource. */
  readonly verb: string
  readonly group: string
  readonly version: string
  /** "apps/v1", "v1" */
  readonly apiVersion: string
  readonly namespace: string
  readonly resource: string
  readonly subresource: string
  readonly name: string
  /** The name stands in the path; otherwise it is the one that a list selects. */
  readonly named: boolean
  /** What follows the subresource, with its slash. */
  readonly rest: string
  /** The path was /api/v1/watch/... */
  readonly watchPrefix: boolean
}

const VERBS: Readonly<Record<string, string>> = { POST: 'create', GET: 'get', HEAD: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }

export function parseRequest(method: string, path: string, query: URLSearchParams): RequestInfo {
  const plain = (): RequestInfo => ({ ...none, path, verb: method.toLowerCase() })
  // Decoded before it is split, as upstream's router does: a name with an encoded slash is no name.
  const segments = unmarkDotSegments(decode(path)).split('/').slice(1)
  if (segments.at(-1) === '') segments.pop()
  const isCore = segments[0] === 'api'
  if ((!isCore && segments[0] !== 'apis') || segments.length < (isCore ? 3 : 4)) return plain()
  const group = isCore ? '' : (segments[1] as string)
  const version = segments[isCore ? 1 : 2] as string
  let parts = segments.slice(isCore ? 2 : 3)
  const watchPrefix = parts[0] === 'watch' && parts.length > 1
  if (watchPrefix) parts = parts.slice(1)

  let namespace = ''
  if (parts[0] === 'namespaces' && parts.length > 1) {
    namespace = parts[1] as string
    // /namespaces/x is the Namespace x itself, and so are its own two subresources.
    if (parts.length > 2 && parts[2] !== 'status' && parts[2] !== 'finalize') parts = parts.slice(2)
  }
  const [resource = '', name = '', subresource = '', ...rest] = parts
  return {
    isResource: true,
    path,
    verb: verbOf(method, name, watchPrefix, query),
    group,
    version,
    apiVersion: isCore ? version : `${group}/${version}`,
    namespace,
    resource,
    subresource,
    name: name === '' ? selectedName(method, query) : name,
    named: name !== '',
    rest: rest.length === 0 ? (subresource !== '' && path.endsWith('/') ? '/' : '') : `/${rest.join('/')}${path.endsWith('/') ? '/' : ''}`,
    watchPrefix,
  }
}

const none: RequestInfo = {
  isResource: false,
  path: '',
  verb: '',
  group: '',
  version: '',
  apiVersion: '',
  namespace: '',
  resource: '',
  subresource: '',
  name: '',
  named: false,
  rest: '',
  watchPrefix: false,
}

function verbOf(method: string, name: string, watchPrefix: boolean, query: URLSearchParams): string {
  const verb = member(VERBS, method) ?? ''
  if (watchPrefix) return 'watch'
  if (name !== '') return verb
  if (verb === 'get') return isTrue(query.get('watch')) ? 'watch' : 'list'
  return verb === 'delete' ? 'deletecollection' : verb
}

/** A list of one name is authorized as that name. */
function selectedName(method: string, query: URLSearchParams): string {
  if (method === 'POST') return ''
  const selector = query.get('fieldSelector')
  if (selector === null) return ''
  const names = selector.split(',').flatMap(term => /^metadata\.name==?([^=!\\]+)$/.exec(term)?.[1] ?? [])
  return names.length === 1 ? (names[0] as string) : ''
}

/** A boolean parameter: anything but "false" and "0" is true, also nothing at all. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false'
}

function decode(path: string): string {
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
