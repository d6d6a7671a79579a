// The Ecs port over AWS's SDK: shapes are turned, throttled and lost calls are tried again by the SDK's own retries, and AWS's
// refusals become errors that the launcher can act on.
import {
  type ContainerDefinition as AwsContainerDefinition,
  type ContainerInstance as AwsContainerInstance,
  type Task as AwsTask,
  DescribeContainerInstancesCommand,
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  type ECSClient,
  type Failure,
  type KeyValuePair,
  ListContainerInstancesCommand,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  StartTaskCommand,
  StopTaskCommand,
  type TaskOverride,
  type Volume,
} from '@aws-sdk/client-ecs'
import {
  type ContainerDefinition,
  type ContainerInstance,
  type ContainerOverride,
  type Ecs,
  EcsError,
  type Launch,
  LaunchFailure,
  type RunTask,
  type StartTask,
  type Task,
  type TaskDefinition,
  type TaskVolume,
} from '../pods/ecs.ts'

/** DescribeTasks and DescribeContainerInstances take at most so many ARNs. */
const DESCRIBE_LIMIT = 100

export interface EcsOptions {
  /** Name or ARN of the ECS cluster. */
  readonly cluster: string
  readonly client: ECSClient
}

export function awsEcs({ cluster, client }: EcsOptions): Ecs {
  return {
    async findTaskDefinition(family) {
      try {
        const { taskDefinition } = await client.send(new DescribeTaskDefinitionCommand({ taskDefinition: family }))
        return taskDefinition?.status === 'ACTIVE' ? taskDefinition.taskDefinitionArn : undefined
      } catch (error) {
        // AWS has no error of its own for this: ClientException "Unable to describe task definition."
        if (nameOf(error) === 'ClientException') return undefined
        throw refusal(error)
      }
    },

    async registerTaskDefinition(definition) {
      try {
        const { taskDefinition } = await client.send(new RegisterTaskDefinitionCommand(definitionInput(definition)))
        return taskDefinition?.taskDefinitionArn ?? definition.family
      } catch (error) {
        throw refusal(error)
      }
    },

    async runTask(launch) {
      try {
        const { tasks, failures } = await client.send(new RunTaskCommand(runInput(cluster, launch)))
        return launched(tasks, failures)
      } catch (error) {
        throw refusal(error)
      }
    },

    async startTask(launch) {
      try {
        const { tasks, failures } = await client.send(new StartTaskCommand(startInput(cluster, launch)))
        return launched(tasks, failures)
      } catch (error) {
        throw refusal(error)
      }
    },

    async stopTask(taskArn, reason) {
      try {
        const { task } = await client.send(new StopTaskCommand({ cluster, task: taskArn, reason: reason.slice(0, 1024) }))
        return task && taskOf(task)
      } catch (error) {
        // "The referenced task was not found.": it stopped long ago.
        if (nameOf(error) === 'InvalidParameterException') return undefined
        throw refusal(error)
      }
    },

    async describeTasks(taskArns) {
      const tasks: Task[] = []
      for (const arns of chunks(taskArns, DESCRIBE_LIMIT)) {
        const reply = await client.send(new DescribeTasksCommand({ cluster, tasks: [...arns] }))
        tasks.push(...(reply.tasks ?? []).map(taskOf))
      }
      return tasks
    },

    async listTasks(filter) {
      const arns: string[] = []
      let nextToken: string | undefined
      do {
        const reply = await client.send(new ListTasksCommand({ cluster, ...filter, nextToken }))
        arns.push(...(reply.taskArns ?? []))
        nextToken = reply.nextToken
      } while (nextToken)
      return arns
    },

    async containerInstances() {
      const arns: string[] = []
      let nextToken: string | undefined
      do {
        const reply = await client.send(new ListContainerInstancesCommand({ cluster, nextToken }))
        arns.push(...(reply.containerInstanceArns ?? []))
        nextToken = reply.nextToken
      } while (nextToken)
      const instances: ContainerInstance[] = []
      for (const part of chunks(arns, DESCRIBE_LIMIT)) {
        const reply = await client.send(new DescribeContainerInstancesCommand({ cluster, containerInstances: [...part] }))
        instances.push(...(reply.containerInstances ?? []).map(instanceOf))
      }
      return instances
    },
  }
}

function runInput(cluster: string, launch: RunTask) {
  return {
    ...launchInput(cluster, launch),
    count: 1,
    clientToken: launch.clientToken,
    capacityProviderStrategy: [{ capacityProvider: launch.capacityProvider, weight: 1 }],
    networkConfiguration: {
      awsvpcConfiguration: {
        subnets: [...launch.subnets],
        securityGroups: [...launch.securityGroups],
        assignPublicIp: launch.assignPublicIp ? ('ENABLED' as const) : ('DISABLED' as const),
      },
    },
  }
}

function startInput(cluster: string, launch: StartTask) {
  return {
    ...launchInput(cluster, launch),
    containerInstances: [launch.containerInstance],
    networkConfiguration: launch.subnets
      ? { awsvpcConfiguration: { subnets: [...launch.subnets], securityGroups: [...(launch.securityGroups ?? [])] } }
      : undefined,
  }
}

function launchInput(cluster: string, launch: Launch) {
  return {
    cluster,
    taskDefinition: launch.taskDefinition,
    startedBy: launch.startedBy,
    group: launch.group,
    enableExecuteCommand: launch.enableExecuteCommand,
    overrides: { containerOverrides: launch.overrides.map(overrideInput) } satisfies TaskOverride,
    tags: launch.tags ? Object.entries(launch.tags).map(([key, value]) => ({ key, value })) : undefined,
  }
}

function overrideInput(override: ContainerOverride) {
  return {
    name: override.name,
    command: override.command ? [...override.command] : undefined,
    environment: override.environment ? pairs(override.environment) : undefined,
    cpu: override.cpu,
    memory: override.memory,
    memoryReservation: override.memoryReservation,
  }
}

function definitionInput(definition: TaskDefinition) {
  return {
    family: definition.family,
    networkMode: 'awsvpc' as const,
    requiresCompatibilities: [definition.compatibility],
    cpu: definition.cpu?.toString(),
    memory: definition.memory?.toString(),
    runtimePlatform: definition.architecture
      ? { cpuArchitecture: definition.architecture, operatingSystemFamily: 'LINUX' as const }
      : undefined,
    taskRoleArn: definition.taskRoleArn,
    executionRoleArn: definition.executionRoleArn,
    pidMode: definition.pidMode,
    ephemeralStorage: definition.ephemeralStorageGiB ? { sizeInGiB: definition.ephemeralStorageGiB } : undefined,
    volumes: definition.volumes.map(volumeInput),
    containerDefinitions: definition.containers.map(containerInput),
  }
}

function volumeInput({ name, hostPath, efs, docker }: TaskVolume): Volume {
  return {
    name,
    host: hostPath ? { sourcePath: hostPath } : undefined,
    efsVolumeConfiguration: efs && {
      fileSystemId: efs.fileSystemId,
      rootDirectory: efs.accessPointId === undefined ? efs.rootDirectory : undefined,
      transitEncryption: 'ENABLED',
      authorizationConfig: { accessPointId: efs.accessPointId, iam: 'ENABLED' },
    },
    dockerVolumeConfiguration: docker && { scope: 'task', driver: docker.driver, driverOpts: { ...docker.options } },
  }
}

function containerInput(container: ContainerDefinition): AwsContainerDefinition {
  const { addCapabilities, dropCapabilities } = container
  return {
    name: container.name,
    image: container.image,
    essential: container.essential,
    entryPoint: container.entryPoint ? [...container.entryPoint] : undefined,
    command: container.command ? [...container.command] : undefined,
    environment: container.environment ? pairs(container.environment) : undefined,
    user: container.user,
    workingDirectory: container.workingDirectory,
    cpu: container.cpu,
    memory: container.memory,
    memoryReservation: container.memoryReservation,
    readonlyRootFilesystem: container.readonlyRootFilesystem,
    privileged: container.privileged,
    linuxParameters:
      addCapabilities || dropCapabilities
        ? {
            capabilities: {
              add: addCapabilities ? [...addCapabilities] : undefined,
              drop: dropCapabilities ? [...dropCapabilities] : undefined,
            },
          }
        : undefined,
    interactive: container.interactive,
    pseudoTerminal: container.pseudoTerminal,
    mountPoints: container.mountPoints?.map(mount => ({ ...mount })),
    dependsOn: container.dependsOn?.map(dependency => ({ ...dependency })),
    stopTimeout: container.stopTimeout,
    logConfiguration: container.logConfiguration
      ? {
          logDriver: container.logConfiguration.logDriver as NonNullable<AwsContainerDefinition['logConfiguration']>['logDriver'],
          options: { ...container.logConfiguration.options },
        }
      : undefined,
    dockerLabels: container.dockerLabels ? { ...container.dockerLabels } : undefined,
    dockerSecurityOptions: container.dockerSecurityOptions ? [...container.dockerSecurityOptions] : undefined,
    systemControls: container.systemControls?.map(control => ({ ...control })),
    repositoryCredentials: container.repositoryCredentials ? { credentialsParameter: container.repositoryCredentials } : undefined,
  }
}

const pairs = (record: Readonly<Record<string, string>>): KeyValuePair[] => Object.entries(record).map(([name, value]) => ({ name, value }))

function launched(tasks: AwsTask[] | undefined, failures: Failure[] | undefined): Task {
  const task = tasks?.[0]
  if (task) return taskOf(task)
  const failure = failures?.[0]
  throw new LaunchFailure(failure?.reason ?? 'ECS placed no task and gave no reason', failure?.detail)
}

function taskOf(task: AwsTask): Task {
  const containers = (task.containers ?? []).map(container => ({
    name: container.name ?? '',
    lastStatus: container.lastStatus ?? 'PENDING',
    runtimeId: container.runtimeId,
    image: container.image,
    imageDigest: container.imageDigest,
    exitCode: container.exitCode,
    reason: container.reason,
    privateIPv4: container.networkInterfaces?.[0]?.privateIpv4Address,
  }))
  const address = task.attachments
    ?.find(({ type }) => type === 'ElasticNetworkInterface' || type === 'eni')
    ?.details?.find(({ name }) => name === 'privateIPv4Address')?.value
  return {
    taskArn: task.taskArn ?? '',
    version: Number(task.version ?? 0),
    lastStatus: task.lastStatus ?? 'PROVISIONING',
    desiredStatus: task.desiredStatus ?? 'RUNNING',
    startedBy: task.startedBy,
    group: task.group,
    taskDefinitionArn: task.taskDefinitionArn,
    containerInstanceArn: task.containerInstanceArn,
    availabilityZone: task.availabilityZone,
    capacityProviderName: task.capacityProviderName,
    launchType: task.launchType,
    containers,
    privateIPv4: address ?? containers.find(container => container.privateIPv4)?.privateIPv4,
    createdAt: task.createdAt?.getTime(),
    pullStartedAt: task.pullStartedAt?.getTime(),
    pullStoppedAt: task.pullStoppedAt?.getTime(),
    startedAt: task.startedAt?.getTime(),
    stoppingAt: task.stoppingAt?.getTime(),
    stoppedAt: task.stoppedAt?.getTime(),
    stopCode: task.stopCode,
    stoppedReason: task.stoppedReason,
  }
}

function instanceOf(instance: AwsContainerInstance): ContainerInstance {
  const amount = (resources: AwsContainerInstance['registeredResources'], name: string) =>
    resources?.find(resource => resource.name === name)?.integerValue ?? 0
  const size = (resources: AwsContainerInstance['registeredResources']) => ({
    cpu: amount(resources, 'CPU'),
    memory: amount(resources, 'MEMORY'),
  })
  return {
    arn: instance.containerInstanceArn ?? '',
    status: instance.status ?? 'ACTIVE',
    agentConnected: instance.agentConnected ?? false,
    instanceId: instance.ec2InstanceId,
    registered: size(instance.registeredResources),
    remaining: size(instance.remainingResources),
    attributes: Object.fromEntries((instance.attributes ?? []).map(({ name, value }) => [name ?? '', value ?? ''])),
    registeredAt: instance.registeredAt?.getTime(),
    agentVersion: instance.versionInfo?.agentVersion,
    dockerVersion: instance.versionInfo?.dockerVersion,
  }
}

function* chunks<T>(items: readonly T[], size: number): Iterable<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size)
}

const nameOf = (error: unknown) => (error instanceof Error ? error.name : '')

/** What would be refused again becomes an EcsError; what may pass next time (throttling, network) stays as it is. */
function refusal(error: unknown): unknown {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
  const throttled = nameOf(error) === 'ThrottlingException' || /too many concurrent attempts|rate exceeded/i.test(String(error))
  return error instanceof Error && status !== undefined && status >= 400 && status < 500 && !throttled
    ? new EcsError(error.name, error.message)
    : error
}
