// What is served, as clients ask: the old documents per group and version, and the aggregated one.
import { createHash } from 'node:crypto'
import type { Endpoint, Registry } from './registry.ts'
import { ALL_VERBS } from './resource.ts'
import { groupVersion } from './types.ts'

/** Groups in upstream's order of priority; others come after them, by name. */
const GROUP_ORDER = [
  '',
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'resource.k8s.io',
  'flowcontrol.apiserver.k8s.io',
]

/** What other groups have taken over: behind everything, so that clients that take the first group with a name take today's. */
const LAST = ['extensions']

export interface DiscoveryVersion {
  readonly version: string
  readonly endpoints: readonly Endpoint[]
}

export interface DiscoveryGroup {
  readonly group: string
  /** Preferred first. */
  readonly versions: readonly DiscoveryVersion[]
}

/** v2 before v1 before v1beta2 before v1beta1 before v1alpha1, and what is no such name last (Kubernetes' version priority). */
export function compareVersions(a: string, b: string): number {
  const left = rank(a)
  const right = rank(b)
  for (const [i, value] of left.entries()) if (value !== right[i]) return (right[i] ?? 0) - value
  return a < b ? -1 : a > b ? 1 : 0
}

function rank(version: string): number[] {
  const found = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version)
  if (found === null) return [0, 0, 0, 0]
  const stage = found[2] === undefined ? 3 : found[2] === 'beta' ? 2 : 1
  return [1, stage, Number(found[1]), Number(found[3] ?? 0)]
}

export function discoveryGroups(registry: Registry): DiscoveryGroup[] {
  const groups = new Map<string, Map<string, Endpoint[]>>()
  for (const endpoint of registry.endpoints()) {
    if (endpoint.version.hidden === true) continue
    const versions = groups.get(endpoint.group) ?? new Map<string, Endpoint[]>()
    groups.set(endpoint.group, versions)
    const { version } = endpoint.version
    versions.set(version, [...(versions.get(version) ?? []), endpoint])
  }
  const order = (group: string) =>
    GROUP_ORDER.includes(group) ? GROUP_ORDER.indexOf(group) : GROUP_ORDER.length + Number(LAST.includes(group))
  return [...groups]
    .sort(([a], [b]) => order(a) - order(b) || (a < b ? -1 : 1))
    .map(([group, versions]) => ({
      group,
      versions: [...versions]
        .sort(([a], [b]) => compareVersions(a, b))
        .map(([version, endpoints]) => ({ version, endpoints: endpoints.sort((a, b) => (a.resource < b.resource ? -1 : 1)) })),
    }))
}

interface Subresource {
  readonly name: string
  readonly kind: string
  readonly group?: string
  readonly version?: string
  readonly verbs: readonly string[]
}

function subresourcesOf({ definition, kind, apiVersion }: Endpoint): Subresource[] {
  const found: Subresource[] = []
  for (const [name, part] of Object.entries(definition.parts ?? {}))
    if (!part.internal) found.push({ name, kind, verbs: [...(part.verbs ?? ['get', 'patch', 'update'])].sort() })
  if (definition.scale !== undefined)
    found.push({ name: 'scale', kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ['get', 'patch', 'update'] })
  for (const [name, action] of Object.entries(definition.actions ?? {})) {
    if (action.servedIn?.includes(apiVersion) === false) continue
    found.push({
      name,
      kind: action.kind?.kind ?? kind,
      group: action.kind?.group || undefined,
      version: action.kind?.group ? action.kind.version : undefined,
      verbs: [...action.verbs].sort(),
    })
  }
  // Custom kinds name status first, built-in ones go by name.
  return definition.custom ? found : found.sort((a, b) => (a.name < b.name ? -1 : 1))
}

const verbsOf = ({ definition }: Endpoint) => definition.verbs ?? ALL_VERBS
/** By today's groups alone: `kubectl get all` would show an object once for each group that serves it, and `get rs` warn that it might. */
const nicknamesOf = ({ definition: { shortNames, categories }, group }: Endpoint) =>
  LAST.includes(group) ? {} : { ...(shortNames && { shortNames }), ...(categories && { categories }) }
const isStored = ({ definition }: Endpoint) => definition.virtual === undefined && definition.virtualList === undefined

/** The kind's identity in its storage version, shortened: clients see by it whether versions share objects. */
function storageVersionHash({ collection, storage, definition }: Endpoint): string {
  const name = `${definition.storedUpstreamAs ?? `${storage.group ?? collection.group}/${storage.version}`}/${storage.kind ?? definition.kind}`
  return createHash('sha256').update(name).digest().subarray(0, 8).toString('base64')
}

export function apiVersions(serverAddress: string): object {
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }] }
}

export function apiGroup({ group, versions }: DiscoveryGroup, inList: boolean): object {
  const all = versions.map(({ version }) => ({ groupVersion: groupVersion(group, version), version }))
  return { ...(inList ? {} : { kind: 'APIGroup', apiVersion: 'v1' }), name: group, versions: all, preferredVersion: all[0] }
}

export function apiGroupList(groups: readonly DiscoveryGroup[]): object {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.filter(({ group }) => group !== '').map(group => apiGroup(group, true)) }
}

export function apiResourceList({ group }: DiscoveryGroup, { version, endpoints }: DiscoveryVersion): object {
  return {
    kind: 'APIResourceList',
    // The core group's document has never said its own version.
    ...(group === '' ? {} : { apiVersion: 'v1' }),
    groupVersion: groupVersion(group, version),
    resources: endpoints.flatMap(endpoint => {
      const { definition, resource, kind } = endpoint
      return [
        {
          name: resource,
          singularName: definition.singular,
          namespaced: definition.namespaced,
          kind,
          verbs: verbsOf(endpoint),
          ...nicknamesOf(endpoint),
          ...(isStored(endpoint) ? { storageVersionHash: storageVersionHash(endpoint) } : {}),
        },
        ...subresourcesOf(endpoint).map(sub => ({
          name: `${resource}/${sub.name}`,
          singularName: '',
          namespaced: definition.namespaced,
          ...(sub.group === undefined ? {} : { group: sub.group }),
          ...(sub.version === undefined ? {} : { version: sub.version }),
          kind: sub.kind,
          verbs: sub.verbs,
        })),
      ]
    }),
  }
}

export function aggregated(groups: readonly DiscoveryGroup[]): object {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(({ group, versions }) => ({
      metadata: group === '' ? {} : { name: group },
      versions: versions.map(({ version, endpoints }) => ({ version, resources: endpoints.map(aggregatedResource), freshness: 'Current' })),
    })),
  }
}

function aggregatedResource(endpoint: Endpoint): object {
  const { definition, resource, kind } = endpoint
  const own = { group: definition.custom ? endpoint.group : '', version: definition.custom ? endpoint.version.version : '' }
  const subresources = subresourcesOf(endpoint)
  return {
    resource,
    responseKind: { ...own, kind },
    scope: definition.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: definition.singular,
    verbs: verbsOf(endpoint),
    ...nicknamesOf(endpoint),
    ...(subresources.length === 0
      ? {}
      : {
          subresources: subresources.map(sub => ({
            subresource: sub.name,
            responseKind: { group: sub.group ?? own.group, version: sub.version ?? own.version, kind: sub.kind },
            verbs: sub.verbs,
          })),
        }),
  }
}
