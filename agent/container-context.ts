// What a container asks of the pod that it belongs to.
import type { ImageDefaults, PodPlan } from '../shared/pods/agent-protocol.ts'
import type { Clock } from './clock.ts'

export interface ContainerContext {
  readonly clock: Clock
  /** Address that probes go to. */
  podIP(): string
  /** The plan as of now: environment and configuration are read anew for each attempt, as kubelet does. */
  freshPlan(): Promise<PodPlan>
  /** Something that the next report says differently. */
  changed(): void
  event(type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void
  /** What the container's image says about its process. */
  image(container: string): ImageDefaults
  /** A container is about to run, for the first time or again. */
  starting?(again: boolean): Promise<void>
  /** Resolves when nothing new is sent to the pod any more, as far as that can be known. */
  drained?(): Promise<void>
  /** A container that should run again never can: the pod needs another task. */
  lost(): void
  /** "ecs://<task id>", of which container IDs are made. */
  taskID(): string
  /** Whether the pod's volumes are set up; until then nothing starts. */
  mounted?(): boolean
  /** Folder of a container's volume; tests have their own. */
  path?(container: string): string
  /** Folder of a volume that the agent writes; tests have their own. */
  volume?(folder: string): string
}
