// What a pod asks of a node. CPU is counted in thousandths, everything else in whole units (bytes, devices).
import type { Container, ContainerStatus, Pod } from '../api/core/v1.ts'
import { quantityMilliValue, quantityValue } from '../apimachinery/quantity.ts'

export type Amounts = ReadonlyMap<string, number>

const parsed = new Map<string, number>()

/** A quantity as a number; the few that a cluster uses are parsed once. */
export function amount(resource: string, quantity: string | number): number {
  const key = `${resource === 'cpu' ? 'm' : 'u'}${quantity}`
  let value = parsed.get(key)
  if (value === undefined) {
    value = resource === 'cpu' ? quantityMilliValue(quantity) : quantityValue(quantity)
    if (parsed.size >= 4096) parsed.clear()
    parsed.set(key, value)
  }
  return value
}

export function amounts(list: Readonly<Record<string, string>> | undefined): Map<string, number> {
  return new Map(Object.entries(list ?? {}).map(([resource, quantity]) => [resource, amount(resource, quantity)]))
}

/** Adds in place. */
export function addTo(sum: Map<string, number>, more: Amounts, sign: 1 | -1 = 1): void {
  for (const [resource, value] of more) sum.set(resource, (sum.get(resource) ?? 0) + sign * value)
}

function raiseTo(most: Map<string, number>, other: Amounts): void {
  for (const [resource, value] of other) if (value > (most.get(resource) ?? 0)) most.set(resource, value)
}

/** What a running container was given so far: a resize in place counts until both are what they should be. */
type Given = Pick<ContainerStatus, 'resources' | 'allocatedResources'>

/** The most of what is asked for, what is promised and what is in force; a resize that the node cannot do asks for nothing. */
function inForce(wanted: Map<string, number>, given: Given | undefined, infeasible: boolean): Map<string, number> {
  if (given?.resources === undefined) return wanted
  const most = infeasible ? new Map<string, number>() : wanted
  raiseTo(most, amounts(given.resources.requests))
  raiseTo(most, amounts(given.allocatedResources))
  return most
}

/** Scoring takes a container that asks for nothing as one that needs a little; otherwise all of them would go to one node. */
const NOMINAL: Amounts = new Map([
  ['cpu', 100],
  ['memory', 200 * 1024 * 1024],
])

/**
 * Containers and sidecars add up; init containers run one after another beside the sidecars started before them; the pod's own
 * requests, where it has some, take the place of the sum; overhead comes on top.
 * @param least what a container counts for at least where it says nothing
 */
function total({ spec, status }: Pod, least?: Amounts): Map<string, number> {
  const statuses = new Map([...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].map(s => [s.name, s]))
  const infeasible = status?.conditions?.some(({ type, reason }) => type === 'PodResizePending' && reason === 'Infeasible') ?? false
  const of = (container: Container, lives: boolean): Map<string, number> => {
    const wanted = amounts(container.resources?.requests)
    const requests = lives ? inForce(wanted, statuses.get(container.name), infeasible) : wanted
    for (const [resource, value] of least ?? []) if (!requests.has(resource)) requests.set(resource, value)
    return requests
  }
  const sum = new Map<string, number>()
  for (const container of spec.containers) addTo(sum, of(container, true))
  const sidecars = new Map<string, number>()
  const initMost = new Map<string, number>()
  for (const container of spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') {
      const requests = of(container, true)
      addTo(sum, requests)
      addTo(sidecars, requests)
      raiseTo(initMost, sidecars)
    } else {
      const during = new Map(sidecars)
      addTo(during, of(container, false))
      raiseTo(initMost, during)
    }
  }
  raiseTo(sum, initMost)
  if (spec.resources?.requests !== undefined) {
    for (const [resource, value] of inForce(amounts(spec.resources.requests), status, infeasible)) sum.set(resource, value)
  }
  addTo(sum, amounts(spec.overhead))
  return sum
}

export const podRequests = (pod: Pod): Map<string, number> => total(pod)

/** Requests as scoring sees them. */
export const nominalRequests = (pod: Pod): Map<string, number> => total(pod, NOMINAL)
