// Sums over the containers of a pod, where a pod asks for resources as a whole (k8s.io/component-helpers/resource).

import type { Container, PodSpec } from '../../api/core/v1.ts'
import { member } from '../../apimachinery/objects.ts'
import { addQuantities, formatQuantity } from '../../apimachinery/quantity.ts'
import { moreThan, type Quantity } from '../validation/checks.ts'

type Amounts = Record<string, Quantity>

const add = (total: Amounts, more: Readonly<Amounts>) => {
  for (const name in more) {
    const own = member(total, name)
    total[name] = own === undefined ? (more[name] as Quantity) : formatQuantity(addQuantities(own, more[name] as Quantity))
  }
}

const raise = (total: Amounts, other: Readonly<Amounts>) => {
  for (const name in other) {
    const own = member(total, name)
    if (own === undefined || moreThan(other[name] as Quantity, own)) total[name] = other[name] as Quantity
  }
}

/** Containers run side by side, init containers one after another beside the sidecars started before them: the most that is ever needed. */
export function totalOf(spec: PodSpec, which: 'requests' | 'limits'): Readonly<Amounts> {
  const of = (container: Container): Readonly<Amounts> => (container.resources?.[which] as Amounts | undefined) ?? {}
  const total: Amounts = {}
  const sidecars: Amounts = {}
  const starting: Amounts = {}
  for (const container of spec.containers ?? []) add(total, of(container))
  for (const container of spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') {
      add(total, of(container))
      add(sidecars, of(container))
      raise(starting, sidecars)
    } else {
      const now = { ...of(container) }
      add(now, sidecars)
      raise(starting, now)
    }
  }
  raise(total, starting)
  return total
}
