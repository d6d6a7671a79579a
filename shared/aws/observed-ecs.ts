// Counts what the launcher does on ECS: launches by capacity, and those that came to nothing by the reason.
import { type Ecs, EcsError, LaunchFailure } from '../pods/ecs.ts'
import type { Telemetry } from '../telemetry.ts'

export function observedEcs(ecs: Ecs, telemetry: Telemetry): Ecs {
  const counted = async <T>(capacity: string, launch: Promise<T>): Promise<T> => {
    try {
      const task = await launch
      telemetry.add({ name: 'Launches', unit: 'Count', value: 1, by: { Capacity: capacity } })
      return task
    } catch (error) {
      telemetry.add({ name: 'LaunchFailures', unit: 'Count', value: 1, by: { Reason: reasonOf(error) } })
      throw error
    }
  }
  return {
    ...ecs,
    runTask: launch => counted(launch.capacityProvider, ecs.runTask(launch)),
    startTask: launch => counted('INSTANCE', ecs.startTask(launch)),
  }
}

/** One word, of which there are few: "RESOURCE:MEMORY", "ClientException", "ThrottlingException". */
function reasonOf(error: unknown): string {
  if (error instanceof EcsError) return error.code
  if (error instanceof LaunchFailure) return /^[A-Z:]+$/.test(error.reason) ? error.reason : 'CAPACITY'
  return error instanceof Error ? error.name : 'Unknown'
}
