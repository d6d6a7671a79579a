// Every built-in kind. Adding one is adding its file and its name here.
import type { ResourceDefinition } from '../apimachinery/resource.ts'
import apiService from './api-service.ts'
import binding from './binding.ts'
import certificateSigningRequest from './certificate-signing-request.ts'
import { type ClusterKindOptions, cluster } from './cluster.ts'
import clusterRole from './cluster-role.ts'
import clusterRoleBinding from './cluster-role-binding.ts'
import componentStatus from './component-status.ts'
import configMap from './config-map.ts'
import controllerRevision from './controller-revision.ts'
import cronJob from './cron-job.ts'
import csiDriver from './csi-driver.ts'
import csiNode from './csi-node.ts'
import csiStorageCapacity from './csi-storage-capacity.ts'
import customResourceDefinition from './custom-resource-definition.ts'
import daemonSet from './daemon-set.ts'
import deployment from './deployment.ts'
import deviceClass from './device-class.ts'
import endpointSlice from './endpoint-slice.ts'
import endpoints from './endpoints.ts'
import event from './event.ts'
import flowSchema from './flow-schema.ts'
import horizontalPodAutoscaler from './horizontal-pod-autoscaler.ts'
import ingress from './ingress.ts'
import ingressClass from './ingress-class.ts'
import ipAddress from './ip-address.ts'
import job from './job.ts'
import lease from './lease.ts'
import { withLegacyVersions } from './legacy/index.ts'
import limitRange from './limit-range.ts'
import mutatingAdmissionPolicy from './mutating-admission-policy.ts'
import mutatingAdmissionPolicyBinding from './mutating-admission-policy-binding.ts'
import mutatingWebhookConfiguration from './mutating-webhook-configuration.ts'
import namespace from './namespace.ts'
import networkPolicy from './network-policy.ts'
import node from './node.ts'
import persistentVolume from './persistent-volume.ts'
import persistentVolumeClaim from './persistent-volume-claim.ts'
import type { PodStreams } from './pod/streams.ts'
import { pod } from './pod.ts'
import podDisruptionBudget from './pod-disruption-budget.ts'
import podTemplate from './pod-template.ts'
import priorityClass from './priority-class.ts'
import priorityLevelConfiguration from './priority-level-configuration.ts'
import replicaSet from './replica-set.ts'
import replicationController from './replication-controller.ts'
import resourceClaim from './resource-claim.ts'
import resourceClaimTemplate from './resource-claim-template.ts'
import resourceQuota from './resource-quota.ts'
import resourceSlice from './resource-slice.ts'
import role from './role.ts'
import roleBinding from './role-binding.ts'
import runtimeClass from './runtime-class.ts'
import secret from './secret.ts'
import { addressRanges, portRange } from './service/ranges.ts'
import { nodePort, service } from './service.ts'
import serviceAccount from './service-account.ts'
import serviceCidr from './service-cidr.ts'
import statefulSet from './stateful-set.ts'
import storageClass from './storage-class.ts'
import validatingAdmissionPolicy from './validating-admission-policy.ts'
import validatingAdmissionPolicyBinding from './validating-admission-policy-binding.ts'
import validatingWebhookConfiguration from './validating-webhook-configuration.ts'
import volumeAttachment from './volume-attachment.ts'
import volumeAttributesClass from './volume-attributes-class.ts'
import workQueue from './work-queue.ts'

export interface BuiltInOptions {
  /** Range of cluster IPs: "127.128.0.0/9", or one for each family: "127.128.0.0/9,fd00::/108". */
  readonly serviceCidr?: string
  /** First and last node port. */
  readonly nodePorts?: readonly [first: number, last: number]
  /** How running pods are reached: log, exec, attach ... */
  readonly streams?: PodStreams
  /** Also serve the versions of 2018: extensions/v1beta1, apps/v1beta1, apps/v1beta2 ... */
  readonly legacy?: boolean
  /** Other clusters in the same deployment; null: this is one of them, and makes none. */
  readonly clusters?: ClusterKindOptions | null
}

/** Loopback addresses: every node is a network of its own, in which each of them can stand for a Service. */
export const DEFAULT_SERVICE_CIDR = '127.128.0.0/9'

export function builtInResources(options: BuiltInOptions = {}): readonly ResourceDefinition[] {
  const { clusters = {} } = options
  const made = clusters === null ? [] : [cluster(clusters)]
  const all = [...FIXED, ...made, ...reachableResources(options)]
  return options.legacy ? withLegacyVersions(all) : all
}

/** What can be reached over the network, through the API. */
export function reachableResources(options: Omit<BuiltInOptions, 'legacy'>): readonly ResourceDefinition[] {
  const { serviceCidr: cidr = DEFAULT_SERVICE_CIDR, nodePorts = [30_000, 32_767], streams = {} } = options
  return [pod(streams), service({ addresses: addressRanges(cidr), ports: portRange(...nodePorts) }, streams)]
}

const FIXED: readonly ResourceDefinition[] = [
  apiService,
  binding,
  certificateSigningRequest,
  clusterRole,
  clusterRoleBinding,
  componentStatus,
  configMap,
  controllerRevision,
  cronJob,
  customResourceDefinition,
  csiDriver,
  csiNode,
  csiStorageCapacity,
  daemonSet,
  deployment,
  deviceClass,
  endpoints,
  endpointSlice,
  event,
  flowSchema,
  horizontalPodAutoscaler,
  ingress,
  ingressClass,
  ipAddress,
  job,
  lease,
  limitRange,
  mutatingAdmissionPolicy,
  mutatingAdmissionPolicyBinding,
  mutatingWebhookConfiguration,
  namespace,
  networkPolicy,
  node,
  nodePort,
  persistentVolume,
  persistentVolumeClaim,
  podDisruptionBudget,
  podTemplate,
  priorityClass,
  priorityLevelConfiguration,
  replicaSet,
  replicationController,
  resourceClaim,
  resourceClaimTemplate,
  resourceQuota,
  resourceSlice,
  role,
  roleBinding,
  runtimeClass,
  secret,
  serviceAccount,
  serviceCidr,
  statefulSet,
  storageClass,
  validatingAdmissionPolicy,
  validatingAdmissionPolicyBinding,
  validatingWebhookConfiguration,
  volumeAttachment,
  volumeAttributesClass,
  workQueue,
]

/** For those who neither create Services nor reach running pods. Owners and scale targets may be named by a version of 2018, served or not. */
export const BUILT_IN = builtInResources({ legacy: true })
