// EventBridge's "ECS Task State Change" in; what it means for the pod is written.
import type { EventBridgeEvent } from 'aws-lambda'
import { isStatus } from '../../shared/apimachinery/status-error.ts'
import type { SettleContext } from '../../shared/pods/settle.ts'
import { type TaskStateChange, taskChanged } from '../../shared/pods/task-event.ts'

export interface TasksDependencies {
  readonly contextOf: (cluster: string) => SettleContext
}

export type TasksFunction = (event: EventBridgeEvent<'ECS Task State Change', TaskStateChange>) => Promise<void>

/** The agent's last report and the task's last event come at the same moment: one of the two writes second. */
const ATTEMPTS = 5

export function createTasksFunction({ contextOf }: TasksDependencies): TasksFunction {
  return async ({ detail }) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await taskChanged(detail, contextOf)
      } catch (error) {
        // Thrown further, EventBridge delivers again, later and later.
        if (!isStatus(error, 'Conflict') || attempt === ATTEMPTS) throw error
      }
    }
  }
}
