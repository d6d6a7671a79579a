// What becomes of a pod before it is checked and stored (pkg/registry/core/pod, strategy; pkg/api/pod).
import type { Container, Pod, PodAffinityTerm, PodSpec, PodTemplateSpec } from '../../api/core/v1.ts'
import type { LabelSelector } from '../../api/meta/v1.ts'
import type { RequestContext } from '../../apimachinery/context.ts'
import { equal, formatTime, member } from '../../apimachinery/objects.ts'
import { APPARMOR } from '../pod-spec/annotations.ts'
import { appArmorProfile } from '../pod-spec/security.ts'
import { visitContainers } from '../pod-spec/visit.ts'
import type { Errors } from '../validation/checks.ts'
import { setCondition } from './conditions.ts'
import { computeQOS } from './qos.ts'

export function preparePodForCreate(pod: Pod, context: RequestContext): void {
  pod.spec ??= {} as PodSpec
  const { spec } = pod
  pod.status = { phase: 'Pending', qosClass: pod.status?.qosClass || computeQOS(spec) }
  dropUnsupported(spec)
  if (spec.schedulingGates?.length) {
    const message = 'Scheduling is blocked due to non-empty scheduling gates'
    setCondition(pod.status, { type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message }, formatTime(context.now))
  }
  rememberLabelKeys(spec, pod.metadata.labels ?? {})
  appArmorFields(pod, context)
  mirrorServiceAccount(spec)
}

/** The older name of the field says the same as the newer one. In place. */
export function mirrorServiceAccount(spec: PodSpec): void {
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName
  else delete spec.serviceAccount
}

/** Fields of features that are off by default upstream are accepted and forgotten. In place. */
export function dropUnsupported(spec: PodSpec): void {
  delete spec.schedulingGroup
  visitContainers(spec, '', ({ lifecycle }) => {
    if (lifecycle !== undefined) delete lifecycle.stopSignal
  })
  for (const volume of spec.volumes ?? []) {
    for (const source of volume.projected?.sources ?? []) {
      delete source.clusterTrustBundle
      delete source.podCertificate
    }
  }
}

export function dropUnsupportedInTemplate(template: PodTemplateSpec | undefined): void {
  if (template?.spec !== undefined) dropUnsupported(template.spec)
}

/** Writes matchLabelKeys and mismatchLabelKeys into the selectors, with the pod's own values. In place. */
function rememberLabelKeys(spec: PodSpec, labels: Readonly<Record<string, string>>): void {
  const must = 'requiredDuringSchedulingIgnoredDuringExecution'
  const should = 'preferredDuringSchedulingIgnoredDuringExecution'
  for (const affinity of [spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity]) {
    for (const { podAffinityTerm } of affinity?.[should] ?? []) rememberIn(podAffinityTerm, labels)
    for (const term of affinity?.[must] ?? []) rememberIn(term, labels)
  }
  for (const constraint of spec.topologySpreadConstraints ?? []) rememberIn(constraint, labels)
}

type Keyed = Pick<PodAffinityTerm, 'labelSelector' | 'matchLabelKeys' | 'mismatchLabelKeys'>

function rememberIn({ labelSelector, matchLabelKeys, mismatchLabelKeys }: Keyed, labels: Readonly<Record<string, string>>): void {
  if (labelSelector === undefined) return
  const add = (selector: LabelSelector, keys: readonly string[] | undefined, operator: string) => {
    for (const key of keys ?? []) {
      const value = member(labels, key)
      if (value !== undefined) selector.matchExpressions = [...(selector.matchExpressions ?? []), { key, operator, values: [value] }]
    }
  }
  add(labelSelector, matchLabelKeys, 'In')
  add(labelSelector, mismatchLabelKeys, 'NotIn')
}

/** The field that an annotation of the years before it stands for; undefined if it stands for none. */
function appArmorField(annotation: string) {
  if (annotation === 'unconfined') return { type: 'Unconfined' }
  if (annotation === 'runtime/default') return { type: 'RuntimeDefault' }
  if (!annotation.startsWith('localhost/')) return undefined
  const profile = { type: 'Localhost', localhostProfile: annotation.slice('localhost/'.length) }
  const errors: Errors = []
  appArmorProfile(profile, '', errors)
  return errors.length > 0 ? undefined : profile
}

function appArmorFields(pod: Pod, context: RequestContext): void {
  const spec = pod.spec ?? ({} as PodSpec)
  if (spec.os?.name === 'windows' || pod.metadata.annotations === undefined) return
  visitContainers(spec, '', (container: Container) => {
    const key = APPARMOR + container.name
    const annotation = pod.metadata.annotations?.[key]
    if (annotation === undefined || container.securityContext?.appArmorProfile !== undefined) return
    const profile = appArmorField(annotation)
    if (profile !== undefined) {
      if (equal(profile, spec.securityContext?.appArmorProfile)) return
      container.securityContext = { ...container.securityContext, appArmorProfile: profile }
    }
    context.warn(`metadata.annotations[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`)
  })
}
