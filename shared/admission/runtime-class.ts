// What a pod's runtime class adds to it: overhead, and the nodes that have the runtime.
import type { Pod, PodSpec } from '../api/core/v1.ts'
import type { RuntimeClass } from '../api/node/v1.ts'
import type { AdmissionPlugin, Attributes } from '../apimachinery/admission.ts'
import { equal, member, setMember } from '../apimachinery/objects.ts'
import { forbidden } from '../apimachinery/status-error.ts'
import { isPodCreation, objectOf } from './attributes.ts'

const RUNTIME_CLASSES = { group: 'node.k8s.io', resource: 'runtimeclasses' }

const refuse = ({ endpoint, name }: Attributes, why: string) => forbidden(endpoint.collection, name, why)

export const runtimeClass: AdmissionPlugin = {
  name: 'RuntimeClass',
  async mutate(attributes) {
    if (!isPodCreation(attributes)) return
    const spec = objectOf<Pod>(attributes).spec as PodSpec
    const overhead = spec.overhead !== undefined && Object.keys(spec.overhead).length > 0
    if (!spec.runtimeClassName) {
      if (overhead) throw refuse(attributes, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead')
      return
    }
    const found = await attributes.context.read.get<RuntimeClass>(RUNTIME_CLASSES, undefined, spec.runtimeClassName)
    if (found === undefined) throw refuse(attributes, `pod rejected: RuntimeClass ${JSON.stringify(spec.runtimeClassName)} not found`)
    setOverhead(spec, found, overhead, attributes)
    setScheduling(spec, found, attributes)
  },
}

function setOverhead(spec: PodSpec, { overhead }: RuntimeClass, given: boolean, attributes: Attributes): void {
  if (overhead === undefined) {
    if (given) throw refuse(attributes, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead')
    return
  }
  if (given && !equal(spec.overhead, overhead.podFixed))
    throw refuse(attributes, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
  if (!given) spec.overhead = { ...overhead.podFixed }
}

function setScheduling(spec: PodSpec, { scheduling }: RuntimeClass, attributes: Attributes): void {
  if (scheduling === undefined) return
  const selector: Record<string, string> = { ...spec.nodeSelector }
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    const own = member(selector, key)
    if (own !== undefined && own !== value) {
      throw refuse(attributes, `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`)
    }
    setMember(selector, key, value)
  }
  if (Object.keys(selector).length > 0) spec.nodeSelector = selector
  const added = (scheduling.tolerations ?? []).filter(toleration => !spec.tolerations?.some(other => equal(other, toleration)))
  if (added.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...added]
}
