// Ranges of cluster addresses: they are ready at once, and one that is deleted stays until no Service has an address that only it covers
// (pkg/controller/servicecidrs). Nobody watches addresses, for that would cost something with each Service: a range that is going looks
// at them itself, at intervals that grow with the time it has waited.
import type { IPAddress, ServiceCIDR } from '../api/networking/v1.ts'
import { coversAddress, coversRange, parseCIDR, parseIP, type Range } from '../resources/validation/ip.ts'
import { IP_ADDRESSES, SERVICE_CIDRS } from './collections.ts'
import { findCondition, withoutCondition } from './conditions.ts'
import { isGoing, isHeldBy, withFinalizer, withoutFinalizer } from './finalizers.ts'
import { unlessGone } from './owners.ts'
import { parseTime, requeueAt, timestamp } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
import { keyOf } from './watches.ts'

const FINALIZER = 'networking.k8s.io/service-cidr-finalizer'
/** Until then somebody who does not know of the deletion may take an address from it. */
const GRACE_MS = 10_000
const SHORTEST_WAIT_S = 10
const LONGEST_WAIT_S = 300

const READY = 'Ready'
const IS_READY = { status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' }
const IS_USED = {
  status: 'False',
  reason: 'Terminating',
  message: 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
}

const rangesOf = ({ spec }: ServiceCIDR): Range[] =>
  (spec?.cidrs ?? []).map(parseCIDR).filter((range): range is Range => range !== undefined)

/** Whether a Service would be left with an address of no range. Those that are going too are no place to stay. Pure. */
export function isUsed(going: ServiceCIDR, all: readonly ServiceCIDR[], addresses: readonly IPAddress[]): boolean {
  const own = rangesOf(going)
  const others = all
    .filter(({ metadata }) => metadata.uid !== going.metadata.uid && metadata.deletionTimestamp === undefined)
    .flatMap(rangesOf)
  if (own.every(range => others.some(other => coversRange(other, range)))) return false
  return addresses.some(({ metadata }) => {
    if (metadata.labels?.['ipaddress.kubernetes.io/managed-by'] !== 'ipallocator.k8s.io') return false
    const address = parseIP(metadata.name)
    const inside = (range: Range) => address !== undefined && coversAddress(range, address)
    return own.some(inside) && !others.some(inside)
  })
}

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const { client, informer } = context
  const all = (await informer(SERVICE_CIDRS)).list().map(({ object }) => object as ServiceCIDR)
  const found = all.find(cidr => keyOf(cidr) === key)
  if (found === undefined) return undefined
  if (found.metadata.deletionTimestamp === undefined) {
    await unlessGone(async () => {
      const held = isHeldBy(found, FINALIZER) ? found : await client.update(SERVICE_CIDRS, withFinalizer(found, FINALIZER))
      await say(held, IS_READY, context)
    })
    // It may be what others wait for.
    return { also: all.filter(other => isGoing(other, FINALIZER)).map(keyOf) }
  }
  return isGoing(found, FINALIZER) ? end(found, all, context) : undefined
}

async function end(cidr: ServiceCIDR, all: readonly ServiceCIDR[], context: ControllerContext): Promise<Outcome | undefined> {
  const since = parseTime(cidr.metadata.deletionTimestamp!)
  const now = context.now()
  const addresses = (await context.informer(IP_ADDRESSES)).list().map(({ object }) => object as IPAddress)
  if (isUsed(cidr, all, addresses)) {
    await unlessGone(() => say(cidr, IS_USED, context))
    return { requeueAfter: Math.min(LONGEST_WAIT_S, Math.max(SHORTEST_WAIT_S, (now - since) / 1000)) }
  }
  if (now < since + GRACE_MS) return requeueAt(since + GRACE_MS, now)
  await unlessGone(() => context.client.update(SERVICE_CIDRS, withoutFinalizer(cidr, FINALIZER)))
  return undefined
}

async function say(cidr: ServiceCIDR, what: typeof IS_READY, { client, now }: ControllerContext): Promise<void> {
  const conditions = cidr.status?.conditions
  const current = findCondition(conditions, READY)
  if (current?.status === what.status && current.message === what.message) return
  const condition = { type: READY, ...what, lastTransitionTime: timestamp(now()) }
  await client.updateStatus(SERVICE_CIDRS, {
    ...cidr,
    status: { ...cidr.status, conditions: [...withoutCondition(conditions, READY), condition] },
  })
}

export const serviceCidrController: Controller = {
  name: 'service-cidr',
  component: 'service-cidr-controller',
  watches: [{ resource: SERVICE_CIDRS, keys: ({ type, key }) => (type === 'deleted' ? [] : [key]) }],
  reconcile,
}
