// Container instances.
import { randomBytes } from 'node:crypto'
import { AwsError } from '../../aws/errors.ts'
import { type Failure, isMember, remaining } from '../capacity.ts'
import { clientException, invalidParameter } from '../errors.ts'
import type { ContainerInstance, KeyValue, Tag, VersionInfo } from '../model.ts'
import { describeResources } from '../wire.ts'
import { countTasks, type EcsContext, page } from './context.ts'

export const instanceOperations = (ecs: EcsContext) => ({
  RegisterContainerInstance: (input: {
    cluster?: string
    totalResources?: { name?: string; integerValue?: number }[]
    attributes?: KeyValue[]
    tags?: Tag[]
    instanceIdentityDocument?: string
    versionInfo?: VersionInfo
  }) => {
    const cluster = ecs.cluster(input.cluster)
    const amount = (name: string) => input.totalResources?.find(resource => resource.name === name)?.integerValue ?? 0
    const identity = parseIdentity(input.instanceIdentityDocument)
    const id = randomBytes(16).toString('hex')
    const instance: ContainerInstance = {
      containerInstanceArn: ecs.instanceArn(cluster, id),
      clusterArn: cluster.clusterArn,
      ec2InstanceId: identity.instanceId ?? `i-${id.slice(0, 17)}`,
      versionInfo: input.versionInfo ?? {},
      status: 'ACTIVE',
      agentConnected: true,
      registered: { cpu: amount('CPU'), memory: amount('MEMORY') },
      attributes: [
        { name: 'ecs.availability-zone', value: identity.availabilityZone ?? `${ecs.world.identity.region}a` },
        ...(input.attributes ?? []),
      ],
      registeredAt: ecs.world.clock.now(),
      version: 1,
      tags: input.tags ?? [],
    }
    ecs.store.putInstance(instance)
    return { containerInstance: describeInstance(ecs, instance) }
  },
  DeregisterContainerInstance: (input: { cluster?: string; containerInstance?: string; force?: boolean }) => {
    const cluster = ecs.cluster(input.cluster)
    const instance = ecs.instance(cluster, input.containerInstance ?? '')
    if (!instance) throw invalidParameter('The referenced container instance was not found.')
    const tasks = [...ecs.tasksOn(instance)]
    if (tasks.length > 0 && !input.force) throw invalidParameter('Found running tasks on the instance.')
    for (const task of tasks) ecs.control.stop(task, 'InfrastructureHealth', 'Container instance deregistration forced by user')
    ecs.store.deleteInstance(instance.containerInstanceArn)
    return { containerInstance: { ...describeInstance(ecs, instance), status: 'INACTIVE' } }
  },
  DescribeContainerInstances: (input: { cluster?: string; containerInstances?: string[] }) => {
    const cluster = ecs.cluster(input.cluster)
    const names = input.containerInstances ?? []
    if (names.length === 0) throw invalidParameter('Container instance cannot be empty.')
    const containerInstances: object[] = []
    const failures: Failure[] = []
    for (const name of names) {
      const instance = ecs.instance(cluster, name)
      if (instance) containerInstances.push(describeInstance(ecs, instance))
      else failures.push({ arn: ecs.instanceArn(cluster, name), reason: 'MISSING' })
    }
    return { containerInstances, failures }
  },
  ListContainerInstances: (input: { cluster?: string; filter?: string; status?: string; maxResults?: number; nextToken?: string }) => {
    const cluster = ecs.cluster(input.cluster)
    const wanted = [...ecs.instancesOf(cluster)].filter(
      instance => (!input.status || instance.status === input.status) && (!input.filter || isMember(instance, input.filter)),
    )
    const { items, nextToken } = page(wanted, input)
    return { containerInstanceArns: items.map(({ containerInstanceArn }) => containerInstanceArn), nextToken }
  },
  UpdateContainerInstancesState: (input: { cluster?: string; containerInstances?: string[]; status?: string }) => {
    const cluster = ecs.cluster(input.cluster)
    const { status } = input
    if (status !== 'ACTIVE' && status !== 'DRAINING') throw invalidParameter('Status must be ACTIVE or DRAINING.')
    const containerInstances: object[] = []
    const failures: Failure[] = []
    for (const name of input.containerInstances ?? []) {
      const instance = ecs.instance(cluster, name)
      if (!instance) failures.push({ arn: ecs.instanceArn(cluster, name), reason: 'MISSING' })
      else {
        const changed = { ...instance, status, version: instance.version + 1 } as const
        ecs.store.putInstance(changed)
        containerInstances.push(describeInstance(ecs, changed))
      }
    }
    return { containerInstances, failures }
  },
  PutAttributes: (input: { cluster?: string; attributes?: (KeyValue & { targetId?: string })[] }) => {
    const cluster = ecs.cluster(input.cluster)
    for (const { name, value, targetId } of input.attributes ?? []) {
      const instance = ecs.instance(cluster, targetId ?? '')
      if (!instance) throw new AwsError('TargetNotFoundException', `The specified target wasn't found: ${targetId}`)
      const attributes = [...instance.attributes.filter(attribute => attribute.name !== name), { name, value: value ?? '' }]
      ecs.store.putInstance({ ...instance, attributes })
    }
    return { attributes: input.attributes }
  },
})

function describeInstance(ecs: EcsContext, container: ContainerInstance): object {
  const { registered, registeredAt, ...instance } = container
  return {
    ...instance,
    registeredResources: describeResources(registered),
    remainingResources: describeResources(remaining(ecs.store, container)),
    ...countTasks(ecs.tasksOn(container)),
    registeredAt: registeredAt / 1000,
    attachments: [],
  }
}

function parseIdentity(document: string | undefined): { instanceId?: string; availabilityZone?: string } {
  try {
    return JSON.parse(document ?? '{}') as { instanceId?: string; availabilityZone?: string }
  } catch {
    throw clientException('The instance identity document is not valid.')
  }
}
