// The ECS API.
import { AwsError } from '../aws/errors.ts'
import { arn, parseArn } from '../aws/identity.ts'
import type { Service, World } from '../aws/service.ts'
import { type Failure, isMember, place, refusal, remaining } from './capacity.ts'
import { checkDefinition, type DefinitionInput } from './definition-rules.ts'
import { clientException, clusterNotFound, invalidParameter, throttled } from './errors.ts'
import { checkLaunch, type LaunchInput, newTask, requestDigest, sizeOf, type Target, targetOf, tokenConflict } from './launch.ts'
import type { Cluster, ContainerInstance, KeyValue, Tag, Task, TaskDefinition } from './model.ts'
import { isStopped } from './model.ts'
import type { EcsStore } from './store.ts'
import { describeResources, describeTask, describeTaskDefinition } from './wire.ts'

/** What the API does with tasks; tasks.ts does it. */
export interface TaskControl {
  launch(task: Task, definition: TaskDefinition): void
  stop(task: Task, stopCode: string, reason: string): void
}

/** Refuses calls beyond a rate, like AWS; by name of the operation. */
export type Throttle = (operation: string) => boolean

const PAGE = 100

export class Ecs implements Service {
  readonly name = 'ecs'
  readonly #world: World
  readonly #store: EcsStore
  readonly #control: TaskControl
  readonly #throttle: Throttle

  constructor(world: World, store: EcsStore, control: TaskControl, throttle: Throttle = () => false) {
    this.#world = world
    this.#store = store
    this.#control = control
    this.#throttle = throttle
  }

  readonly operations = {
    CreateCluster: (input: {
      clusterName?: string
      capacityProviders?: string[]
      defaultCapacityProviderStrategy?: Cluster['defaultCapacityProviderStrategy']
      tags?: Tag[]
    }) => {
      const clusterName = input.clusterName ?? 'default'
      if (!/^[A-Za-z0-9_-]{1,255}$/.test(clusterName))
        throw invalidParameter('The cluster name is invalid: letters, numbers, hyphens and underscores, at most 255.')
      const clusterArn = this.#clusterArn(clusterName)
      const existing = this.#store.clusters.get(clusterArn)
      if (existing?.status !== 'ACTIVE') {
        this.#store.putCluster({
          clusterArn,
          clusterName,
          status: 'ACTIVE',
          capacityProviders: input.capacityProviders ?? [],
          defaultCapacityProviderStrategy: input.defaultCapacityProviderStrategy ?? [],
          tags: input.tags ?? [],
        })
      }
      return { cluster: this.#describeCluster(this.#store.clusters.get(clusterArn)!) }
    },
    DeleteCluster: (input: { cluster?: string }) => {
      const cluster = this.#cluster(input.cluster)
      if ([...this.#instancesOf(cluster)].length > 0) {
        throw new AwsError(
          'ClusterContainsContainerInstancesException',
          'The Cluster cannot be deleted while Container Instances are active or draining.',
        )
      }
      if ([...this.#store.tasks.values()].some(task => task.clusterArn === cluster.clusterArn && !isStopped(task))) {
        throw new AwsError('ClusterContainsTasksException', 'The Cluster cannot be deleted while Tasks are active.')
      }
      this.#store.putCluster({ ...cluster, status: 'INACTIVE' })
      return { cluster: this.#describeCluster({ ...cluster, status: 'INACTIVE' }) }
    },
    DescribeClusters: (input: { clusters?: string[] }) => {
      const clusters: object[] = []
      const failures: Failure[] = []
      for (const name of input.clusters ?? ['default']) {
        const found = this.#store.clusters.get(this.#clusterArn(name))
        if (found) clusters.push(this.#describeCluster(found))
        else failures.push({ arn: this.#clusterArn(name), reason: 'MISSING' })
      }
      return { clusters, failures }
    },
    ListClusters: () => ({
      clusterArns: [...this.#store.clusters.values()].filter(({ status }) => status === 'ACTIVE').map(({ clusterArn }) => clusterArn),
    }),
    PutClusterCapacityProviders: (input: {
      cluster?: string
      capacityProviders?: string[]
      defaultCapacityProviderStrategy?: Cluster['defaultCapacityProviderStrategy']
    }) => {
      const cluster = this.#cluster(input.cluster)
      const changed = {
        ...cluster,
        capacityProviders: input.capacityProviders ?? [],
        defaultCapacityProviderStrategy: input.defaultCapacityProviderStrategy ?? [],
      }
      this.#store.putCluster(changed)
      return { cluster: this.#describeCluster(changed) }
    },
    DescribeCapacityProviders: (input: { capacityProviders?: string[] }) => {
      const known = ['FARGATE', 'FARGATE_SPOT']
      const wanted = input.capacityProviders ?? known
      return {
        capacityProviders: wanted
          .filter(name => known.includes(name))
          .map(name => ({ capacityProviderArn: arn(this.#world.identity, 'ecs', `capacity-provider/${name}`), name, status: 'ACTIVE' })),
        failures: wanted.filter(name => !known.includes(name)).map(name => ({ arn: name, reason: 'MISSING' })),
      }
    },

    RegisterTaskDefinition: (input: DefinitionInput) => {
      this.#limit('RegisterTaskDefinition')
      checkDefinition(input)
      const family = input.family!
      const revision = this.#store.nextRevision(family)
      const networkMode = input.networkMode ?? 'bridge'
      const fargate = input.requiresCompatibilities?.includes('FARGATE') ?? false
      const definition: TaskDefinition = {
        ...input,
        taskDefinitionArn: this.#definitionArn(family, revision),
        family,
        revision,
        status: 'ACTIVE',
        networkMode,
        containerDefinitions: (input.containerDefinitions ?? []).map(container => ({
          ...container,
          essential: container.essential ?? true,
          cpu: container.cpu ?? 0,
        })),
        volumes: input.volumes ?? [],
        placementConstraints: input.placementConstraints ?? [],
        compatibilities: fargate ? ['EC2', 'FARGATE'] : networkMode === 'awsvpc' ? ['EC2'] : ['EXTERNAL', 'EC2'],
        registeredAt: this.#world.clock.now(),
        tags: input.tags ?? [],
      }
      this.#store.putDefinition(definition)
      return { taskDefinition: describeTaskDefinition(definition), tags: definition.tags }
    },
    DeregisterTaskDefinition: (input: { taskDefinition?: string }) => {
      this.#limit('RegisterTaskDefinition')
      const definition = this.#definition(input.taskDefinition)
      if (!definition) throw clientException('The specified task definition does not exist.')
      const changed: TaskDefinition = { ...definition, status: 'INACTIVE', deregisteredAt: this.#world.clock.now() }
      this.#store.putDefinition(changed)
      return { taskDefinition: describeTaskDefinition(changed) }
    },
    DeleteTaskDefinitions: (input: { taskDefinitions?: string[] }) => {
      const taskDefinitions: object[] = []
      const failures: Failure[] = []
      for (const name of (input.taskDefinitions ?? []).slice(0, 10)) {
        const definition = this.#definition(name)
        if (!definition) failures.push({ arn: name, reason: 'The specified task definition does not exist.' })
        else if (definition.status === 'ACTIVE')
          failures.push({
            arn: definition.taskDefinitionArn,
            reason: 'The specified task definition is still in ACTIVE status. Please deregister the target and try again.',
          })
        else {
          this.#store.deleteDefinition(definition.taskDefinitionArn)
          taskDefinitions.push(describeTaskDefinition({ ...definition }))
        }
      }
      return { taskDefinitions, failures }
    },
    DescribeTaskDefinition: (input: { taskDefinition?: string; include?: string[] }) => {
      const definition = this.#definition(input.taskDefinition)
      if (!definition) throw clientException('Unable to describe task definition.')
      return { taskDefinition: describeTaskDefinition(definition), tags: input.include?.includes('TAGS') ? definition.tags : [] }
    },
    ListTaskDefinitions: (input: { familyPrefix?: string; status?: string; sort?: string; maxResults?: number; nextToken?: string }) => {
      const all = [...this.#store.definitions.values()]
        .filter(({ family, status }) => (!input.familyPrefix || family === input.familyPrefix) && status === (input.status ?? 'ACTIVE'))
        .sort((a, b) => (a.family < b.family ? -1 : a.family > b.family ? 1 : a.revision - b.revision))
      if (input.sort === 'DESC') all.reverse()
      const { items, nextToken } = page(all, input)
      return { taskDefinitionArns: items.map(({ taskDefinitionArn }) => taskDefinitionArn), nextToken }
    },
    ListTaskDefinitionFamilies: (input: { familyPrefix?: string; status?: string; maxResults?: number; nextToken?: string }) => {
      const wanted = [...this.#store.definitions.values()].filter(
        ({ family, status }) =>
          family.startsWith(input.familyPrefix ?? '') && (input.status === 'ALL' || status === (input.status ?? 'ACTIVE')),
      )
      const { items, nextToken } = page([...new Set(wanted.map(({ family }) => family))].sort(), input)
      return { families: items, nextToken }
    },

    RunTask: (input: LaunchInput) => {
      this.#limit('RunTask')
      const cluster = this.#cluster(input.cluster)
      const definition = this.#launchable(input.taskDefinition)
      const target = targetOf(input, cluster)
      checkLaunch(input, definition, target.launchType, false)
      if (input.clientToken) {
        const before = this.#store.withToken(cluster.clusterArn, input.clientToken)
        if (before.length > 0) {
          if (before.some(({ clientToken }) => clientToken?.request !== requestDigest(input))) throw tokenConflict(before)
          return { tasks: before.map(task => describeTask(task, true)), failures: [] }
        }
      }
      if (target.launchType === 'FARGATE') this.#limit('Fargate')
      const tasks: object[] = []
      const failures: Failure[] = []
      for (let made = 0; made < (input.count ?? 1); made++) {
        const placed = target.launchType === 'FARGATE' ? { instance: undefined } : this.#place(cluster, definition, input)
        if ('failures' in placed) failures.push(...placed.failures)
        else tasks.push(this.#launch({ cluster, definition, input, target, instance: placed.instance }))
      }
      return { tasks, failures }
    },
    StartTask: (input: LaunchInput) => {
      this.#limit('StartTask')
      const cluster = this.#cluster(input.cluster)
      const definition = this.#launchable(input.taskDefinition)
      const names = input.containerInstances ?? []
      if (names.length === 0 || names.length > 10) throw invalidParameter('Container instances must have between 1 and 10 items.')
      const target: Target = { launchType: 'EC2' }
      checkLaunch({ ...input, count: 1 }, definition, 'EC2', true)
      const tasks: object[] = []
      const failures: Failure[] = []
      for (const name of names) {
        const instance = this.#instance(cluster, name)
        const refused = instance
          ? refusal(this.#store, instance, sizeOf(definition, input.overrides))
          : { arn: this.#instanceArn(cluster, name), reason: 'MISSING' }
        if (refused) failures.push(refused)
        else tasks.push(this.#launch({ cluster, definition, input, target, instance }))
      }
      return { tasks, failures }
    },
    StopTask: (input: { cluster?: string; task?: string; reason?: string }) => {
      this.#limit('StopTask')
      const task = this.#task(this.#cluster(input.cluster), input.task ?? '')
      if (!task) throw invalidParameter('The referenced task was not found.')
      if ((input.reason?.length ?? 0) > 1024) throw invalidParameter('reason cannot exceed 1024 characters.')
      if (!isStopped(task)) {
        task.tags = []
        this.#control.stop(task, 'UserInitiated', input.reason ?? 'Task stopped by user')
      }
      return { task: describeTask(task, false) }
    },
    DescribeTasks: (input: { cluster?: string; tasks?: string[]; include?: string[] }) => {
      const cluster = this.#cluster(input.cluster)
      const names = input.tasks ?? []
      if (names.length === 0) throw invalidParameter('Tasks cannot be empty.')
      if (names.length > PAGE) throw invalidParameter(`Tasks can have at most ${PAGE} items.`)
      this.#store.sweep()
      const tasks: object[] = []
      const failures: Failure[] = []
      for (const name of names) {
        const task = this.#task(cluster, name)
        if (task) tasks.push(describeTask(task, input.include?.includes('TAGS') ?? false))
        else failures.push({ arn: this.#taskArn(cluster, name), reason: 'MISSING' })
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
      const cluster = this.#cluster(input.cluster)
      if (input.startedBy && (input.containerInstance || input.family || input.serviceName))
        throw invalidParameter('startedBy cannot be combined with another filter.')
      this.#store.sweep()
      const instance = input.containerInstance && this.#instanceArn(cluster, input.containerInstance)
      const desired = input.desiredStatus ?? 'RUNNING'
      const from = input.startedBy ? this.#store.startedBy(input.startedBy) : this.#store.tasks.values()
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

    RegisterContainerInstance: (input: {
      cluster?: string
      totalResources?: { name?: string; integerValue?: number }[]
      attributes?: KeyValue[]
      tags?: Tag[]
      instanceIdentityDocument?: string
    }) => {
      const cluster = this.#cluster(input.cluster)
      const amount = (name: string) => input.totalResources?.find(resource => resource.name === name)?.integerValue ?? 0
      const identity = parseIdentity(input.instanceIdentityDocument)
      const id = hex(32)
      const instance: ContainerInstance = {
        containerInstanceArn: this.#instanceArn(cluster, id),
        clusterArn: cluster.clusterArn,
        ec2InstanceId: identity.instanceId ?? `i-${id.slice(0, 17)}`,
        status: 'ACTIVE',
        agentConnected: true,
        registered: { cpu: amount('CPU'), memory: amount('MEMORY') },
        attributes: [
          { name: 'ecs.availability-zone', value: identity.availabilityZone ?? `${this.#world.identity.region}a` },
          ...(input.attributes ?? []),
        ],
        registeredAt: this.#world.clock.now(),
        version: 1,
        tags: input.tags ?? [],
      }
      this.#store.putInstance(instance)
      return { containerInstance: this.#describeInstance(instance) }
    },
    DeregisterContainerInstance: (input: { cluster?: string; containerInstance?: string; force?: boolean }) => {
      const cluster = this.#cluster(input.cluster)
      const instance = this.#instance(cluster, input.containerInstance ?? '')
      if (!instance) throw invalidParameter('The referenced container instance was not found.')
      const tasks = this.#tasksOn(instance)
      if (tasks.length > 0 && !input.force) throw invalidParameter('Found running tasks on the instance.')
      for (const task of tasks) this.#control.stop(task, 'InfrastructureHealth', 'Container instance deregistration forced by user')
      this.#store.deleteInstance(instance.containerInstanceArn)
      return { containerInstance: { ...this.#describeInstance(instance), status: 'INACTIVE' } }
    },
    DescribeContainerInstances: (input: { cluster?: string; containerInstances?: string[] }) => {
      const cluster = this.#cluster(input.cluster)
      const names = input.containerInstances ?? []
      if (names.length === 0) throw invalidParameter('Container instance cannot be empty.')
      const containerInstances: object[] = []
      const failures: Failure[] = []
      for (const name of names) {
        const instance = this.#instance(cluster, name)
        if (instance) containerInstances.push(this.#describeInstance(instance))
        else failures.push({ arn: this.#instanceArn(cluster, name), reason: 'MISSING' })
      }
      return { containerInstances, failures }
    },
    ListContainerInstances: (input: { cluster?: string; filter?: string; status?: string; maxResults?: number; nextToken?: string }) => {
      const cluster = this.#cluster(input.cluster)
      const wanted = [...this.#instancesOf(cluster)].filter(
        instance => (!input.status || instance.status === input.status) && (!input.filter || isMember(instance, input.filter)),
      )
      const { items, nextToken } = page(wanted, input)
      return { containerInstanceArns: items.map(({ containerInstanceArn }) => containerInstanceArn), nextToken }
    },
    UpdateContainerInstancesState: (input: { cluster?: string; containerInstances?: string[]; status?: string }) => {
      const cluster = this.#cluster(input.cluster)
      const { status } = input
      if (status !== 'ACTIVE' && status !== 'DRAINING') throw invalidParameter('Status must be ACTIVE or DRAINING.')
      const containerInstances: object[] = []
      const failures: Failure[] = []
      for (const name of input.containerInstances ?? []) {
        const instance = this.#instance(cluster, name)
        if (!instance) failures.push({ arn: this.#instanceArn(cluster, name), reason: 'MISSING' })
        else {
          const changed = { ...instance, status, version: instance.version + 1 } as const
          this.#store.putInstance(changed)
          containerInstances.push(this.#describeInstance(changed))
        }
      }
      return { containerInstances, failures }
    },
    PutAttributes: (input: { cluster?: string; attributes?: (KeyValue & { targetId?: string })[] }) => {
      const cluster = this.#cluster(input.cluster)
      for (const { name, value, targetId } of input.attributes ?? []) {
        const instance = this.#instance(cluster, targetId ?? '')
        if (!instance) throw new AwsError('TargetNotFoundException', `The specified target wasn't found: ${targetId}`)
        const attributes = [...instance.attributes.filter(attribute => attribute.name !== name), { name, value: value ?? '' }]
        this.#store.putInstance({ ...instance, attributes })
      }
      return { attributes: input.attributes }
    },

    TagResource: (input: { resourceArn?: string; tags?: Tag[] }) =>
      this.#retag(input.resourceArn, tags => [
        ...tags.filter(tag => !input.tags?.some(({ key }) => key === tag.key)),
        ...(input.tags ?? []),
      ]),
    UntagResource: (input: { resourceArn?: string; tagKeys?: string[] }) =>
      this.#retag(input.resourceArn, tags => tags.filter(({ key }) => !input.tagKeys?.includes(key))),
    ListTagsForResource: (input: { resourceArn?: string }) => ({ tags: this.#retag(input.resourceArn, tags => [...tags]) }),
  }

  #launch(launch: {
    cluster: Cluster
    definition: TaskDefinition
    input: LaunchInput
    target: Target
    instance?: ContainerInstance
  }): object {
    const task = newTask({ ...launch, identity: this.#world.identity, now: this.#world.clock.now() })
    this.#control.launch(task, launch.definition)
    return describeTask(task, true)
  }

  #place(
    cluster: Cluster,
    definition: TaskDefinition,
    input: LaunchInput,
  ): { instance: ContainerInstance } | { failures: readonly Failure[] } {
    const instances = [...this.#instancesOf(cluster)]
    if (instances.length === 0) throw invalidParameter('No Container Instances were found in your cluster.')
    const constraints = [...definition.placementConstraints, ...(input.placementConstraints ?? [])]
    return place(
      this.#store,
      instances,
      sizeOf(definition, input.overrides),
      constraints,
      input.placementStrategy ?? [],
      input.group ?? `family:${definition.family}`,
    )
  }

  #limit(operation: string): void {
    if (this.#throttle(operation)) throw throttled()
  }

  #cluster(nameOrArn: string | undefined): Cluster {
    const cluster = this.#store.clusters.get(this.#clusterArn(nameOrArn ?? 'default'))
    if (cluster?.status !== 'ACTIVE') throw clusterNotFound()
    return cluster
  }

  #clusterArn(nameOrArn: string): string {
    return parseArn(nameOrArn) ? nameOrArn : arn(this.#world.identity, 'ecs', `cluster/${nameOrArn}`)
  }

  #taskArn(cluster: Cluster, idOrArn: string): string {
    return parseArn(idOrArn) ? idOrArn : arn(this.#world.identity, 'ecs', `task/${cluster.clusterName}/${idOrArn}`)
  }

  #task(cluster: Cluster, idOrArn: string): Task | undefined {
    const task = this.#store.tasks.get(this.#taskArn(cluster, idOrArn))
    return task?.clusterArn === cluster.clusterArn ? task : undefined
  }

  #instanceArn(cluster: Cluster, idOrArn: string): string {
    return parseArn(idOrArn) ? idOrArn : arn(this.#world.identity, 'ecs', `container-instance/${cluster.clusterName}/${idOrArn}`)
  }

  #instance(cluster: Cluster, idOrArn: string): ContainerInstance | undefined {
    const instance = this.#store.instances.get(this.#instanceArn(cluster, idOrArn))
    return instance?.clusterArn === cluster.clusterArn ? instance : undefined
  }

  *#instancesOf(cluster: Cluster): Iterable<ContainerInstance> {
    for (const instance of this.#store.instances.values()) if (instance.clusterArn === cluster.clusterArn) yield instance
  }

  #tasksOn(instance: ContainerInstance): Task[] {
    return [...this.#store.tasks.values()].filter(task => task.containerInstanceArn === instance.containerInstanceArn && !isStopped(task))
  }

  #definitionArn(family: string, revision: number): string {
    return arn(this.#world.identity, 'ecs', `task-definition/${family}:${revision}`)
  }

  /** By ARN, by family:revision, or by family (its newest active revision). */
  #definition(name: string | undefined): TaskDefinition | undefined {
    const text = parseArn(name ?? '')?.resource.replace(/^task-definition\//, '') ?? name ?? ''
    const [family = '', revision] = text.split(':')
    if (revision !== undefined) return this.#store.definitions.get(this.#definitionArn(family, Number(revision)))
    for (let newest = this.#store.nextRevision(family) - 1; newest > 0; newest--) {
      const definition = this.#store.definitions.get(this.#definitionArn(family, newest))
      if (definition?.status === 'ACTIVE') return definition
    }
    return undefined
  }

  #launchable(name: string | undefined): TaskDefinition {
    const definition = this.#definition(name)
    if (!definition) throw invalidParameter('TaskDefinition not found.')
    if (definition.status !== 'ACTIVE') throw invalidParameter('TaskDefinition is inactive')
    return definition
  }

  #describeCluster(cluster: Cluster): object {
    const tasks = [...this.#store.tasks.values()].filter(task => task.clusterArn === cluster.clusterArn)
    return {
      ...cluster,
      registeredContainerInstancesCount: [...this.#instancesOf(cluster)].length,
      runningTasksCount: tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING').length,
      pendingTasksCount: tasks.filter(({ lastStatus }) => ['PROVISIONING', 'PENDING', 'ACTIVATING'].includes(lastStatus)).length,
      activeServicesCount: 0,
      statistics: [],
      settings: [],
    }
  }

  #describeInstance({ registered, registeredAt, ...instance }: ContainerInstance): object {
    const tasks = this.#tasksOn({ registered, registeredAt, ...instance })
    return {
      ...instance,
      versionInfo: { agentVersion: '1.99.0', agentHash: 'local', dockerVersion: 'DockerVersion: local' },
      registeredResources: describeResources(registered),
      remainingResources: describeResources(remaining(this.#store, { registered, registeredAt, ...instance })),
      runningTasksCount: tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING').length,
      pendingTasksCount: tasks.filter(({ lastStatus }) => ['PROVISIONING', 'PENDING', 'ACTIVATING'].includes(lastStatus)).length,
      registeredAt: registeredAt / 1000,
      attachments: [],
    }
  }

  /** Changes the tags of whatever the ARN names, and answers them. */
  #retag(resource: string | undefined, change: (tags: readonly Tag[]) => readonly Tag[]): readonly Tag[] {
    const name = resource ?? ''
    const store = this.#store
    const task = store.tasks.get(name)
    if (task && !isStopped(task)) {
      task.tags = change(task.tags)
      store.putTask(task)
      return task.tags
    }
    const [cluster, instance, definition] = [store.clusters.get(name), store.instances.get(name), store.definitions.get(name)]
    const found = cluster ?? instance ?? definition
    if (!found) throw invalidParameter('The specified resource was not found.')
    const tags = change(found.tags)
    if (cluster) store.putCluster({ ...cluster, tags })
    else if (instance) store.putInstance({ ...instance, tags })
    else if (definition) store.putDefinition({ ...definition, tags })
    return tags
  }
}

/** Pages by position: the token is the place of the next item. */
function page<T>(all: readonly T[], input: { maxResults?: number; nextToken?: string }): { items: readonly T[]; nextToken?: string } {
  const limit = input.maxResults ?? PAGE
  if (limit < 1 || limit > PAGE) throw invalidParameter(`maxResults must be between 1 and ${PAGE}.`)
  const from = input.nextToken === undefined ? 0 : Number(input.nextToken)
  if (!Number.isInteger(from) || from < 0) throw invalidParameter('Invalid token.')
  const items = all.slice(from, from + limit)
  return { items, nextToken: from + limit < all.length ? String(from + limit) : undefined }
}

function parseIdentity(document: string | undefined): { instanceId?: string; availabilityZone?: string } {
  try {
    return JSON.parse(document ?? '{}') as { instanceId?: string; availabilityZone?: string }
  } catch {
    throw clientException('The instance identity document is not valid.')
  }
}

const familyOf = (task: Task): string => task.taskDefinitionArn.slice(task.taskDefinitionArn.lastIndexOf('/') + 1).split(':')[0]!

function hex(length: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(length / 2))).toString('hex')
}
