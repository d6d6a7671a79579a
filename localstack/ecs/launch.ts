// RunTask and StartTask: checks as AWS makes them, and the task that comes of it.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { AwsError } from '../aws/errors.ts'
import { arn, type Identity } from '../aws/identity.ts'
import type { PlacementStrategy } from './capacity.ts'
import { cpuUnits, isFargateSize, memoryMiB } from './definition-rules.ts'
import { clientException, invalidParameter } from './errors.ts'
import type {
  CapacityProviderStrategyItem,
  Cluster,
  Container,
  ContainerInstance,
  PlacementConstraint,
  Resources,
  Tag,
  Task,
  TaskDefinition,
  TaskOverride,
} from './model.ts'

export interface LaunchInput {
  readonly cluster?: string
  readonly taskDefinition?: string
  readonly count?: number
  readonly startedBy?: string
  readonly group?: string
  readonly clientToken?: string
  readonly launchType?: string
  readonly capacityProviderStrategy?: readonly CapacityProviderStrategyItem[]
  readonly platformVersion?: string
  readonly overrides?: TaskOverride
  readonly networkConfiguration?: {
    readonly awsvpcConfiguration?: { readonly subnets?: readonly string[]; readonly securityGroups?: readonly string[] }
  }
  readonly placementConstraints?: readonly PlacementConstraint[]
  readonly placementStrategy?: readonly PlacementStrategy[]
  readonly containerInstances?: readonly string[]
  readonly enableExecuteCommand?: boolean
  readonly propagateTags?: string
  readonly tags?: readonly Tag[]
}

const MAX_OVERRIDES = 8192

export interface Target {
  readonly launchType: 'EC2' | 'FARGATE'
  readonly capacityProvider?: string
}

/** Where the task shall run. @throws AwsError InvalidParameterException */
export function targetOf(input: LaunchInput, cluster: Cluster): Target {
  if (input.launchType && input.capacityProviderStrategy?.length) {
    throw invalidParameter('Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.')
  }
  if (input.launchType) {
    if (input.launchType !== 'EC2' && input.launchType !== 'FARGATE')
      throw invalidParameter(`Launch type ${input.launchType} is not supported here.`)
    return { launchType: input.launchType }
  }
  const strategy = input.capacityProviderStrategy?.length ? input.capacityProviderStrategy : cluster.defaultCapacityProviderStrategy
  if (strategy.length === 0) return { launchType: 'EC2' }
  const [first] = [...strategy].sort((a, b) => (b.base ?? 0) - (a.base ?? 0) || (b.weight ?? 0) - (a.weight ?? 0))
  const capacityProvider = first!.capacityProvider
  if (!cluster.capacityProviders.includes(capacityProvider)) {
    throw invalidParameter(`The specified capacity provider ${capacityProvider} was not found or is not associated with the cluster.`)
  }
  return { launchType: capacityProvider.startsWith('FARGATE') ? 'FARGATE' : 'EC2', capacityProvider }
}

/** @throws AwsError */
export function checkLaunch(input: LaunchInput, definition: TaskDefinition, launchType: string, startTask: boolean): void {
  const startedBy = startTask ? 36 : 128
  if ((input.startedBy?.length ?? 0) > startedBy) throw invalidParameter(`startedBy cannot exceed ${startedBy} characters.`)
  if (input.startedBy !== undefined && !/^[A-Za-z0-9_/-]*$/.test(input.startedBy))
    throw invalidParameter('startedBy contains invalid characters.')
  const count = input.count ?? 1
  if (!Number.isInteger(count) || count < 1 || count > 10) throw invalidParameter('Count must be between 1 and 10.')
  if ((input.clientToken?.length ?? 0) > 64 || /[^\x21-\x7e]/.test(input.clientToken ?? '')) {
    throw invalidParameter('clientToken must be at most 64 printable ASCII characters.')
  }
  if (input.overrides && JSON.stringify(input.overrides).length > MAX_OVERRIDES) {
    throw invalidParameter(`Container Overrides length must be at most ${MAX_OVERRIDES}`)
  }
  for (const { name } of input.overrides?.containerOverrides ?? []) {
    if (!definition.containerDefinitions.some(container => container.name === name)) {
      throw invalidParameter(`Override for container named ${name} is not a container in the TaskDefinition.`)
    }
  }
  if (definition.networkMode === 'awsvpc' && !input.networkConfiguration?.awsvpcConfiguration?.subnets?.length) {
    throw invalidParameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
  }
  if (definition.networkMode !== 'awsvpc' && input.networkConfiguration) {
    throw invalidParameter('Network Configuration is not valid for the given networkMode of this task definition.')
  }
  if (!definition.compatibilities.includes(launchType))
    throw invalidParameter(`Task definition does not support launch_type ${launchType}.`)
  if (launchType === 'FARGATE') {
    const { cpu, memory } = sizeOf(definition, input.overrides)
    if (!isFargateSize(cpu, memory))
      throw clientException(`No Fargate configuration exists for given values: ${cpu} CPU, ${memory} memory.`)
    if (input.placementConstraints?.length || input.placementStrategy?.length) {
      throw clientException('Placement strategies and constraints are not supported with FARGATE launch type.')
    }
  }
  if (input.enableExecuteCommand && !definition.taskRoleArn && !input.overrides?.taskRoleArn) {
    throw invalidParameter(
      "The service couldn't be updated because a valid taskRoleArn is not being used. Specify a valid task role in your task definition and try again.",
    )
  }
  if (input.propagateTags === 'SERVICE') throw invalidParameter('The SERVICE value for propagateTags is not supported by RunTask.')
  if ((input.tags?.length ?? 0) > 50) throw invalidParameter('Tags can have at most 50 items.')
}

/** What the task takes of its instance: its own size, or what its containers ask for. */
export function sizeOf(definition: TaskDefinition, overrides: TaskOverride | undefined): Resources {
  const cpuText = overrides?.cpu ?? definition.cpu
  const memoryText = overrides?.memory ?? definition.memory
  const of = (name: string) => overrides?.containerOverrides?.find(override => override.name === name)
  let cpu = 0
  let memory = 0
  for (const container of definition.containerDefinitions) {
    const override = of(container.name)
    cpu += override?.cpu ?? container.cpu ?? 0
    memory += override?.memoryReservation ?? container.memoryReservation ?? override?.memory ?? container.memory ?? 0
  }
  return { cpu: (cpuText && cpuUnits(cpuText)) || cpu, memory: (memoryText && memoryMiB(memoryText)) || memory }
}

/** The same request has the same digest, whatever the order of its members. */
export function requestDigest(input: LaunchInput): string {
  const { clientToken: _, ...request } = input
  const text = JSON.stringify(request, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
  return createHash('sha256').update(text).digest('base64')
}

export const tokenConflict = (tasks: readonly Task[]): AwsError =>
  new AwsError(
    'ConflictException',
    'The RunTask request could not be processed due to conflicts. The provided clientToken is already in use with a different RunTask request.',
    {
      fields: { resourceIds: tasks.map(({ taskArn }) => taskArn) },
    },
  )

export interface NewTask {
  readonly identity: Identity
  readonly cluster: Cluster
  readonly definition: TaskDefinition
  readonly input: LaunchInput
  readonly target: Target
  readonly instance?: ContainerInstance
  readonly now: number
}

export function newTask({ identity, cluster, definition, input, target, instance, now }: NewTask): Task {
  const taskId = randomBytes(16).toString('hex')
  const taskArn = arn(identity, 'ecs', `task/${cluster.clusterName}/${taskId}`)
  const { cpu, memory } = sizeOf(definition, input.overrides)
  const fargate = target.launchType === 'FARGATE'
  const containers = definition.containerDefinitions.map((container): Container => {
    const override = input.overrides?.containerOverrides?.find(({ name }) => name === container.name)
    const hard = override?.memory ?? container.memory
    const soft = override?.memoryReservation ?? container.memoryReservation
    return {
      containerArn: arn(identity, 'ecs', `container/${cluster.clusterName}/${taskId}/${randomUUID()}`),
      taskArn,
      name: container.name,
      image: container.image,
      lastStatus: 'PENDING',
      networkInterfaces: [],
      networkBindings: [],
      healthStatus: 'UNKNOWN',
      cpu: String(override?.cpu ?? container.cpu ?? 0),
      memory: hard === undefined ? undefined : String(hard),
      memoryReservation: soft === undefined ? undefined : String(soft),
    }
  })
  const zone = instance?.attributes.find(({ name }) => name === 'ecs.availability-zone')?.value ?? `${identity.region}a`
  return {
    taskArn,
    clusterArn: cluster.clusterArn,
    taskDefinitionArn: definition.taskDefinitionArn,
    containerInstanceArn: instance?.containerInstanceArn,
    launchType: target.launchType,
    capacityProviderName: target.capacityProvider,
    platformVersion: fargate ? '1.4.0' : undefined,
    platformFamily: fargate ? 'Linux' : undefined,
    availabilityZone: zone,
    group: input.group ?? `family:${definition.family}`,
    startedBy: input.startedBy,
    cpu: String(cpu),
    memory: String(memory),
    overrides: { ...input.overrides, containerOverrides: overridesOf(definition, input.overrides) },
    enableExecuteCommand: input.enableExecuteCommand ?? false,
    ephemeralStorage: fargate ? (definition.ephemeralStorage ?? { sizeInGiB: 20 }) : undefined,
    tags: [...(input.propagateTags === 'TASK_DEFINITION' ? definition.tags : []), ...(input.tags ?? [])],
    attributes: [{ name: 'ecs.cpu-architecture', value: definition.runtimePlatform?.cpuArchitecture === 'ARM64' ? 'arm64' : 'x86_64' }],
    attachments: definition.networkMode === 'awsvpc' ? [attachment(input)] : [],
    containers,
    lastStatus: 'PROVISIONING',
    desiredStatus: 'RUNNING',
    healthStatus: 'UNKNOWN',
    version: 1,
    connectivity: 'CONNECTED',
    createdAt: now,
    updatedAt: now,
    clientToken: input.clientToken ? { token: input.clientToken, request: requestDigest(input) } : undefined,
  }
}

/** ECS shows an override of every container, empty where nothing is overridden. */
function overridesOf(definition: TaskDefinition, overrides: TaskOverride | undefined): TaskOverride['containerOverrides'] {
  return definition.containerDefinitions.map(
    ({ name }) => overrides?.containerOverrides?.find(override => override.name === name) ?? { name },
  )
}

function attachment(input: LaunchInput): Task['attachments'][number] {
  const subnetId = input.networkConfiguration?.awsvpcConfiguration?.subnets?.[0] ?? ''
  return {
    id: randomUUID(),
    status: 'PRECREATED',
    details: [
      { name: 'subnetId', value: subnetId },
      { name: 'networkInterfaceId', value: `eni-${randomBytes(8).toString('hex')}0` },
    ],
  }
}
