// A pod's quality of service (pkg/apis/core/helper/qos): who asked for exactly what it may use is killed last.
import type { Pod, PodSpec, ResourceRequirements } from '../../api/core/v1.ts'
import { addQuantities, compareQuantities, formatQuantity, quantitySign } from '../../apimachinery/quantity.ts'

export type QOSClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

type Sums = Map<string, string>

const COMPUTE = ['cpu', 'memory'] as const

export function computeQOS(spec: PodSpec | undefined): QOSClass {
  const requests: Sums = new Map()
  const limits: Sums = new Map()
  let guaranteed = true
  const add = (sums: Sums, name: string, value: string) => {
    const sum = sums.get(name)
    sums.set(name, sum === undefined ? value : formatQuantity(addQuantities(sum, value)))
  }
  const count = (resources: ResourceRequirements | undefined) => {
    for (const name of COMPUTE) {
      const request = resources?.requests?.[name]
      const limit = resources?.limits?.[name]
      if (request !== undefined && quantitySign(request) > 0) add(requests, name, String(request))
      if (limit !== undefined && quantitySign(limit) > 0) add(limits, name, String(limit))
      else guaranteed = false
    }
  }
  if (spec?.resources !== undefined) count(spec.resources)
  else for (const list of [spec?.containers, spec?.initContainers]) for (const container of list ?? []) count(container.resources)
  if (requests.size === 0 && limits.size === 0) return 'BestEffort'
  if (!guaranteed || requests.size !== limits.size) return 'Burstable'
  for (const [name, request] of requests) {
    const limit = limits.get(name)
    if (limit === undefined || (limit !== request && compareQuantities(limit, request) !== 0)) return 'Burstable'
  }
  return 'Guaranteed'
}

export const qosOf = (pod: Pod): string => pod.status?.qosClass || computeQOS(pod.spec)
