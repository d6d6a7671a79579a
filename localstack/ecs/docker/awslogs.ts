// The awslogs driver's side of a task definition: which group and stream a container's output goes to.
import type { Logs } from '../../aws/logs/service.ts'
import { taskIdOf } from '../model.ts'
import { RuntimeError, type TaskSpec } from '../runtime.ts'
import type { LogTarget } from './log-follower.ts'

/** Makes groups that may be made. @throws RuntimeError ResourceInitializationError for one that is missing */
export function checkLogGroups({ definition }: TaskSpec, logs: Logs): void {
  for (const { logConfiguration } of definition.containerDefinitions) {
    const { 'awslogs-group': group, 'awslogs-create-group': create } = logConfiguration?.options ?? {}
    if (logConfiguration?.logDriver !== 'awslogs' || !group || logs.groups.has(group)) continue
    if (create === 'true') logs.groups.createGroup(group)
    else {
      throw new RuntimeError(
        'ResourceInitializationError',
        `failed to validate logger args: create stream has been retried 1 times: ResourceNotFoundException: The specified log group does not exist: ${group}`,
      )
    }
  }
}

/** Undefined: the output stays in the engine. */
export function logTarget({ task, definition }: TaskSpec, name: string, id: string): LogTarget | undefined {
  const configuration = definition.containerDefinitions.find(container => container.name === name)?.logConfiguration
  const group = configuration?.options?.['awslogs-group']
  if (configuration?.logDriver !== 'awslogs' || !group) return undefined
  const prefix = configuration.options?.['awslogs-stream-prefix']
  return { group, stream: prefix ? `${prefix}/${name}/${taskIdOf(task.taskArn)}` : id }
}
