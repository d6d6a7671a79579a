// EndpointSlices: for each Service with a selector, its pods with their conditions, in slices.
import type { Node, Pod, Service } from '../api/core/v1.ts'
import type { Endpoint, EndpointSlice } from '../api/discovery/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import type { Informer } from '../store/types.ts'
import { all } from './bursts.ts'
import { ENDPOINT_SLICES, NODES, PODS, SERVICES } from './collections.ts'
import { familiesOf, HEADLESS, isHeadless, isSelecting, labelKeys, TRIGGER_TIME, triggerTime } from './endpoints/pods.ts'
import { groupsOf, planSlices, type SliceFrame, type SliceGroup } from './endpoints/slices.ts'
import { allocate, wantsTopologyHints, zoneShares } from './endpoints/topology.ts'
import { podsBehind, servicesFor } from './endpoints.ts'
import { podsOn } from './nodelifecycle.ts'
import { controllerReference } from './owners.ts'
import { isNamespaceTerminating } from './replicas.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
import { labelsIn, own, splitName } from './watches.ts'

export const SERVICE_NAME = 'kubernetes.io/service-name'
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by'
const CONTROLLER = 'endpointslice-controller.k8s.io'
const MOST_ENDPOINTS = 100
const ZONE = 'topology.kubernetes.io/zone'
/** An event's message holds so many characters. */
const MOST_TOLD = 1024

const BY_SERVICE = 'service'

/** The slices that one controller keeps for a Service. */
export function slicesOf(slices: Informer, namespace: string, service: string, controller: string): EndpointSlice[] {
  slices.addIndex(BY_SERVICE, ({ metadata }) => {
    const name = metadata.labels?.[SERVICE_NAME]
    return name === undefined ? [] : [`${metadata.namespace}/${name} ${metadata.labels?.[MANAGED_BY]}`]
  })
  return slices.byIndex(BY_SERVICE, `${namespace}/${service} ${controller}`).map(({ object }) => object as EndpointSlice)
}

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const { namespace, name } = splitKey(key)
  const services = await context.informer(SERVICES)
  const target = splitName(name)
  if (target.about === 'labels') return { also: servicesFor(services, namespace, labelsIn(target.name)) }
  if (target.about === 'node') {
    const pods = podsOn(await context.informer(PODS), target.name)
    const also = pods.flatMap(({ metadata }) => servicesFor(services, metadata.namespace ?? '', metadata.labels ?? {}))
    return { also: [...new Set(also)] }
  }
  const service = services.get(key)?.object as Service | undefined
  // Slices of a Service that is gone are collected with it.
  if (service === undefined || service.metadata.deletionTimestamp !== undefined || !isSelecting(service)) return undefined
  const pods = podsBehind(await context.informer(PODS), service)
  const nodes = await context.informer(NODES)
  const byTopology = wantsTopologyHints(service)
  const nodeOf = (name: string) => nodes.get(objectKey(undefined, name))?.object as Node | undefined
  const { groups, skipped } = groupsOf(service, pods, nodeOf, !byTopology)
  const hinted = byTopology ? await withTopologyHints(service, groups, nodes, context) : groups
  await writeSlices(service, withPlaceholders(service, hinted), pods, context)
  if (skipped.length > 0) tellSkipped(service, skipped, context)
  return undefined
}

/** They are looked at again when their node comes. */
function tellSkipped(service: Service, pods: readonly Pod[], { events }: ControllerContext): void {
  const key = `${service.metadata.namespace}/${service.metadata.name}`
  const problems = pods.map(
    ({ metadata, spec }) => `skipping Pod ${metadata.name} for Service ${key}: Node ${spec.nodeName ?? ''} Not Found`,
  )
  const message = `Error updating Endpoint Slices for Service ${key}: ${problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`}`
  void events.event(service, 'Warning', 'FailedToUpdateEndpointSlices', message.slice(0, MOST_TOLD))
}

/** For each family on its own. */
async function withTopologyHints(
  service: Service,
  groups: readonly SliceGroup[],
  nodes: Informer,
  { events, informer }: ControllerContext,
): Promise<SliceGroup[]> {
  const { namespace = '', name } = service.metadata
  const tell = (type: 'Normal' | 'Warning', reason: string, message: string, family: string) =>
    void events.event(service, type, reason, `${message}, addressType: ${family}`)
  const shares = zoneShares(nodes.list().map(({ object }) => object as Node))
  const before = slicesOf(await informer(ENDPOINT_SLICES), namespace, name, CONTROLLER)
  const hadHints = before.some(({ endpoints }) => endpoints?.some(({ hints }) => hints !== undefined))
  const zoneFor = new Map<Endpoint, string>()
  for (const [family, members] of Map.groupBy(groups, ({ addressType }) => addressType)) {
    const ready = members.flatMap(({ endpoints }) => endpoints).filter(({ conditions }) => conditions?.ready)
    const zones = allocate(ready, shares)
    if (typeof zones === 'string') tell('Warning', 'TopologyAwareHintsDisabled', zones, family)
    else {
      if (!hadHints) tell('Normal', 'TopologyAwareHintsEnabled', 'Topology Aware Hints has been enabled', family)
      for (const [i, endpoint] of ready.entries()) zoneFor.set(endpoint, zones[i]!)
    }
  }
  const hinted = (endpoint: Endpoint): Endpoint => {
    const zone = zoneFor.get(endpoint)
    return zone === undefined ? endpoint : { ...endpoint, hints: { forZones: [{ name: zone }] } }
  }
  return groups.map(group => ({ ...group, endpoints: group.endpoints.map(hinted) }))
}

/** A family without endpoints still has one slice, which says so. */
function withPlaceholders(service: Service, groups: readonly SliceGroup[]): SliceGroup[] {
  const missing = familiesOf(service).filter(family => !groups.some(({ addressType }) => addressType === family))
  return [...groups, ...missing.map(addressType => ({ addressType, ports: undefined, endpoints: [] }))]
}

function frameOf(service: Service, pods: readonly Pod[], existing: readonly EndpointSlice[]): SliceFrame {
  const labels: Record<string, string> = { ...service.metadata.labels, [SERVICE_NAME]: service.metadata.name, [MANAGED_BY]: CONTROLLER }
  delete labels[HEADLESS]
  if (isHeadless(service)) labels[HEADLESS] = ''
  const endpoints = existing.flatMap(slice => slice.endpoints ?? [])
  const known = new Map(endpoints.map(({ targetRef, conditions }) => [targetRef?.uid ?? '', conditions?.serving]))
  const time = triggerTime(service, pods, existing.length === 0 ? undefined : known)
  return { labels, annotations: time === undefined ? {} : { [TRIGGER_TIME]: time } }
}

async function writeSlices(
  service: Service,
  groups: readonly SliceGroup[],
  pods: readonly Pod[],
  context: ControllerContext,
): Promise<void> {
  const { namespace, name } = service.metadata
  const existing = slicesOf(await context.informer(ENDPOINT_SLICES), namespace ?? '', name, CONTROLLER)
  const frame = frameOf(service, pods, existing)
  const empty = groups.filter(({ endpoints }) => endpoints.length === 0)
  const plan = planSlices(existing, groups, frame, MOST_ENDPOINTS)
  for (const { addressType, ports } of empty) {
    const kept = existing.some(slice => slice.addressType === addressType && !plan.remove.includes(slice))
    const made = plan.create.some(slice => slice.addressType === addressType)
    if (kept || made) continue
    // Rather than deleting the last one, empty it.
    const reused = plan.remove.findIndex(slice => slice.addressType === addressType)
    if (reused < 0) plan.create.push({ addressType, ports, endpoints: [] })
    else {
      const [slice] = plan.remove.splice(reused, 1)
      plan.update.push({ ...slice!, endpoints: [], ports: undefined, metadata: { ...slice!.metadata, ...frame } })
    }
  }
  await carryOut(service, plan, frame, context)
}

/** Creates before deletes: an endpoint that moves is never missing. */
export async function carryOut(
  owner: KubeObject,
  { create, update, remove }: ReturnType<typeof planSlices>,
  { labels, annotations }: SliceFrame,
  { client }: ControllerContext,
): Promise<void> {
  const { namespace, name } = owner.metadata
  try {
    await all(create, ({ addressType, ports, endpoints }) =>
      client.create<EndpointSlice>(ENDPOINT_SLICES, {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: '', generateName: `${name}-`, namespace, labels, annotations, ownerReferences: [controllerReference(owner)] },
        addressType,
        endpoints: [...endpoints],
        ...(ports === undefined ? {} : { ports: [...ports] }),
      }),
    )
    await all(update, slice => client.update<EndpointSlice>(ENDPOINT_SLICES, slice))
    await all(remove, ({ metadata }) =>
      client.delete(ENDPOINT_SLICES, metadata.namespace, metadata.name, { preconditions: { uid: metadata.uid } }),
    )
  } catch (error) {
    if (!isNamespaceTerminating(error) && !isStatus(error, 'NotFound')) throw error
  }
}

export const endpointSliceController: Controller = {
  name: 'endpointslice',
  component: 'endpoint-slice-controller',
  watches: [
    own(SERVICES),
    { resource: PODS, keys: labelKeys },
    {
      // Changed or deleted by somebody else: put right. Our own writes find nothing to do.
      resource: ENDPOINT_SLICES,
      keys({ type, object }) {
        const { labels, namespace } = object.metadata
        const service = labels?.[SERVICE_NAME]
        return type !== 'created' && service !== undefined && labels?.[MANAGED_BY] === CONTROLLER ? [objectKey(namespace, service)] : []
      },
    },
    {
      resource: NODES,
      keys({ type, object, previous }) {
        const moved = type !== 'updated' || previous?.metadata.labels?.[ZONE] !== object.metadata.labels?.[ZONE]
        return moved ? [objectKey(undefined, `node:${object.metadata.name}`)] : []
      },
    },
  ],
  reconcile,
}
