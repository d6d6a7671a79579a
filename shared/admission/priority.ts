// The number behind a pod's priority class, and what protects the classes themselves.
import type { Pod, PodSpec } from '../api/core/v1.ts'
import type { PriorityClass } from '../api/scheduling/v1.ts'
import type { AdmissionPlugin, Attributes } from '../apimachinery/admission.ts'
import { forbidden } from '../apimachinery/status-error.ts'
import { concerns, isPodCreation, objectOf, oldOf } from './attributes.ts'

const PRIORITY_CLASSES = { group: 'scheduling.k8s.io', resource: 'priorityclasses' }

export const priority: AdmissionPlugin = {
  name: 'Priority',
  async mutate(attributes) {
    if (isPodCreation(attributes)) await setPriority(objectOf<Pod>(attributes).spec as PodSpec, attributes)
    // What admission once computed stays, also when an update leaves it out.
    else if (concerns(attributes, '', 'pods', 'UPDATE')) keepPriority(objectOf<Pod>(attributes).spec, oldOf<Pod>(attributes).spec)
  },
  async validate(attributes) {
    const { endpoint, name, context } = attributes
    if (concerns(attributes, PRIORITY_CLASSES.group, PRIORITY_CLASSES.resource, 'CREATE', 'UPDATE')) {
      if (objectOf<PriorityClass>(attributes).globalDefault !== true) return
      const other = (await context.read.list<PriorityClass>(PRIORITY_CLASSES)).find(
        one => one.globalDefault === true && one.metadata.name !== name,
      )
      if (other === undefined) return
      throw forbidden(
        endpoint.collection,
        name,
        `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`,
      )
    }
    if (concerns(attributes, PRIORITY_CLASSES.group, PRIORITY_CLASSES.resource, 'DELETE') && SYSTEM_CLASSES.includes(name)) {
      throw forbidden(endpoint.collection, name, 'this is a system priority class and cannot be deleted')
    }
  },
}

const SYSTEM_CLASSES = ['system-cluster-critical', 'system-node-critical']

async function setPriority(spec: PodSpec, attributes: Attributes): Promise<void> {
  const { endpoint, name } = attributes
  const found = await classOf(spec, attributes)
  const value = found?.value ?? 0
  const policy = found?.preemptionPolicy ?? 'PreemptLowerPriority'
  if (found !== undefined && !spec.priorityClassName) spec.priorityClassName = found.metadata.name
  if (spec.priority !== undefined && spec.priority !== value) {
    throw forbidden(
      endpoint.collection,
      name,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    )
  }
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
    throw forbidden(
      endpoint.collection,
      name,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
    )
  }
  spec.priority = value
  spec.preemptionPolicy = policy
}

/** The class that the pod names, or the default one. */
async function classOf(spec: PodSpec, { endpoint, name, context }: Attributes): Promise<PriorityClass | undefined> {
  if (!spec.priorityClassName) {
    const defaults = (await context.read.list<PriorityClass>(PRIORITY_CLASSES)).filter(one => one.globalDefault === true)
    return defaults.sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0]
  }
  const found = await context.read.get<PriorityClass>(PRIORITY_CLASSES, undefined, spec.priorityClassName)
  if (found === undefined) throw forbidden(endpoint.collection, name, `no PriorityClass with name ${spec.priorityClassName} was found`)
  return found
}

function keepPriority(spec: PodSpec | undefined, old: PodSpec | undefined): void {
  if (spec === undefined || old === undefined) return
  spec.priority ??= old.priority
  spec.preemptionPolicy ??= old.preemptionPolicy
}
