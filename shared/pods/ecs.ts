// What the launcher needs of ECS, in ECS's own words. The adapter over the SDK is shared/aws/ecs.ts.
// Throttling and lost replies are the adapter's to retry; what it throws is for the caller to act on.

export interface ContainerDefinition {
  readonly name: string
  readonly image: string
  readonly essential: boolean
  readonly entryPoint?: readonly string[]
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly user?: string
  readonly workingDirectory?: string
  /** CPU shares: 1024 is one core's worth. */
  readonly cpu?: number
  /** MiB. Hard: more is an out-of-memory kill. */
  readonly memory?: number
  /** MiB. Soft. */
  readonly memoryReservation?: number
  readonly readonlyRootFilesystem?: boolean
  readonly privileged?: boolean
  readonly addCapabilities?: readonly string[]
  readonly dropCapabilities?: readonly string[]
  readonly interactive?: boolean
  readonly pseudoTerminal?: boolean
  readonly mountPoints?: readonly MountPoint[]
  readonly dependsOn?: readonly { readonly containerName: string; readonly condition: 'START' | 'COMPLETE' | 'SUCCESS' | 'HEALTHY' }[]
  /** Seconds between the stop signal and SIGKILL. Fargate: at most 120. */
  readonly stopTimeout?: number
  readonly logConfiguration?: { readonly logDriver: string; readonly options: Readonly<Record<string, string>> }
  readonly systemControls?: readonly { readonly namespace: string; readonly value: string }[]
  readonly repositoryCredentials?: string
  readonly dockerLabels?: Readonly<Record<string, string>>
  /** Not on Fargate. */
  readonly dockerSecurityOptions?: readonly string[]
}

export interface MountPoint {
  readonly sourceVolume: string
  readonly containerPath: string
  readonly readOnly?: boolean
}

/** Without a source it is the task's own, and goes with it. */
export interface TaskVolume {
  readonly name: string
  /** Not on Fargate. */
  readonly hostPath?: string
  /** Encrypted on its way, and opened by the task's role. With an access point the root directory is the access point's. */
  readonly efs?: { readonly fileSystemId: string; readonly rootDirectory?: string; readonly accessPointId?: string }
  /** A volume that a driver of the Docker Engine makes for this task. Not on Fargate. */
  readonly docker?: { readonly driver: string; readonly options: Readonly<Record<string, string>> }
}

export interface TaskDefinition {
  /** At most 255 letters, digits, - and _. */
  readonly family: string
  readonly compatibility: 'FARGATE' | 'EC2'
  /** Task size. CPU units (1024 a core) and MiB; on EC2 both may be absent. */
  readonly cpu?: number
  readonly memory?: number
  readonly architecture?: 'X86_64' | 'ARM64'
  readonly taskRoleArn?: string
  readonly executionRoleArn?: string
  readonly pidMode?: 'task'
  readonly ephemeralStorageGiB?: number
  readonly volumes: readonly TaskVolume[]
  readonly containers: readonly ContainerDefinition[]
}

export interface ContainerOverride {
  readonly name: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly cpu?: number
  readonly memory?: number
  readonly memoryReservation?: number
}

export interface Launch {
  /** ARN or family:revision. */
  readonly taskDefinition: string
  /** At most 36 characters: the pod's UID. */
  readonly startedBy: string
  readonly overrides: readonly ContainerOverride[]
  readonly tags?: Readonly<Record<string, string>>
  readonly group?: string
  readonly enableExecuteCommand?: boolean
}

export interface RunTask extends Launch {
  /** At most 64 characters. The same token twice gives the same task once. */
  readonly clientToken: string
  /** FARGATE or FARGATE_SPOT. */
  readonly capacityProvider: string
  readonly subnets: readonly string[]
  readonly securityGroups: readonly string[]
  readonly assignPublicIp: boolean
}

/** Has no client token: a lost reply is recovered through listTasks({ startedBy }). */
export interface StartTask extends Launch {
  /** ARN or id of the container instance. */
  readonly containerInstance: string
  readonly subnets?: readonly string[]
  readonly securityGroups?: readonly string[]
}

export interface TaskContainer {
  readonly name: string
  /** PENDING, RUNNING, STOPPED ... */
  readonly lastStatus: string
  readonly runtimeId?: string
  readonly image?: string
  readonly imageDigest?: string
  readonly exitCode?: number
  /** e.g. "OutOfMemoryError: ...", "CannotPullContainerError: ..." */
  readonly reason?: string
  readonly privateIPv4?: string
}

/** A task as DescribeTasks and the state-change events show it. Times in milliseconds since the epoch. */
export interface Task {
  readonly taskArn: string
  /** Larger is later. */
  readonly version: number
  readonly lastStatus: string
  readonly desiredStatus: string
  readonly startedBy?: string
  readonly group?: string
  readonly taskDefinitionArn?: string
  readonly containerInstanceArn?: string
  readonly availabilityZone?: string
  readonly capacityProviderName?: string
  readonly launchType?: string
  readonly containers: readonly TaskContainer[]
  /** Of the task's network interface, or the first container's. */
  readonly privateIPv4?: string
  readonly createdAt?: number
  readonly pullStartedAt?: number
  readonly pullStoppedAt?: number
  readonly startedAt?: number
  readonly stoppingAt?: number
  readonly stoppedAt?: number
  /** EssentialContainerExited, TaskFailedToStart, UserInitiated, SpotInterruption, TerminationNotice, InfrastructureHealth ... */
  readonly stopCode?: string
  readonly stoppedReason?: string
}

/** A container instance: one machine of an EC2-type cluster. */
export interface ContainerInstance {
  readonly arn: string
  /** ACTIVE, DRAINING, DEREGISTERING, INACTIVE ... */
  readonly status: string
  readonly agentConnected: boolean
  /** EC2 instance id, or what stands for it. */
  readonly instanceId?: string
  /** CPU units, MiB. */
  readonly registered: { readonly cpu: number; readonly memory: number }
  readonly remaining: { readonly cpu: number; readonly memory: number }
  /** e.g. ecs.availability-zone, ecs.instance-type, ecs.cpu-architecture; custom ones besides. */
  readonly attributes: Readonly<Record<string, string>>
  readonly registeredAt?: number
  readonly agentVersion?: string
  readonly dockerVersion?: string
}

/** RunTask or StartTask placed nothing. `reason` is ECS's own, e.g. "RESOURCE:MEMORY", "AGENT", "MISSING", "Capacity is unavailable at this time". */
export class LaunchFailure extends Error {
  override readonly name = 'LaunchFailure'
  readonly reason: string
  readonly detail: string | undefined
  constructor(reason: string, detail?: string) {
    super(detail ? `${reason}: ${detail}` : reason)
    this.reason = reason
    this.detail = detail
  }
}

export interface Ecs {
  /** ARN of the family's newest active revision, or undefined when there is none. */
  findTaskDefinition(family: string): Promise<string | undefined>
  /** The ARN. @throws EcsError (ClientException) when ECS refuses the definition. */
  registerTaskDefinition(definition: TaskDefinition): Promise<string>
  /** @throws LaunchFailure when nothing was placed. */
  runTask(launch: RunTask): Promise<Task>
  /** @throws LaunchFailure when nothing was placed. */
  startTask(launch: StartTask): Promise<Task>
  /** Signals every container, then kills after its stopTimeout. Answers the task as it is; undefined when ECS has forgotten it. */
  stopTask(taskArn: string, reason: string): Promise<Task | undefined>
  /** Tasks that ECS has forgotten (an hour after they stopped, or never known) are left out. */
  describeTasks(taskArns: readonly string[]): Promise<readonly Task[]>
  /** ARNs. `startedBy` cannot be combined with a container instance. desiredStatus is RUNNING (which includes pending ones) unless told. */
  listTasks(filter: { startedBy?: string; containerInstance?: string; desiredStatus?: 'RUNNING' | 'STOPPED' }): Promise<readonly string[]>
  containerInstances(): Promise<readonly ContainerInstance[]>
}

/** ECS refused a call and would refuse it again. `code` is AWS's, e.g. ClientException, InvalidParameterException. */
export class EcsError extends Error {
  override readonly name = 'EcsError'
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}
