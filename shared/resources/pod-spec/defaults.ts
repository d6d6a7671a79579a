// What upstream writes into a pod's spec where its author says nothing, beyond what the schema says (pkg/apis/core/v1/defaults.go).
// All in place.
import type {
  Container,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  Pod,
  PodSpec,
  PodTemplateSpec,
  Probe,
  ProjectedVolumeSource,
  Volume,
} from '../../api/core/v1.ts'
import { roundUpToMilli } from '../validation/amounts.ts'
import { isHugePage, isOvercommitAllowed, isPodLevelResource } from '../validation/resource-names.ts'
import { defaultPullPolicy } from './pull-policy.ts'
import { totalOf } from './totals.ts'

const VOLUME_SOURCES: readonly (keyof Volume)[] = [
  'hostPath',
  'emptyDir',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'gitRepo',
  'secret',
  'nfs',
  'iscsi',
  'glusterfs',
  'persistentVolumeClaim',
  'rbd',
  'flexVolume',
  'cinder',
  'cephfs',
  'flocker',
  'downwardAPI',
  'fc',
  'azureFile',
  'configMap',
  'vsphereVolume',
  'quobyte',
  'azureDisk',
  'photonPersistentDisk',
  'projected',
  'portworxVolume',
  'scaleIO',
  'storageos',
  'csi',
  'ephemeral',
  'image',
]

const FILE_MODE = 0o644
const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const
const HOOKS = ['postStart', 'preStop'] as const

export function defaultPodSpec(spec: PodSpec): void {
  for (const volume of spec.volumes ?? []) defaultVolume(volume)
  for (const list of [spec.initContainers, spec.containers, spec.ephemeralContainers] as (Container[] | undefined)[])
    for (const container of list ?? []) defaultContainer(container)
  spec.dnsPolicy ||= 'ClusterFirst'
  spec.restartPolicy ||= 'Always'
  spec.securityContext ??= {}
  spec.terminationGracePeriodSeconds ??= 30
  spec.schedulerName ||= 'default-scheduler'
  // The older name of the field says the same as the newer one.
  spec.serviceAccountName ||= spec.serviceAccount
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName
  roundUpToMilli(spec.overhead)
  roundUpToMilli(spec.resources?.requests)
  roundUpToMilli(spec.resources?.limits)
}

/** A workload's template. Some defaults are the pod's own and come when it is made. */
export function defaultPodTemplate(template: PodTemplateSpec | undefined): void {
  if (template === undefined) return
  template.spec ??= {} as PodSpec
  defaultPodSpec(template.spec)
}

export function defaultPod(pod: Pod): void {
  pod.spec ??= {} as PodSpec
  const { spec } = pod
  defaultPodSpec(spec)
  for (const list of [spec.containers, spec.initContainers]) {
    for (const { resources } of list ?? []) {
      if (resources?.limits !== undefined) resources.requests = { ...resources.limits, ...resources.requests }
    }
  }
  defaultPodResources(spec)
  spec.enableServiceLinks ??= true
  if (spec.hostNetwork) defaultHostPorts(spec)
}

function defaultVolume(volume: Volume): void {
  if (!VOLUME_SOURCES.some(source => volume[source] !== undefined)) volume.emptyDir = {}
  if (volume.hostPath !== undefined) volume.hostPath.type ??= ''
  for (const source of [volume.secret, volume.configMap, volume.downwardAPI, volume.projected])
    if (source !== undefined) source.defaultMode ??= FILE_MODE
  for (const file of volume.downwardAPI?.items ?? []) if (file.fieldRef !== undefined) file.fieldRef.apiVersion ||= 'v1'
  if (volume.projected !== undefined) defaultProjection(volume.projected)
  if (volume.image !== undefined) volume.image.pullPolicy ||= defaultPullPolicy(volume.image.reference)
  if (volume.azureDisk !== undefined) volume.azureDisk.readOnly ??= false
  const claim = volume.ephemeral?.volumeClaimTemplate
  if (claim !== undefined) {
    claim.spec ??= {}
    defaultClaimSpec(claim.spec)
  }
}

function defaultClaimSpec(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= 'Filesystem'
  roundUpToMilli(spec.resources?.requests)
  roundUpToMilli(spec.resources?.limits)
}

export function defaultClaim(claim: PersistentVolumeClaim): void {
  claim.spec ??= {}
  defaultClaimSpec(claim.spec)
  claim.status ??= {}
  claim.status.phase ||= 'Pending'
}

function defaultProjection({ sources }: ProjectedVolumeSource): void {
  for (const source of sources ?? []) {
    for (const file of source.downwardAPI?.items ?? []) if (file.fieldRef !== undefined) file.fieldRef.apiVersion ||= 'v1'
    if (source.serviceAccountToken !== undefined) source.serviceAccountToken.expirationSeconds ??= 3600
  }
}

function defaultContainer(container: Container): void {
  container.imagePullPolicy ||= defaultPullPolicy(container.image)
  container.terminationMessagePath ||= '/dev/termination-log'
  container.terminationMessagePolicy ||= 'File'
  container.resources ??= {}
  roundUpToMilli(container.resources.limits)
  roundUpToMilli(container.resources.requests)
  for (const variable of container.env ?? [])
    if (variable.valueFrom?.fieldRef !== undefined) variable.valueFrom.fieldRef.apiVersion ||= 'v1'
  for (const kind of PROBES) if (container[kind] !== undefined) defaultProbe(container[kind])
  for (const hook of HOOKS) defaultHTTPGet(container.lifecycle?.[hook])
}

function defaultProbe(probe: Probe): void {
  probe.timeoutSeconds ||= 1
  probe.periodSeconds ||= 10
  probe.successThreshold ||= 1
  probe.failureThreshold ||= 3
  defaultHTTPGet(probe)
  if (probe.grpc !== undefined) probe.grpc.service ??= ''
}

function defaultHTTPGet(handler: Pick<Probe, 'httpGet'> | undefined): void {
  if (handler?.httpGet === undefined) return
  handler.httpGet.path ||= '/'
  handler.httpGet.scheme ||= 'HTTP'
}

function defaultHostPorts(spec: PodSpec): void {
  for (const list of [spec.containers, spec.initContainers])
    for (const container of list ?? []) for (const port of container.ports ?? []) port.hostPort ||= port.containerPort
}

/** A pod that asks for resources as a whole asks at least for what its containers ask for. */
function defaultPodResources(spec: PodSpec): void {
  const resources = spec.resources
  if (resources === undefined) return
  const given = (amounts: object | undefined) => Object.keys(amounts ?? {}).length > 0
  if (given(resources.limits) || given(resources.requests)) {
    const limits = { ...resources.limits }
    for (const [name, amount] of Object.entries(totalOf(spec, 'limits')))
      if (isHugePage(name) && resources.requests?.[name] === undefined) limits[name] ??= String(amount)
    if (given(limits)) resources.limits = limits
  }
  if (!given(resources.limits)) return
  const requests = { ...resources.requests }
  for (const [name, amount] of Object.entries(totalOf(spec, 'requests')))
    if (isPodLevelResource(name) && isOvercommitAllowed(name)) requests[name] ??= String(amount)
  for (const [name, amount] of Object.entries(resources.limits ?? {})) if (isPodLevelResource(name)) requests[name] ??= amount
  if (given(requests)) resources.requests = requests
}
