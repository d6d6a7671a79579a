// What a pod asks of a node. CPU is counted in thousandths, everything else in whole units (bytes, devices).
import type { Container, Pod, PodSpec } from '../api/core/v1.ts'
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

const requestsOf = (container: Container): Map<string, number> => amounts(container.resources?.requests)

/** Scoring takes a container that asks for nothing as one that needs a little; otherwise all of them would go to one node. */
const NOMINAL: Amounts = new Map([
  ['cpu', 100],
  ['memory', 200 * 1024 * 1024],
])

const withNominal = (container: Container): Map<string, number> => {
  const requests = requestsOf(container)
  for (const [resource, value] of NOMINAL) if (!requests.has(resource)) requests.set(resource, value)
  return requests
}

/**
 * Containers and sidecars add up; init containers run one after another beside the sidecars started before them; the pod's own
 * requests, where it has some, take the place of the sum; overhead comes on top.
 */
function total(spec: PodSpec, of: (container: Container) => Amounts): Map<string, number> {
  const sum = new Map<string, number>()
  for (const container of spec.containers) addTo(sum, of(container))
  const sidecars = new Map<string, number>()
  const initMost = new Map<string, number>()
  for (const container of spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') {
      addTo(sum, of(container))
      addTo(sidecars, of(container))
      raiseTo(initMost, sidecars)
    } else {
      const during = new Map(sidecars)
      addTo(during, of(container))
      raiseTo(initMost, during)
    }
  }
  raiseTo(sum, initMost)
  for (const [resource, value] of amounts(spec.resources?.requests)) sum.set(resource, value)
  addTo(sum, amounts(spec.overhead))
  return sum
}

export const podRequests = ({ spec }: Pod): Map<string, number> => total(spec, requestsOf)

/** Requests as scoring sees them. */
export const nominalRequests = ({ spec }: Pod): Map<string, number> => total(spec, withNominal)
