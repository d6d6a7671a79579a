// Tasks.
import { place as choose, type Failure, refusal } from '../capacity.ts'
import { invalidParameter } from '../errors.ts'
import { checkLaunch, type LaunchInput, newTask, requestDigest, sizeOf, type Target, targetOf, tokenConflict } from '../launch.ts'
import { type Cluster, type ContainerInstance, isStopped, type Task, type TaskDefinition } from '../model.ts'
import { describeTask } from '../wire.ts'
import { type EcsContext, PAGE, page } from './context.ts'

export const taskOperations = (ecs: EcsContext) => ({
  RunTask: (input: LaunchInput) => {
    ecs.limit('RunTask')
    const cluster = ecs.cluster(input.cluster)
    const definition = launchable(ecs, input.taskDefinition)
    const target = targetOf(input, cluster)
    checkLaunch(input, definition, target.launchType, false)
    if (input.clientToken) {
      const before = ecs.store.withToken(cluster.clusterArn, input.clientToken)
      if (before.length > 0) {
        if (before.some(({ clientToken }) => clientToken?.request !== requestDigest(input))) throw tokenConflict(before)
        return { tasks: before.map(task => describeTask(task, true)), failures: [] }
      }
    }
    if (target.launchType === 'FARGATE') ecs.limit('Fargate')
    const tasks: object[] = []
    const failures: Failure[] = []
    for (let made = 0; made < (input.count ?? 1); made++) {
      const placed = target.launchType === 'FARGATE' ? { instance: undefined } : place(ecs, cluster, definition, input)
      if ('failures' in placed) failures.push(...placed.failures)
      else tasks.push(launch(ecs, { cluster, definition, input, target, instance: placed.instance }))
    }
    return { tasks, failures }
  },
  StartTask: (input: LaunchInput) => {
    ecs.limit('StartTask')
    const cluster = ecs.cluster(input.cluster)
    const definition = launchable(ecs, input.taskDefinition)
    const names = input.containerInstances ?? []
    if (names.length === 0 || names.length > 10) throw invalidParameter('Container instances must have between 1 and 10 items.')
    const target: Target = { launchType: 'EC2' }
    checkLaunch({ ...input, count: 1 }, definition, 'EC2', true)
    const tasks: object[] = []
    const failures: Failure[] = []
    for (const name of names) {
      const instance = ecs.instance(cluster, name)
      const refused = instance
        ? refusal(ecs.store, instance, sizeOf(definition, input.overrides))
        : { arn: ecs.instanceArn(cluster, name), reason: 'MISSING' }
      if (refused) failures.push(refused)
      else tasks.push(launch(ecs, { cluster, definition, input, target, instance }))
    }
    return { tasks, failures }
  },
  StopTask: (input: { cluster?: string; task?: string; reason?: string }) => {
    ecs.limit('StopTask')
    const task = ecs.task(ecs.cluster(input.cluster), input.task ?? '')
    if (!task) throw invalidParameter('The referenced task was not found.')
    if ((input.reason?.length ?? 0) > 1024) throw invalidParameter('reason cannot exceed 1024 characters.')
    if (!isStopped(task)) {
      task.tags = []
      ecs.control.stop(task, 'UserInitiated', input.reason ?? 'Task stopped by user')
    }
    return { task: describeTask(task, false) }
  },
  DescribeTasks: (input: { cluster?: string; tasks?: string[]; include?: string[] }) => {
    const cluster = ecs.cluster(input.cluster)
    const names = input.tasks ?? []
    if (names.length === 0) throw invalidParameter('Tasks cannot be empty.')
    if (names.length > PAGE) throw invalidParameter(`Tasks can have at most ${PAGE} items.`)
    ecs.store.sweep()
    const tasks: object[] = []
    const failures: Failure[] = []
    for (const name of names) {
      const task = ecs.task(cluster, name)
      if (task) tasks.push(describeTask(task, input.include?.includes('TAGS') ?? false))
      else failures.push({ arn: ecs.taskArn(cluster, name), reason: 'MISSING' })
    }
    return { tasks, failures }
  },
  ListTasks: (input: {
    cluster?: string
    containerInstance?: string
    family?: string
    startedBy?: string
    desiredStatus?: string
    launchType?: string
    serviceName?: string
    maxResults?: number
    nextToken?: string
  }) => {
    const cluster = ecs.cluster(input.cluster)
    if (input.startedBy && (input.containerInstance || input.family || input.serviceName))
      throw invalidParameter('startedBy cannot be combined with another filter.')
    ecs.store.sweep()
    const instance = input.containerInstance && ecs.instanceArn(cluster, input.containerInstance)
    const desired = input.desiredStatus ?? 'RUNNING'
    const from = input.startedBy ? ecs.store.startedBy(input.startedBy) : ecs.store.tasks.values()
    const wanted = [...from].filter(
      task =>
        task.clusterArn === cluster.clusterArn &&
        task.desiredStatus === desired &&
        (!instance || task.containerInstanceArn === instance) &&
        (!input.family || familyOf(task) === input.family) &&
        (!input.launchType || task.launchType === input.launchType) &&
        !input.serviceName,
    )
    const { items, nextToken } = page(wanted, input)
    return { taskArns: items.map(({ taskArn }) => taskArn), nextToken }
  },
})

interface Launch {
  cluster: Cluster
  definition: TaskDefinition
  input: LaunchInput
  target: Target
  instance?: ContainerInstance
}

function launch(ecs: EcsContext, wanted: Launch): object {
  const task = newTask({ ...wanted, identity: ecs.world.identity, now: ecs.world.clock.now() })
  ecs.control.launch(task, wanted.definition)
  return describeTask(task, true)
}

function place(
  ecs: EcsContext,
  cluster: Cluster,
  definition: TaskDefinition,
  input: LaunchInput,
): { instance: ContainerInstance } | { failures: readonly Failure[] } {
  const instances = [...ecs.instancesOf(cluster)]
  if (instances.length === 0) throw invalidParameter('No Container Instances were found in your cluster.')
  const constraints = [...definition.placementConstraints, ...(input.placementConstraints ?? [])]
  return choose(
    ecs.store,
    instances,
    sizeOf(definition, input.overrides),
    constraints,
    input.placementStrategy ?? [],
    input.group ?? `family:${definition.family}`,
  )
}

function launchable(ecs: EcsContext, name: string | undefined): TaskDefinition {
  const definition = ecs.definition(name)
  if (!definition) throw invalidParameter('TaskDefinition not found.')
  if (definition.status !== 'ACTIVE') throw invalidParameter('TaskDefinition is inactive')
  return definition
}

const familyOf = (task: Task): string => task.taskDefinitionArn.slice(task.taskDefinitionArn.lastIndexOf('/') + 1).split(':')[0]!
