// The containers of a pod in its order, and what part each plays.
import type { Container, Pod } from '../api/core/v1.ts'
import type { ContainerRole } from './agent-protocol.ts'

export interface PodContainer {
  readonly container: Container
  readonly role: ContainerRole
}

/** Init containers and sidecars as they stand, then the apps. */
export function podContainers({ spec }: Pick<Pod, 'spec'>): PodContainer[] {
  return [
    ...(spec.initContainers ?? []).map(container => ({
      container,
      role: container.restartPolicy === 'Always' ? ('sidecar' as const) : ('init' as const),
    })),
    ...spec.containers.map(container => ({ container, role: 'app' as const })),
  ]
}
