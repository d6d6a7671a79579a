// Image pull secrets: which user name and password go with which image (pkg/credentialprovider).
import type { Secret } from '../../api/core/v1.ts'
import type { ImageReference } from './reference.ts'

export interface Credentials {
  readonly username: string
  readonly password: string
}

interface Entry {
  readonly username?: string
  readonly password?: string
  readonly auth?: string
}

/** The best match among the secrets: the longest path wins; undefined when none is for this image. */
export function credentialsFor({ domain, path }: ImageReference, secrets: readonly Secret[]): Credentials | undefined {
  const wanted = `${domain}/${path}`
  const matches = secrets
    .flatMap(entriesOf)
    .map(([server, entry]) => ({ server: normalized(server), entry }))
    .filter(({ server }) => covers(server, wanted))
    .sort((a, b) => b.server.length - a.server.length)
  for (const { entry } of matches) {
    const credentials = decode(entry)
    if (credentials) return credentials
  }
  return undefined
}

function entriesOf({ type, data = {} }: Secret): [string, Entry][] {
  try {
    if (type === 'kubernetes.io/dockerconfigjson') return Object.entries(parse(data['.dockerconfigjson']).auths ?? {})
    if (type === 'kubernetes.io/dockercfg') return Object.entries(parse(data['.dockercfg']))
  } catch {
    // A secret that cannot be read is as good as none; the registry will say what it wants.
  }
  return []
}

const parse = (base64 = '') =>
  JSON.parse(Buffer.from(base64, 'base64').toString('utf8')) as { auths?: Record<string, Entry> } & Record<string, Entry>

/** "https://index.docker.io/v1/" -> "docker.io" */
function normalized(server: string): string {
  const bare = server
    .replace(/^https?:\/\//, '')
    .replace(/\/v[12]\/?$/, '')
    .replace(/\/$/, '')
  return bare.replace(/^(index\.|registry-1\.)docker\.io/, 'docker.io')
}

/** "*.example.com" stands for one label in its place; a path is a prefix. */
function covers(server: string, wanted: string): boolean {
  const [host = '', ...path] = server.split('/')
  const [wantedHost = '', ...wantedPath] = wanted.split('/')
  const labels = host.split('.')
  const wantedLabels = wantedHost.split('.')
  if (labels.length !== wantedLabels.length) return false
  const hostMatches = labels.every(
    (label, at) => label === wantedLabels[at] || (label.includes('*') && glob(label).test(wantedLabels[at]!)),
  )
  return hostMatches && path.every((part, at) => part === wantedPath[at])
}

const glob = (label: string) => new RegExp(`^${label.replace(/[^\w*]/g, '\\$&').replaceAll('*', '.*')}$`)

function decode({ username, password, auth }: Entry): Credentials | undefined {
  if (username) return { username, password: password ?? '' }
  if (!auth) return undefined
  const text = Buffer.from(auth, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) }
}
