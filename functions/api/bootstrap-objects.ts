// The built-in objects besides the roles: namespaces, the API's own Service, priority classes, one APIService per group version.
import { compareVersions, discoveryGroups } from '../../shared/apimachinery/discovery.ts'
import type { Registry } from '../../shared/apimachinery/registry.ts'
import type { KubeObject } from '../../shared/apimachinery/types.ts'
import type { Seed } from './bootstrap.ts'

const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

interface BootstrapObjects {
  readonly cluster: readonly Seed[]
  readonly namespaced: readonly Seed[]
}

const seed = (group: string, resource: string, object: object): Seed => ({ resource: { group, resource }, object: object as KubeObject })

export interface BootstrapOptions {
  readonly serviceCidr: string
  /** The deployment has a file system for volumes: then there is a StorageClass for it, which claims get that ask for none. */
  readonly hasFileSystem: boolean
}

export function bootstrapObjects(registry: Registry, { serviceCidr, hasFileSystem }: BootstrapOptions): BootstrapObjects {
  return {
    cluster: [
      ...SYSTEM_NAMESPACES.map(name => seed('', 'namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
      seed('networking.k8s.io', 'servicecidrs', {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'ServiceCIDR',
        metadata: { name: 'kubernetes' },
        spec: { cidrs: [serviceCidr] },
      }),
      priorityClass(
        'system-cluster-critical',
        2_000_000_000,
        'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
      ),
      priorityClass('system-node-critical', 2_000_001_000, 'Used for system critical pods that must not be moved from their current node.'),
      ...(hasFileSystem ? [storageClass] : []),
      ...apiServices(registry),
    ],
    namespaced: [apiService(serviceCidr)],
  }
}

const priorityClass = (name: string, value: number, description: string) =>
  seed('scheduling.k8s.io', 'priorityclasses', {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
    description,
    preemptionPolicy: 'PreemptLowerPriority',
  })

const storageClass = seed('storage.k8s.io', 'storageclasses', {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'efs', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: 'efs.csi.aws.com',
  parameters: { provisioningMode: 'efs-ap' },
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'Immediate',
})

/** The Service "kubernetes": pods reach the API under the first address of the range. */
function apiService(serviceCidr: string): Seed {
  return seed('', 'services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      type: 'ClusterIP',
      clusterIP: firstAddress(serviceCidr),
      clusterIPs: [firstAddress(serviceCidr)],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      sessionAffinity: 'None',
      ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: 6443 }],
      internalTrafficPolicy: 'Cluster',
    },
  })
}

/** "10.96.0.0/16" -> "10.96.0.1" */
function firstAddress(cidr: string): string {
  const octets = (cidr.split('/')[0] ?? '').split('.').map(Number)
  octets[3] = (octets[3] ?? 0) + 1
  return octets.join('.')
}

/** Priorities of groups among each other, as upstream's aggregator has them. */
const GROUP_PRIORITY: Readonly<Record<string, number>> = {
  '': 18000,
  'apiregistration.k8s.io': 18000,
  extensions: 17900,
  apps: 17800,
  'events.k8s.io': 17750,
  'authentication.k8s.io': 17700,
  'authorization.k8s.io': 17600,
  autoscaling: 17500,
  batch: 17400,
  'certificates.k8s.io': 17300,
  'networking.k8s.io': 17200,
  policy: 17100,
  'rbac.authorization.k8s.io': 17000,
  'storage.k8s.io': 16800,
  'admissionregistration.k8s.io': 16700,
  'apiextensions.k8s.io': 16700,
  'scheduling.k8s.io': 16600,
  'coordination.k8s.io': 16500,
  'node.k8s.io': 16300,
  'discovery.k8s.io': 16200,
  'resource.k8s.io': 16200,
  'flowcontrol.apiserver.k8s.io': 16100,
}

/** Of external metrics adapters bring the APIService with them, and charts cannot install what is there already. */
const UNNAMED = ['apiregistration.k8s.io', 'external.metrics.k8s.io']

function apiServices(registry: Registry): Seed[] {
  return discoveryGroups(registry)
    .filter(({ group }) => !UNNAMED.includes(group))
    .flatMap(({ group, versions }) => {
      const sorted = versions.map(({ version }) => version).sort(compareVersions)
      return sorted.map(version =>
        seed('apiregistration.k8s.io', 'apiservices', {
          apiVersion: 'apiregistration.k8s.io/v1',
          kind: 'APIService',
          metadata: { name: `${version}.${group}`, labels: { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' } },
          spec: {
            ...(group === '' ? {} : { group }),
            version,
            groupPriorityMinimum: GROUP_PRIORITY[group] ?? 1000,
            versionPriority: group === '' ? 1 : /^v\d+$/.test(version) ? 15 * Number(version.slice(1)) : 9,
          },
        }),
      )
    })
}
