// All containers of a pod, in upstream's order.
import type { Container, PodSpec } from '../../api/core/v1.ts'

/** `field` is the path of the spec; the visitor gets the path of the container. */
export function visitContainers(spec: PodSpec, field: string, visit: (container: Container, at: string) => void): void {
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    // null in a template without any: Go writes an empty list so, where the list is required.
    const containers = (spec[list] ?? []) as readonly Container[]
    for (const [i, container] of containers.entries()) visit(container, `${field}.${list}[${i}]`)
  }
}
