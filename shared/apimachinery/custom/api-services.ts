// An APIService for every version of every group that definitions serve, as kube-aggregator keeps them.
import type { APIService } from '../../api/apiregistration/v1.ts'
import type { Machinery } from '../machinery.ts'
import { equal } from '../objects.ts'
import { isStatus } from '../status-error.ts'
import type { KubeObject } from '../types.ts'

const API_SERVICES = { group: 'apiregistration.k8s.io', resource: 'apiservices' }
const MANAGED = 'kube-aggregator.kubernetes.io/automanaged'
const OF_DEFINITIONS = 'true'

/** `known`: what the last call answered; the collection is read only when something came or went. */
export async function syncApiServices(machinery: Machinery, known: ReadonlySet<string> | undefined): Promise<ReadonlySet<string>> {
  const { registry, client, store } = machinery
  if (registry.storage(API_SERVICES) === undefined) return new Set()
  const built = new Set<string>()
  const wanted = new Map<string, { readonly group: string; readonly version: string }>()
  for (const { definition, group, version, apiVersion } of registry.endpoints()) {
    if (!definition.custom) built.add(apiVersion)
    else wanted.set(`${version.version}.${group}`, { group, version: version.version })
  }
  for (const [name, { group, version }] of wanted) if (built.has(`${group}/${version}`)) wanted.delete(name)
  const names = new Set(wanted.keys())
  if (known !== undefined && equal([...known].sort(), [...names].sort())) return known
  const existing = new Map((await store.list(API_SERVICES)).items.map(({ object }) => [object.metadata.name ?? '', object as APIService]))
  for (const [name, { group, version }] of wanted) {
    if (existing.has(name)) continue
    const service = {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name, labels: { [MANAGED]: OF_DEFINITIONS } },
      spec: { group, version, groupPriorityMinimum: 1000, versionPriority: 100 },
    }
    await unless('AlreadyExists', () => client.create(API_SERVICES, service as KubeObject))
  }
  for (const [name, { metadata, spec }] of existing) {
    const isOurs = metadata.labels?.[MANAGED] === OF_DEFINITIONS && spec?.service === undefined
    if (isOurs && !names.has(name))
      await unless('Conflict', () => client.delete(API_SERVICES, undefined, name, { preconditions: { uid: metadata.uid } }))
  }
  return names
}

async function unless(reason: 'AlreadyExists' | 'Conflict', action: () => Promise<unknown>): Promise<void> {
  try {
    await action()
  } catch (error) {
    if (!isStatus(error, reason)) throw error
  }
}
