// The collections that controllers work on.
import type { GroupResource } from '../apimachinery/types.ts'

const core = (resource: string): GroupResource => ({ group: '', resource })
const apps = (resource: string): GroupResource => ({ group: 'apps', resource })
const batch = (resource: string): GroupResource => ({ group: 'batch', resource })
const storage = (resource: string): GroupResource => ({ group: 'storage.k8s.io', resource })

export const PODS = core('pods')
export const NODES = core('nodes')
export const EVENTS = core('events')
export const SERVICES = core('services')
export const ENDPOINTS = core('endpoints')
export const NAMESPACES = core('namespaces')
export const CONFIG_MAPS = core('configmaps')
export const SECRETS = core('secrets')
export const SERVICE_ACCOUNTS = core('serviceaccounts')
export const RESOURCE_QUOTAS = core('resourcequotas')
export const REPLICATION_CONTROLLERS = core('replicationcontrollers')
export const PERSISTENT_VOLUMES = core('persistentvolumes')
export const PERSISTENT_VOLUME_CLAIMS = core('persistentvolumeclaims')
export const DEPLOYMENTS = apps('deployments')
export const REPLICA_SETS = apps('replicasets')
export const STATEFUL_SETS = apps('statefulsets')
export const DAEMON_SETS = apps('daemonsets')
export const CONTROLLER_REVISIONS = apps('controllerrevisions')
export const JOBS = batch('jobs')
export const CRON_JOBS = batch('cronjobs')
export const ENDPOINT_SLICES: GroupResource = { group: 'discovery.k8s.io', resource: 'endpointslices' }
export const HORIZONTAL_POD_AUTOSCALERS: GroupResource = { group: 'autoscaling', resource: 'horizontalpodautoscalers' }
export const POD_DISRUPTION_BUDGETS: GroupResource = { group: 'policy', resource: 'poddisruptionbudgets' }
export const LEASES: GroupResource = { group: 'coordination.k8s.io', resource: 'leases' }
export const CLUSTER_ROLES: GroupResource = { group: 'rbac.authorization.k8s.io', resource: 'clusterroles' }
export const PRIORITY_CLASSES: GroupResource = { group: 'scheduling.k8s.io', resource: 'priorityclasses' }
export const STORAGE_CLASSES = storage('storageclasses')
export const VOLUME_ATTRIBUTES_CLASSES = storage('volumeattributesclasses')
export const CSI_NODES = storage('csinodes')
export const CSI_DRIVERS = storage('csidrivers')
export const VOLUME_ATTACHMENTS = storage('volumeattachments')
export const CSI_STORAGE_CAPACITIES = storage('csistoragecapacities')
export const SERVICE_CIDRS: GroupResource = { group: 'networking.k8s.io', resource: 'servicecidrs' }
export const IP_ADDRESSES: GroupResource = { group: 'networking.k8s.io', resource: 'ipaddresses' }
export const RESOURCE_CLAIMS: GroupResource = { group: 'resource.k8s.io', resource: 'resourceclaims' }
export const RESOURCE_CLAIM_TEMPLATES: GroupResource = { group: 'resource.k8s.io', resource: 'resourceclaimtemplates' }
export const DEVICE_CLASSES: GroupResource = { group: 'resource.k8s.io', resource: 'deviceclasses' }
export const VALIDATING_ADMISSION_POLICIES: GroupResource = {
  group: 'admissionregistration.k8s.io',
  resource: 'validatingadmissionpolicies',
}
export const CERTIFICATE_SIGNING_REQUESTS: GroupResource = { group: 'certificates.k8s.io', resource: 'certificatesigningrequests' }
export const WORK_QUEUES: GroupResource = { group: 'zeroplane.dev', resource: 'workqueues' }
