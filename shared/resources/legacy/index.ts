// Versions that upstream serves no more, for clients and manifests of their time. The kinds are stored as ever: an object is the
// same whichever version shows it.
import type { ResourceDefinition, VersionDefinition } from '../../apimachinery/resource.ts'
import { ACCESS_REVIEWS } from './access-review.ts'
import { CERTIFICATE_REQUESTS } from './certificate-signing-request.ts'
import { CUSTOM_RESOURCES } from './custom-resource-definition.ts'
import { deprecated } from './deprecated.ts'
import { DISRUPTION_BUDGETS } from './disruption-budget.ts'
import { ENDPOINT_SLICES } from './endpoint-slice.ts'
import { autoscalers } from './horizontal-pod-autoscaler.ts'
import { INGRESSES } from './ingress.ts'
import { ROLE_BINDINGS } from './role-binding.ts'
import { WEBHOOK_CONFIGURATIONS } from './webhook-configuration.ts'
import { rollbackAction, WORKLOADS } from './workloads.ts'

interface Renamed {
  readonly collections: readonly string[]
  readonly group?: string
  /** Default: v1beta1. */
  readonly version?: string
  readonly since: string
  readonly until: string
}

const MUTATING_POLICIES = ['mutatingadmissionpolicies', 'mutatingadmissionpolicybindings'].map(
  name => `admissionregistration.k8s.io/${name}`,
)

/** These versions have the shape of v1. */
const SAME_SHAPE: readonly Renamed[] = [
  { collections: ['networking.k8s.io/networkpolicies'], group: 'extensions', since: '1.9', until: '1.16' },
  { collections: ['batch/cronjobs'], since: '1.21', until: '1.25' },
  { collections: ['batch/cronjobs'], version: 'v2alpha1', since: '1.8', until: '1.21' },
  {
    collections: ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'].map(name => `rbac.authorization.k8s.io/${name}`),
    since: '1.17',
    until: '1.22',
  },
  {
    collections: ['roles', 'clusterroles'].map(name => `rbac.authorization.k8s.io/${name}`),
    version: 'v1alpha1',
    since: '1.17',
    until: '1.22',
  },
  {
    collections: ['storageclasses', 'volumeattachments', 'csidrivers', 'csinodes'].map(name => `storage.k8s.io/${name}`),
    since: '1.19',
    until: '1.22',
  },
  {
    collections: ['validatingadmissionpolicies', 'validatingadmissionpolicybindings'].map(name => `admissionregistration.k8s.io/${name}`),
    since: '1.31',
    until: '1.34',
  },
  { collections: MUTATING_POLICIES, since: '1.37', until: '1.40' },
  { collections: MUTATING_POLICIES, version: 'v1alpha1', since: '1.35', until: '1.38' },
  { collections: ['storage.k8s.io/csistoragecapacities'], since: '1.24', until: '1.27' },
  { collections: ['coordination.k8s.io/leases'], since: '1.19', until: '1.22' },
  { collections: ['scheduling.k8s.io/priorityclasses'], since: '1.14', until: '1.22' },
  { collections: ['scheduling.k8s.io/priorityclasses'], version: 'v1alpha1', since: '1.14', until: '1.17' },
  { collections: ['apiregistration.k8s.io/apiservices'], since: '1.19', until: '1.22' },
  { collections: ['authentication.k8s.io/tokenreviews', 'authorization.k8s.io/selfsubjectaccessreviews'], since: '1.19', until: '1.22' },
  { collections: ['authorization.k8s.io/selfsubjectrulesreviews'], since: '1.19', until: '1.22' },
  { collections: ['node.k8s.io/runtimeclasses'], since: '1.22', until: '1.25' },
  { collections: ['networking.k8s.io/ingressclasses'], since: '1.19', until: '1.22' },
]

const SPECIAL: Readonly<Record<string, readonly VersionDefinition[]>> = {
  ...WORKLOADS,
  ...ACCESS_REVIEWS,
  ...ROLE_BINDINGS,
  ...WEBHOOK_CONFIGURATIONS,
  'apiextensions.k8s.io/customresourcedefinitions': CUSTOM_RESOURCES,
  'certificates.k8s.io/certificatesigningrequests': CERTIFICATE_REQUESTS,
  'discovery.k8s.io/endpointslices': ENDPOINT_SLICES,
  'networking.k8s.io/ingresses': INGRESSES,
  'policy/poddisruptionbudgets': DISRUPTION_BUDGETS,
}

/** Those made from what the kind has today. */
const DERIVED: Readonly<Record<string, (definition: ResourceDefinition) => readonly VersionDefinition[]>> = {
  'autoscaling/horizontalpodautoscalers': autoscalers,
  '/events': ({ versions }) =>
    versions
      .filter(({ group }) => group === 'events.k8s.io')
      .map(event => ({
        ...event,
        version: 'v1beta1',
        schema: 'io.k8s.api.events.v1beta1.Event',
        deprecation: deprecated('events.k8s.io/v1beta1', 'Event', '1.19', '1.25', 'events.k8s.io/v1'),
      })),
}

function sameShape(definition: ResourceDefinition, { group, version = 'v1beta1', since, until }: Renamed): VersionDefinition {
  const { kind, versions } = definition
  const latest = versions.find(({ storage }) => storage) as VersionDefinition
  const own = definition.group
  return {
    ...(group === undefined ? {} : { group }),
    version,
    schema: group === undefined ? latest.schema.replace(/\.v1\.(?=\w+$)/, '.v1beta1.') : `io.k8s.api.${group}.v1beta1.${kind}`,
    ...(latest.defaults === undefined ? {} : { defaults: latest.defaults }),
    deprecation: deprecated(`${group ?? own}/${version}`, kind, since, until, `${own}/${latest.version}`),
  }
}

export function withLegacyVersions(definitions: readonly ResourceDefinition[]): readonly ResourceDefinition[] {
  return definitions.map(definition => {
    const collection = `${definition.group}/${definition.resource}`
    const renamed = SAME_SHAPE.filter(({ collections }) => collections.includes(collection))
    const older = [
      ...(SPECIAL[collection] ?? []),
      ...(DERIVED[collection]?.(definition) ?? []),
      ...renamed.map(one => sameShape(definition, one)),
    ]
    if (older.length === 0) return definition
    const actions = collection === 'apps/deployments' ? { ...definition.actions, rollback: rollbackAction } : definition.actions
    return { ...definition, versions: [...definition.versions, ...older], ...(actions === undefined ? {} : { actions }) }
  })
}
