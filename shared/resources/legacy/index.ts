// Versions that upstream serves no more, for clients and manifests of their time. The kinds are stored as ever: an object is the
// same whichever version shows it.
import type { ResourceDefinition, VersionDefinition } from '../../apimachinery/resource.ts'
import { DISRUPTION_BUDGETS } from './disruption-budget.ts'
import { INGRESSES } from './ingress.ts'
import { deprecated, rollbackAction, WORKLOADS } from './workloads.ts'

interface Renamed {
  readonly collections: readonly string[]
  readonly group?: string
  readonly since: string
  readonly until: string
}

/** v1beta1 of these has the shape of v1. */
const SAME_SHAPE: readonly Renamed[] = [
  { collections: ['networking.k8s.io/networkpolicies'], group: 'extensions', since: '1.9', until: '1.16' },
  { collections: ['batch/cronjobs'], since: '1.21', until: '1.25' },
  {
    collections: ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'].map(name => `rbac.authorization.k8s.io/${name}`),
    since: '1.17',
    until: '1.22',
  },
  {
    collections: ['storageclasses', 'volumeattachments', 'csidrivers', 'csinodes'].map(name => `storage.k8s.io/${name}`),
    since: '1.19',
    until: '1.22',
  },
  { collections: ['storage.k8s.io/csistoragecapacities'], since: '1.24', until: '1.27' },
  { collections: ['coordination.k8s.io/leases'], since: '1.19', until: '1.22' },
  { collections: ['scheduling.k8s.io/priorityclasses'], since: '1.14', until: '1.22' },
  { collections: ['node.k8s.io/runtimeclasses'], since: '1.22', until: '1.25' },
  { collections: ['networking.k8s.io/ingressclasses'], since: '1.19', until: '1.22' },
]

const SPECIAL: Readonly<Record<string, readonly VersionDefinition[]>> = {
  ...WORKLOADS,
  'networking.k8s.io/ingresses': INGRESSES,
  'policy/poddisruptionbudgets': DISRUPTION_BUDGETS,
}

function sameShape(definition: ResourceDefinition, { group, since, until }: Renamed): VersionDefinition {
  const { kind, versions } = definition
  const latest = versions.find(({ storage }) => storage) as VersionDefinition
  const own = definition.group
  const schemaGroup = (group ?? own).split('.')[0]
  return {
    ...(group === undefined ? {} : { group }),
    version: 'v1beta1',
    schema: `io.k8s.api.${schemaGroup}.v1beta1.${kind}`,
    ...(latest.defaults === undefined ? {} : { defaults: latest.defaults }),
    deprecation: deprecated(`${group ?? own}/v1beta1`, kind, since, until, `${own}/${latest.version}`),
  }
}

export function withLegacyVersions(definitions: readonly ResourceDefinition[]): readonly ResourceDefinition[] {
  return definitions.map(definition => {
    const collection = `${definition.group}/${definition.resource}`
    const renamed = SAME_SHAPE.find(({ collections }) => collections.includes(collection))
    const older = [...(SPECIAL[collection] ?? []), ...(renamed === undefined ? [] : [sameShape(definition, renamed)])]
    if (older.length === 0) return definition
    const actions = collection === 'apps/deployments' ? { ...definition.actions, rollback: rollbackAction } : definition.actions
    return { ...definition, versions: [...definition.versions, ...older], ...(actions === undefined ? {} : { actions }) }
  })
}
