// What clients see (times in seconds) and what state-change events carry (times as text).
// Source of the event's shape: ECS developer guide, "Amazon ECS task state change events".
import type { Resources, Task, TaskDefinition } from './model.ts'

const TIMES = [
  'createdAt',
  'connectivityAt',
  'pullStartedAt',
  'pullStoppedAt',
  'startedAt',
  'stoppingAt',
  'executionStoppedAt',
  'stoppedAt',
  'updatedAt',
] as const satisfies readonly (keyof Task)[]

function shape(task: Task, time: (milliseconds: number) => unknown, attachmentType: string, event: boolean): Record<string, unknown> {
  const { clientToken: _, containers, attachments, tags, updatedAt, healthStatus, ...rest } = task
  const shaped: Record<string, unknown> = {
    ...rest,
    attachments: attachments.map(attachment => ({ ...attachment, type: attachmentType })),
    containers: containers.map(({ startedAt: _started, healthStatus: health, ...container }) =>
      event ? container : { ...container, healthStatus: health },
    ),
  }
  for (const name of TIMES) if (name !== 'updatedAt' && task[name] !== undefined) shaped[name] = time(task[name])
  // The event tells when it was updated and no health; DescribeTasks the other way round.
  if (event) shaped.updatedAt = time(updatedAt)
  else shaped.healthStatus = healthStatus
  return shaped
}

const seconds = (milliseconds: number): number => milliseconds / 1000

export function describeTask(task: Task, withTags: boolean): Record<string, unknown> {
  const shaped = shape(task, seconds, 'ElasticNetworkInterface', false)
  if (withTags) shaped.tags = task.tags
  else shaped.tags = []
  return shaped
}

export const eventDetail = (task: Task): Record<string, unknown> => shape(task, time => new Date(time).toISOString(), 'eni', true)

export function describeTaskDefinition({ tags: _, ...definition }: TaskDefinition): Record<string, unknown> {
  return {
    ...definition,
    registeredAt: seconds(definition.registeredAt),
    deregisteredAt: definition.deregisteredAt === undefined ? undefined : seconds(definition.deregisteredAt),
  }
}

export const describeResources = ({ cpu, memory }: Resources): object[] => [
  { name: 'CPU', type: 'INTEGER', doubleValue: 0, longValue: 0, integerValue: cpu },
  { name: 'MEMORY', type: 'INTEGER', doubleValue: 0, longValue: 0, integerValue: memory },
  {
    name: 'PORTS',
    type: 'STRINGSET',
    doubleValue: 0,
    longValue: 0,
    integerValue: 0,
    stringSetValue: ['22', '2376', '2375', '51678', '51679'],
  },
  { name: 'PORTS_UDP', type: 'STRINGSET', doubleValue: 0, longValue: 0, integerValue: 0, stringSetValue: [] },
]
