// fieldRef and resourceFieldRef: what a pod may know of itself (pkg/fieldpath, pkg/api/v1/resource).

import type { Container, Pod } from '../api/core/v1.ts'
import { member } from '../apimachinery/objects.ts'
import { quantityInUnits, quantityMilliValue, quantityValue } from '../apimachinery/quantity.ts'
import { podContainers } from './containers.ts'

export interface NodeFacts {
  readonly hostIP?: string
  readonly hostIPs?: readonly string[]
  /** status.allocatable, which stands in for limits that are not set. */
  readonly allocatable?: Readonly<Record<string, string | number>>
}

/** @throws Error in kubelet's words when the path is none that a variable can have. */
export function fieldValue(pod: Pod, path: string, node: NodeFacts, podIPs: readonly string[]): string {
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/s.exec(path)
  if (subscript) return member(pod.metadata[subscript[1] as 'labels' | 'annotations'], subscript[2]!) ?? ''
  const hostIPs = node.hostIPs ?? (node.hostIP ? [node.hostIP] : [])
  switch (path) {
    case 'metadata.name':
      return pod.metadata.name
    case 'metadata.namespace':
      return pod.metadata.namespace ?? ''
    case 'metadata.uid':
      return pod.metadata.uid ?? ''
    case 'metadata.labels':
      return lines(pod.metadata.labels)
    case 'metadata.annotations':
      return lines(pod.metadata.annotations)
    case 'spec.nodeName':
      return pod.spec.nodeName ?? ''
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? ''
    case 'status.hostIP':
      return node.hostIP ?? ''
    case 'status.hostIPs':
      return hostIPs.join(',')
    case 'status.podIP':
      return podIPs[0] ?? ''
    case 'status.podIPs':
      return podIPs.join(',')
  }
  throw new Error(`unsupported fieldPath: ${path}`)
}

const lines = (map: Record<string, string> = {}) =>
  Object.keys(map)
    .sort()
    .map(key => `${key}=${JSON.stringify(map[key])}`)
    .join('\n')

/** @throws Error in kubelet's words. */
export function resourceValue(
  pod: Pod,
  own: Container,
  { resource, containerName, divisor }: { resource: string; containerName?: string; divisor?: string | number },
  node: NodeFacts,
): string {
  const container = containerName ? podContainers(pod).find(({ container }) => container.name === containerName)?.container : own
  if (!container) throw new Error(`container ${containerName} not found`)
  const match = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)$/.exec(resource)
  if (!match) throw new Error(`unsupported container resource : ${resource}`)
  const [, which, name] = match as unknown as [string, 'limits' | 'requests', string]
  const amount = member(container.resources?.[which], name) ?? (which === 'limits' ? member(node.allocatable, name) : undefined) ?? '0'
  const unit = divisor === undefined || divisor === '0' || divisor === 0 || divisor === '' ? '1' : divisor
  // Rounded up: who divides by whole cores or mebibytes must not be told less than there is.
  const value =
    name === 'cpu'
      ? Math.ceil(quantityMilliValue(amount) / quantityMilliValue(unit))
      : Math.ceil(quantityValue(amount) / Math.max(quantityInUnits(unit, 0), 1))
  return String(value)
}
