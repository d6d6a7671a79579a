// POST on pods/binding and on bindings: a pod gets its node (pkg/registry/core/pod/storage).
import type { Binding, Node, Pod } from '../../api/core/v1.ts'
import type { RequestContext } from '../../apimachinery/context.ts'
import { notSupported, required } from '../../apimachinery/field-error.ts'
import { clone, formatTime, member } from '../../apimachinery/objects.ts'
import { badRequest, conflict, isStatus, notFound, StatusError } from '../../apimachinery/status-error.ts'
import type { KubeObject } from '../../apimachinery/types.ts'
import { type StatusObject, success } from '../answers.ts'
import type { Errors } from '../validation/checks.ts'
import { setCondition } from './conditions.ts'

export const PODS = { group: '', resource: 'pods' }
const NODES = { group: '', resource: 'nodes' }
const BINDING = { group: '', resource: 'pods/binding' }
const TOPOLOGY = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region']
const ATTEMPTS = 5

/** Writes that no rule of the kind guards go through this part, which no path names. */
export const UNGUARDED = '$unguarded'

/** POST on pods/binding, with which a pod also gets the labels that say where its node is. */
export async function bindPodAt(namespace: string, name: string, body: KubeObject, context: RequestContext): Promise<StatusObject> {
  const { target, metadata } = body as unknown as Binding
  const node = target?.name ? await context.read.get<Node>(NODES, undefined, target.name) : undefined
  const places = TOPOLOGY.flatMap(key => {
    const value = member(node?.metadata.labels, key)
    return value === undefined ? [] : [[key, value]]
  })
  const labels = { ...metadata.labels, ...Object.fromEntries(places) }
  return bindPod(namespace, name, { ...body, metadata: { ...metadata, labels } }, context)
}

export async function bindPod(namespace: string, name: string, body: KubeObject, context: RequestContext): Promise<StatusObject> {
  const binding = body as unknown as Binding
  if (binding.metadata?.name !== name) throw badRequest('name in URL does not match name in Binding object')
  checkTarget(binding)
  const machine = binding.target.name as string
  for (let attempt = 1; ; attempt++) {
    const current = await context.read.get<Pod>(PODS, namespace, name)
    if (current === undefined) throw notFound(PODS, name)
    const stale = staleness(current, binding)
    if (stale !== undefined) throw conflict(PODS, name, stale)
    const why = refusal(current)
    if (why !== undefined) throw conflict(BINDING, name, why)
    if (context.dryRun) return success(201)
    const pod = clone(current)
    assign(pod, machine, binding, context.now)
    try {
      await context.client.updatePart(PODS, UNGUARDED, pod)
      return success(201)
    } catch (error) {
      if (attempt >= ATTEMPTS || !isStatus(error, 'Conflict')) throw error
    }
  }
}

function checkTarget({ target }: Binding): void {
  const errors: Errors = []
  if (target?.kind && target.kind !== 'Node') errors.push(notSupported('target.kind', target.kind, ['Node', '<empty>']))
  if (!target?.name) errors.push(required('target.name'))
  if (errors.length === 0) return
  const texts = errors.map(error => `${error.field}: ${error.message}`)
  throw new StatusError(500, '', texts.length === 1 ? (texts[0] as string) : `[${texts.join(', ')}]`)
}

function staleness(pod: Pod, { metadata }: Binding): string | undefined {
  const { uid } = pod.metadata
  if (metadata.uid && metadata.uid !== uid) return `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${uid}`
  if (metadata.resourceVersion && metadata.resourceVersion !== pod.metadata.resourceVersion)
    return `Precondition failed: ResourceVersion in precondition: ${metadata.resourceVersion}, ResourceVersion in object meta: ${pod.metadata.resourceVersion}`
  return undefined
}

function refusal({ metadata: { name, deletionTimestamp }, spec }: Pod): string | undefined {
  if (deletionTimestamp !== undefined) return `pod ${name} is being deleted, cannot be assigned to a host`
  if (spec?.nodeName) return `pod ${name} is already assigned to node ${JSON.stringify(spec.nodeName)}`
  if (spec?.schedulingGates?.length) return `pod ${name} has non-empty .spec.schedulingGates`
  return undefined
}

/** In place. */
function assign(pod: Pod, machine: string, { metadata }: Binding, now: number): void {
  if (pod.spec !== undefined) pod.spec.nodeName = machine
  pod.status ??= {}
  delete pod.status.nominatedNodeName
  if (metadata.annotations !== undefined) pod.metadata.annotations = { ...pod.metadata.annotations, ...metadata.annotations }
  const labels = metadata.labels ?? {}
  if (Object.keys(labels).length > 0) pod.metadata.labels = { ...pod.metadata.labels, ...labels }
  setCondition(pod.status, { type: 'PodScheduled', status: 'True' }, formatTime(now))
}
