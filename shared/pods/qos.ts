// The quality-of-service class of a pod, from its containers' requests and limits (pkg/apis/core/v1/helper/qos).
import type { Pod } from '../api/core/v1.ts'
import { compareQuantities, quantitySign } from '../apimachinery/quantity.ts'
import { podContainers } from './containers.ts'

const RESOURCES = ['cpu', 'memory']

export function qosClass(pod: Pick<Pod, 'spec'>): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  let anything = false
  let guaranteed = true
  for (const { container } of podContainers(pod)) {
    for (const resource of RESOURCES) {
      const limit = container.resources?.limits?.[resource]
      const request = container.resources?.requests?.[resource] ?? limit
      const limited = limit !== undefined && quantitySign(limit) > 0
      if (limited || (request !== undefined && quantitySign(request) > 0)) anything = true
      if (!limited || request === undefined || compareQuantities(request, limit) !== 0) guaranteed = false
    }
  }
  return !anything ? 'BestEffort' : guaranteed ? 'Guaranteed' : 'Burstable'
}
