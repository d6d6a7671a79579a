// What another server says that it serves, in the form of the aggregated document.
import type { APIService } from '../api/apiregistration/v1.ts'
import { AGGREGATOR } from './aggregator.ts'
import { groupVersionOf, isAvailable, type Remotes } from './remote.ts'

export interface RemoteResource {
  readonly resource: string
  readonly [member: string]: unknown
}

export interface RemoteVersion {
  readonly version: string
  readonly resources: readonly RemoteResource[]
  /** Stale: it does not answer, and what it serves is not known now. */
  readonly freshness: 'Current' | 'Stale'
}

interface ApiResource {
  readonly name: string
  readonly singularName?: string
  readonly namespaced?: boolean
  readonly kind: string
  readonly group?: string
  readonly version?: string
  readonly verbs: readonly string[]
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
}

/** A client that waits for discovery should not have to wait for a server that does not answer. */
export const PATIENCE_MS = 5_000
/** How long an answer is good for, in this process. */
const GOOD_MS = 30_000

const known = new Map<string, { readonly at: number; readonly revision: string; readonly resources: readonly RemoteResource[] }>()

export async function discover(remotes: Remotes, service: APIService, now = Date.now()): Promise<RemoteVersion> {
  const { group, version } = groupVersionOf(service)
  const { uid = '', resourceVersion = '' } = service.metadata
  const before = known.get(uid)
  if (before !== undefined && before.revision === resourceVersion && now - before.at < GOOD_MS) {
    return { version, resources: before.resources, freshness: 'Current' }
  }
  try {
    if (!isAvailable(service)) throw new Error('it is not available')
    const headers = { accept: 'application/json' }
    const answer = await remotes.ask(service, `/apis/${group}/${version}`, { method: 'GET', headers }, AGGREGATOR, PATIENCE_MS)
    if (answer.status !== 200) throw new Error(`it answers ${answer.status}`)
    const { resources = [] } = (await answer.json()) as { resources?: readonly ApiResource[] }
    const found = resourcesOf(resources)
    known.set(uid, { at: now, revision: resourceVersion, resources: found })
    return { version, resources: found, freshness: 'Current' }
  } catch {
    return { version, resources: before?.resources ?? [], freshness: 'Stale' }
  }
}

/** "pods" and "pods/status" in one list become resources with subresources. */
export function resourcesOf(list: readonly ApiResource[]): RemoteResource[] {
  return list
    .filter(({ name }) => !name.includes('/'))
    .map(({ name, singularName = '', namespaced, kind, group = '', version = '', verbs, shortNames, categories }) => {
      const subresources = list
        .filter(other => other.name.startsWith(`${name}/`))
        .map(other => ({
          subresource: other.name.slice(name.length + 1),
          responseKind: { group: other.group ?? '', version: other.version ?? '', kind: other.kind },
          verbs: other.verbs,
        }))
      return {
        resource: name,
        responseKind: { group, version, kind },
        scope: namespaced ? 'Namespaced' : 'Cluster',
        singularResource: singularName,
        verbs,
        ...(shortNames === undefined ? {} : { shortNames }),
        ...(categories === undefined ? {} : { categories }),
        ...(subresources.length === 0 ? {} : { subresources }),
      }
    })
}
