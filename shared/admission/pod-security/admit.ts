// Pods, what makes pods, and namespaces against the Pod Security Standards (k8s.io/pod-security-admission/admission).
import type { Namespace, Pod, PodSpec, PodTemplateSpec } from '../../api/core/v1.ts'
import type { Attributes } from '../../apimachinery/admission.ts'
import { equal } from '../../apimachinery/objects.ts'
import { forbidden, invalid } from '../../apimachinery/status-error.ts'
import type { KubeObject, ObjectMeta } from '../../apimachinery/types.ts'
import { objectOf, oldOf } from '../attributes.ts'
import type { CheckedPod } from './checks.ts'
import { detailsOf, reasonsOf, violations } from './evaluate.ts'
import { isStricter, type LevelVersion, policyText, readPolicy } from './policy.ts'

const PODS = { group: '', resource: 'pods' }
/** As many pods of a namespace are looked at when its level changes. */
const MOST_PODS = 3000

/** @throws StatusError 403 */
export function admitPod(attributes: Attributes, namespace: Namespace): void {
  const { policy } = readPolicy(namespace.metadata.labels)
  const pod = objectOf<Pod>(attributes)
  if (attributes.operation === 'UPDATE' && !isSignificant(attributes, pod)) return
  const checked: CheckedPod = { metadata: pod.metadata, spec: pod.spec as PodSpec }
  const refused = violations(checked, policy.enforce)
  if (refused.length > 0) {
    throw forbidden(PODS, attributes.name, `violates PodSecurity ${JSON.stringify(policyText(policy.enforce))}: ${detailsOf(refused)}`)
  }
  warn(attributes, checked, policy.warn)
}

/** Controllers' own objects are let through: their pods will not be, and a warning says so early. */
export function warnAboutTemplate(attributes: Attributes, namespace: Namespace): void {
  const template = templateOf(objectOf(attributes))
  if (template?.spec === undefined) return
  const { policy } = readPolicy(namespace.metadata.labels)
  warn(attributes, { metadata: (template.metadata ?? {}) as ObjectMeta, spec: template.spec }, policy.warn)
}

function warn({ context }: Attributes, pod: CheckedPod, level: LevelVersion): void {
  const found = violations(pod, level)
  if (found.length > 0) context.warn(`would violate PodSecurity ${JSON.stringify(policyText(level))}: ${detailsOf(found)}`)
}

/** Of what may change in a pod, only these count. */
function isSignificant({ subresource, old }: Attributes, pod: Pod): boolean {
  if (subresource === 'ephemeralcontainers') return true
  const profiles = (object: KubeObject) =>
    Object.entries(object.metadata.annotations ?? {}).filter(([key]) => /seccomp\.security|apparmor\.security/.test(key))
  return !equal(profiles(pod), profiles(old as Pod))
}

function templateOf(object: KubeObject): PodTemplateSpec | undefined {
  const { spec, template } = object as KubeObject & {
    template?: PodTemplateSpec
    spec?: { template?: PodTemplateSpec; jobTemplate?: { spec?: { template?: PodTemplateSpec } } }
  }
  return template ?? spec?.template ?? spec?.jobTemplate?.spec?.template
}

/** @throws StatusError 422 for labels that say no level */
export async function admitNamespace(attributes: Attributes): Promise<void> {
  const namespace = objectOf<Namespace>(attributes)
  const name = namespace.metadata.name ?? ''
  const now = readPolicy(namespace.metadata.labels)
  if (attributes.operation === 'CREATE') {
    if (now.errors.length > 0) throw invalid('', 'Namespace', name, now.errors)
    return
  }
  const before = readPolicy(oldOf<Namespace>(attributes).metadata.labels)
  if (now.errors.length > 0 && !equal(now.errors, before.errors)) throw invalid('', 'Namespace', name, now.errors)
  const { enforce } = now.policy
  if (now.errors.length > 0 || !isStricter(enforce, before.policy.enforce)) return
  const warnings = await warningsOfPods(attributes, name, enforce)
  if (warnings.length === 0) return
  const level = JSON.stringify(policyText(enforce))
  attributes.context.warn(`existing pods in namespace ${JSON.stringify(name)} violate the new PodSecurity enforce level ${level}`)
  for (const warning of warnings) attributes.context.warn(warning)
}

/** One line for all pods with the same faults; of the pods of one controller, one is looked at. */
async function warningsOfPods({ context }: Attributes, namespace: string, level: LevelVersion): Promise<string[]> {
  const pods = await context.read.list<Pod>(PODS, namespace)
  const controllers = new Set<string>()
  const byFaults = new Map<string, string[]>()
  for (const { metadata, spec } of pods.slice(0, MOST_PODS)) {
    const controller = metadata.ownerReferences?.find(owner => owner.controller)?.uid
    if (controller !== undefined && controllers.has(controller)) continue
    if (controller !== undefined) controllers.add(controller)
    const found = violations({ metadata, spec: spec as PodSpec }, level)
    if (found.length === 0) continue
    const faults = reasonsOf(found)
    byFaults.set(faults, [...(byFaults.get(faults) ?? []), metadata.name ?? ''])
  }
  return [...byFaults]
    .map(([faults, names]) => {
      const others = names.length - 1
      return `${names[0]}${others === 0 ? '' : ` (and ${others} other ${others === 1 ? 'pod' : 'pods'})`}: ${faults}`
    })
    .sort()
}
