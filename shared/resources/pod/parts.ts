// The parts of a pod that are written through paths of their own: ephemeralcontainers and resize.

import type { Container, Pod, PodSpec, ResourceRequirements } from '../../api/core/v1.ts'
import { forbidden, invalid } from '../../apimachinery/field-error.ts'
import { member } from '../../apimachinery/objects.ts'
import type { PartStrategy } from '../../apimachinery/resource.ts'
import { fixedAnnotations, MIRROR, podAnnotations } from '../pod-spec/annotations.ts'
import { collect, keep } from '../strategy.ts'
import type { Errors } from '../validation/checks.ts'
import { diffText } from '../validation/diff.ts'
import { same } from '../validation/same.ts'
import { computeQOS, qosOf } from './qos.ts'
import { validatePod } from './validate.ts'

/** Everything but what the part is about comes from the old object. In place. */
function takeOnly(pod: Pod, old: Pod, change: (spec: PodSpec, sent: PodSpec) => void): void {
  const sent = pod.spec ?? ({} as PodSpec)
  const spec = { ...(old.spec ?? ({} as PodSpec)) }
  change(spec, sent)
  pod.spec = spec
  keep(pod, old, 'status')
  keep(
    pod.metadata,
    old.metadata,
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'labels',
    'annotations',
    'finalizers',
    'ownerReferences',
  )
}

export const ephemeralContainers: PartStrategy<Pod> = {
  prepare(pod, old) {
    takeOnly(pod, old, (spec, sent) => {
      if (sent.ephemeralContainers === undefined) delete spec.ephemeralContainers
      else spec.ephemeralContainers = sent.ephemeralContainers
    })
  },
  validate: (pod, old) => collect(errors => validateEphemeralUpdate(pod, old, errors)),
}

function validateEphemeralUpdate(pod: Pod, old: Pod, errors: Errors): void {
  if (old.metadata.annotations?.[MIRROR] !== undefined) {
    errors.push(forbidden('[]', 'static pods do not support ephemeral containers'))
    return
  }
  validatePod(pod, errors)
  fixedAnnotations(pod.metadata.annotations, old.metadata.annotations, 'metadata.annotations', errors)
  podAnnotations(pod.metadata.annotations, pod.spec ?? ({} as PodSpec), 'metadata.annotations', errors)
  for (const before of old.spec?.ephemeralContainers ?? []) {
    const now = pod.spec?.ephemeralContainers?.findLast(container => container.name === before.name)
    const which = `existing ephemeral containers ${JSON.stringify(before.name)}`
    if (now === undefined) errors.push(forbidden('spec.ephemeralContainers', `${which} may not be removed\n`))
    else if (!same(now, before)) errors.push(forbidden('spec.ephemeralContainers', `${which} may not be changed\n${diffText(before, now)}`))
  }
}

export const resize: PartStrategy<Pod> = {
  prepare(pod, old) {
    const sent = pod.spec ?? ({} as PodSpec)
    const before = old.spec ?? ({} as PodSpec)
    // With other containers than before it is left as it is, so that validation can say so.
    if (sent.containers?.length !== before.containers?.length || sent.initContainers?.length !== before.initContainers?.length) return
    takeOnly(pod, old, spec => {
      if (sent.resources === undefined) delete spec.resources
      else spec.resources = sent.resources
      spec.containers = withResourcesOf(before.containers ?? [], sent.containers ?? [])
      if (sent.initContainers !== undefined) spec.initContainers = withResourcesOf(before.initContainers ?? [], sent.initContainers)
    })
  },
  validate: (pod, old) => collect(errors => validateResize(pod, old, errors)),
}

function withResourcesOf(old: readonly Container[], sent: readonly Container[]): Container[] {
  if (old.some((container, i) => container.name !== sent[i]?.name)) return [...sent]
  return old.map((container, i) => {
    const { resources, resizePolicy } = sent[i] as Container
    const merged = { ...container, resources, resizePolicy }
    if (resizePolicy === undefined) delete merged.resizePolicy
    return merged
  })
}

function validateResize(pod: Pod, old: Pod, errors: Errors): void {
  const spec = pod.spec ?? ({} as PodSpec)
  const before = old.spec ?? ({} as PodSpec)
  if (old.metadata.annotations?.[MIRROR] !== undefined) {
    errors.push(forbidden('[]', 'static pods cannot be resized'))
    return
  }
  if (before.os?.name === 'windows') {
    errors.push(forbidden('[]', 'windows pods cannot be resized'))
    return
  }
  validatePod(pod, errors)
  if (qosOf(old) !== computeQOS(spec))
    errors.push(invalid('spec', pod.status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing'))
  const running = old.status?.containerStatuses?.find(status => status.state?.running !== undefined)
  if (running !== undefined && running.resources === undefined)
    errors.push(forbidden('spec', 'Pod running on node without support for resize'))
  podLevel(spec, before, errors)
  if (!sameOrder(spec, before, errors)) return
  for (const list of ['initContainers', 'containers'] as const) {
    for (const [i, container] of (before[list] ?? []).entries())
      removed(spec[list]?.[i]?.resources, container.resources, `spec.${list}[${i}].resources`, 'resource', errors)
  }
  for (const [i, container] of (before.containers ?? []).entries()) {
    if (!same(withoutCompute(spec.containers?.[i], container), withoutCompute(container, container)))
      errors.push(forbidden('spec', 'only cpu and memory resources are mutable'))
  }
  for (const [i, container] of (before.initContainers ?? []).entries()) {
    const now = spec.initContainers?.[i]
    const field = `spec.initContainers[${i}]`
    if (!same(withoutCompute(now, container), withoutCompute(container, container)))
      errors.push(forbidden(field, 'only cpu and memory resources for init or sidecar containers are mutable'))
    if (container.restartPolicy !== 'Always' && !same(now, container)) {
      for (const policy of now?.resizePolicy ?? [])
        if (policy.restartPolicy === 'RestartContainer')
          errors.push(forbidden(field, 'non-sidecar init containers with a resize policy of RestartContainer cannot be resized'))
    }
  }
}

const size = (amounts: object | undefined) => Object.keys(amounts ?? {}).length
const isSet = (resources: ResourceRequirements | undefined) => size(resources?.requests) + size(resources?.limits) > 0

function podLevel(spec: PodSpec, before: PodSpec, errors: Errors): void {
  if (!isSet(before.resources) && !isSet(spec.resources)) return
  if (before.resources !== undefined && spec.resources === undefined) {
    errors.push(forbidden('spec.resources', 'pod-level resources cannot be removed'))
    return
  }
  if (before.resources !== undefined) removed(spec.resources, before.resources, 'spec.resources', 'pod-level resource', errors)
  const rest = (of: PodSpec) => withoutCompute({ name: '', resources: of.resources }, { name: '' })
  if (!same(rest(spec), rest(before))) errors.push(forbidden('spec', 'only cpu and memory resources are mutable at pod-level'))
}

function removed(
  now: ResourceRequirements | undefined,
  old: ResourceRequirements | undefined,
  field: string,
  what: string,
  errors: Errors,
): void {
  for (const list of ['requests', 'limits'] as const) {
    if (Object.keys(old?.[list] ?? {}).some(name => member(now?.[list], name) === undefined))
      errors.push(forbidden(`${field}.${list}`, `${what} ${list} cannot be removed`))
  }
}

/** The container with the CPU and memory of another. */
function withoutCompute(container: Container | undefined, other: Container): unknown {
  const amounts = (list: 'requests' | 'limits') => {
    const { cpu: _, memory: __, ...rest } = container?.resources?.[list] ?? {}
    const { cpu, memory } = other.resources?.[list] ?? {}
    return { ...rest, ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) }
  }
  return { ...container, resources: { requests: amounts('requests'), limits: amounts('limits') } }
}

function sameOrder(spec: PodSpec, before: PodSpec, errors: Errors): boolean {
  const start = errors.length
  for (const list of ['containers', 'initContainers'] as const) {
    const now = spec[list] ?? []
    const old = before[list] ?? []
    if (now.length !== old.length) errors.push(forbidden(`spec.${list}`, `${list} may not be added or removed on resize`))
    else
      for (const [i, container] of old.entries())
        if (now[i]?.name !== container.name)
          errors.push(forbidden(`spec.${list}[${i}].name`, `${list} may not be renamed or reordered on resize`))
  }
  return errors.length === start
}
