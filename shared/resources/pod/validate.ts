// A pod as it is created and updated (pkg/apis/core/validation, ValidatePodCreate and ValidatePodUpdate).

import type { Affinity, Container, NodeSelectorTerm, Pod, PodSpec, Toleration } from '../../api/core/v1.ts'
import { forbidden, invalid, required } from '../../apimachinery/field-error.ts'
import { member } from '../../apimachinery/objects.ts'
import { validateTolerations } from '../pod-spec/affinity.ts'
import { annotationsMatchFields, fixedAnnotations, podAnnotations } from '../pod-spec/annotations.ts'
import { imageWhitespace } from '../pod-spec/containers.ts'
import { validatePodSpec } from '../pod-spec/spec.ts'
import { type Errors, inRange, MAX_INT32 } from '../validation/checks.ts'
import { diffText } from '../validation/diff.ts'
import { same } from '../validation/same.ts'

/** What must hold of a pod at any time. */
export function validatePod(pod: Pod, errors: Errors): void {
  const spec = pod.spec ?? ({} as PodSpec)
  podAnnotations(pod.metadata.annotations, spec, 'metadata.annotations', errors)
  validatePodSpec(spec, 'spec', errors, { isPod: true, metadata: pod.metadata })
  if (!spec.serviceAccountName) {
    for (const [i, volume] of (spec.volumes ?? []).entries()) {
      for (const [j, source] of (volume.projected?.sources ?? []).entries()) {
        if (source.serviceAccountToken !== undefined) {
          const at = `spec.volumes[${i}].projected.sources[${j}].serviceAccountToken`
          errors.push(forbidden(at, 'must not be specified when serviceAccountName is not set'))
        }
      }
    }
  }
  for (const list of ['containers', 'initContainers'] as const)
    for (const [i, container] of (spec[list] ?? []).entries()) imageWhitespace(container, `spec.${list}[${i}]`, errors)
}

export function validatePodCreate(pod: Pod, errors: Errors): void {
  validatePod(pod, errors)
  const { spec } = pod
  if (spec?.ephemeralContainers?.length) errors.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'))
  if (spec?.nodeName && spec.schedulingGates?.length)
    errors.push(forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'))
  annotationsMatchFields(pod.metadata, spec ?? ({} as PodSpec), 'spec', errors)
}

const UPDATABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',')

export function validatePodUpdate(pod: Pod, oldPod: Pod, errors: Errors): void {
  const spec = pod.spec ?? ({} as PodSpec)
  const old = oldPod.spec ?? ({} as PodSpec)
  validatePod(pod, errors)
  fixedAnnotations(pod.metadata.annotations, oldPod.metadata.annotations, 'metadata.annotations', errors)
  podAnnotations(pod.metadata.annotations, spec, 'metadata.annotations', errors)
  for (const list of ['containers', 'initContainers'] as const) {
    if (!sameContainers(spec[list], old[list], `spec.${list}`, errors)) return
  }
  if (!deadline(spec, old, errors)) return
  addedTolerations(spec.tolerations ?? [], old.tolerations ?? [], errors)
  removedGates(spec, old, errors)
  if (same(spec, old)) return

  // What is left after taking back all that may change must be as it was.
  const rest: PodSpec = {
    ...spec,
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    tolerations: old.tolerations,
    schedulingGates: old.schedulingGates,
  }
  rest.containers = withImagesOf(spec.containers, old.containers) ?? []
  rest.initContainers = withImagesOf(spec.initContainers, old.initContainers)
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && rest.terminationGracePeriodSeconds === 1)
    rest.terminationGracePeriodSeconds = old.terminationGracePeriodSeconds
  if (old.schedulingGates?.length) gatedChanges(rest, old, errors)
  if (!same(rest, old)) errors.push(forbidden('spec', `pod updates may not change fields other than ${UPDATABLE}\n${diffText(old, rest)}`))
}

function sameContainers(containers: readonly Container[] = [], old: readonly Container[] = [], field: string, errors: Errors): boolean {
  if (containers.length !== old.length) {
    errors.push(forbidden(field, 'pod updates may not add or remove containers'))
    return false
  }
  for (const [i, container] of containers.entries()) {
    if (!container.image) errors.push(required(`${field}[${i}].image`))
    imageWhitespace(container, `${field}[${i}]`, errors)
  }
  return true
}

const withImagesOf = (containers: readonly Container[] | undefined, old: readonly Container[] | undefined) =>
  containers?.map((container, i) => ({ ...container, image: old?.[i]?.image }))

/** May be set, and then only lowered. Answers whether to look further. */
function deadline(spec: PodSpec, old: PodSpec, errors: Errors): boolean {
  const field = 'spec.activeDeadlineSeconds'
  const value = spec.activeDeadlineSeconds
  const before = old.activeDeadlineSeconds
  if (value === undefined) {
    if (before !== undefined) errors.push(invalid(field, undefined, 'must not update from a positive integer to nil value'))
    return true
  }
  if (value < 0 || value > MAX_INT32) {
    errors.push(invalid(field, value, inRange(0, MAX_INT32)))
    return false
  }
  if (before === undefined || before >= value) return true
  errors.push(invalid(field, value, 'must be less than or equal to previous value'))
  return false
}

function addedTolerations(tolerations: readonly Toleration[], old: readonly Toleration[], errors: Errors): void {
  const field = 'spec.tolerations'
  for (const before of old) {
    const kept = tolerations.some(toleration => same({ ...before, tolerationSeconds: toleration.tolerationSeconds }, toleration))
    if (!kept) {
      errors.push(forbidden(field, 'existing toleration can not be modified except its tolerationSeconds'))
      return
    }
  }
  validateTolerations(tolerations, field, errors)
}

function removedGates(spec: PodSpec, old: PodSpec, errors: Errors): void {
  const before = new Set((old.schedulingGates ?? []).map(gate => gate.name))
  for (const [i, { name }] of (spec.schedulingGates ?? []).entries()) {
    if (!before.has(name))
      errors.push(forbidden(`spec.schedulingGates[${i}].name`, `only deletion is allowed, but found new scheduling gate '${name}'`))
  }
}

/** While it is gated, a pod's choice of nodes may be narrowed. Takes the narrowing back from `rest`. */
function gatedChanges(rest: PodSpec, old: PodSpec, errors: Errors): void {
  if (!same(rest.nodeSelector ?? {}, old.nodeSelector ?? {})) {
    const selector = rest.nodeSelector ?? {}
    const kept = Object.entries(old.nodeSelector ?? {}).every(([key, value]) => member(selector, key) === value)
    if (!kept)
      errors.push(
        invalid('spec.nodeSelector', rest.nodeSelector, 'only additions to spec.nodeSelector are allowed (no mutations or deletions)'),
      )
  }
  rest.nodeSelector = old.nodeSelector
  const before = old.affinity?.nodeAffinity
  if (same(rest.affinity?.nodeAffinity, before)) return
  narrowedAffinity(rest.affinity, old.affinity, errors)
  if (rest.affinity === undefined) rest.affinity = { nodeAffinity: before }
  else if (old.affinity === undefined && rest.affinity.podAffinity === undefined && rest.affinity.podAntiAffinity === undefined)
    rest.affinity = undefined
  else rest.affinity = { ...rest.affinity, nodeAffinity: before }
}

function narrowedAffinity(affinity: Affinity | undefined, old: Affinity | undefined, errors: Errors): void {
  const field = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms'
  const terms = (of: Affinity | undefined) => of?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  const before = terms(old) ?? []
  const now = terms(affinity) ?? []
  if (before.length > 0 && before.length !== now.length) {
    errors.push(invalid(field, terms(affinity), 'no additions/deletions to non-empty NodeSelectorTerms list are allowed'))
    return
  }
  for (const [i, term] of before.entries()) {
    if (!onlyAdds(now[i] ?? {}, term))
      errors.push(invalid(`${field}[${i}]`, now[i], 'only additions are allowed (no mutations or deletions)'))
  }
}

function onlyAdds(term: NodeSelectorTerm, old: NodeSelectorTerm): boolean {
  const lists = ['matchExpressions', 'matchFields'] as const
  // A term that says nothing selects nothing: saying something would widen it.
  if (lists.every(list => !old[list]?.length)) return lists.every(list => !term[list]?.length)
  return lists.every(list => same((term[list] ?? []).slice(0, old[list]?.length ?? 0), old[list]))
}
