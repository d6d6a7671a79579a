// ECS's nouns as they are kept here: AWS's own member names, times in milliseconds since the epoch. wire.ts turns them into what
// clients and events see.

export interface KeyValue {
  readonly name: string
  readonly value: string
}

export interface Tag {
  readonly key: string
  readonly value: string
}

export type DependencyCondition = 'START' | 'COMPLETE' | 'SUCCESS' | 'HEALTHY'

export interface HealthCheck {
  readonly command: readonly string[]
  readonly interval?: number
  readonly timeout?: number
  readonly retries?: number
  readonly startPeriod?: number
}

export interface ContainerDefinition {
  readonly name: string
  readonly image: string
  readonly cpu?: number
  readonly memory?: number
  readonly memoryReservation?: number
  readonly essential?: boolean
  readonly entryPoint?: readonly string[]
  readonly command?: readonly string[]
  readonly environment?: readonly KeyValue[]
  readonly secrets?: readonly { readonly name: string; readonly valueFrom: string }[]
  readonly user?: string
  readonly workingDirectory?: string
  readonly privileged?: boolean
  readonly readonlyRootFilesystem?: boolean
  readonly interactive?: boolean
  readonly pseudoTerminal?: boolean
  readonly hostname?: string
  readonly dnsServers?: readonly string[]
  readonly dnsSearchDomains?: readonly string[]
  readonly extraHosts?: readonly { readonly hostname: string; readonly ipAddress: string }[]
  readonly dockerLabels?: Readonly<Record<string, string>>
  readonly dockerSecurityOptions?: readonly string[]
  readonly portMappings?: readonly { readonly containerPort?: number; readonly hostPort?: number; readonly protocol?: string }[]
  readonly mountPoints?: readonly { readonly sourceVolume: string; readonly containerPath: string; readonly readOnly?: boolean }[]
  readonly volumesFrom?: readonly { readonly sourceContainer: string; readonly readOnly?: boolean }[]
  readonly dependsOn?: readonly { readonly containerName: string; readonly condition: DependencyCondition }[]
  /** Seconds. */
  readonly startTimeout?: number
  readonly stopTimeout?: number
  readonly healthCheck?: HealthCheck
  readonly restartPolicy?: {
    readonly enabled: boolean
    readonly ignoredExitCodes?: readonly number[]
    readonly restartAttemptPeriod?: number
  }
  readonly linuxParameters?: {
    readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] }
    readonly initProcessEnabled?: boolean
    readonly sharedMemorySize?: number
    readonly maxSwap?: number
    readonly swappiness?: number
    readonly devices?: readonly { readonly hostPath: string; readonly containerPath?: string; readonly permissions?: readonly string[] }[]
    readonly tmpfs?: readonly { readonly containerPath: string; readonly size: number; readonly mountOptions?: readonly string[] }[]
  }
  readonly ulimits?: readonly { readonly name: string; readonly softLimit: number; readonly hardLimit: number }[]
  readonly systemControls?: readonly { readonly namespace: string; readonly value: string }[]
  readonly logConfiguration?: { readonly logDriver: string; readonly options?: Readonly<Record<string, string>> }
  readonly repositoryCredentials?: { readonly credentialsParameter: string }
}

export interface Volume {
  readonly name: string
  readonly host?: { readonly sourcePath?: string }
  readonly dockerVolumeConfiguration?: {
    readonly scope?: string
    readonly driver?: string
    readonly driverOpts?: Readonly<Record<string, string>>
    readonly labels?: Readonly<Record<string, string>>
  }
  readonly efsVolumeConfiguration?: {
    readonly fileSystemId: string
    readonly rootDirectory?: string
    readonly authorizationConfig?: { readonly accessPointId?: string }
  }
}

export interface TaskDefinition {
  readonly taskDefinitionArn: string
  readonly family: string
  readonly revision: number
  status: 'ACTIVE' | 'INACTIVE'
  readonly networkMode: string
  readonly containerDefinitions: readonly ContainerDefinition[]
  readonly volumes: readonly Volume[]
  readonly placementConstraints: readonly PlacementConstraint[]
  readonly requiresCompatibilities?: readonly string[]
  readonly compatibilities: readonly string[]
  /** CPU units and MiB, as text. */
  readonly cpu?: string
  readonly memory?: string
  readonly pidMode?: string
  readonly ipcMode?: string
  readonly taskRoleArn?: string
  readonly executionRoleArn?: string
  readonly runtimePlatform?: { readonly cpuArchitecture?: string; readonly operatingSystemFamily?: string }
  readonly ephemeralStorage?: { readonly sizeInGiB: number }
  readonly registeredAt: number
  deregisteredAt?: number
  tags: readonly Tag[]
}

export interface PlacementConstraint {
  readonly type?: string
  readonly expression?: string
}

export interface ContainerOverride {
  readonly name?: string
  readonly command?: readonly string[]
  readonly environment?: readonly KeyValue[]
  readonly cpu?: number
  readonly memory?: number
  readonly memoryReservation?: number
}

export interface TaskOverride {
  readonly containerOverrides?: readonly ContainerOverride[]
  readonly cpu?: string
  readonly memory?: string
  readonly taskRoleArn?: string
  readonly executionRoleArn?: string
}

export type ContainerStatus = 'PENDING' | 'RUNNING' | 'STOPPED'
export type HealthStatus = 'HEALTHY' | 'UNHEALTHY' | 'UNKNOWN'

export interface Container {
  readonly containerArn: string
  readonly taskArn: string
  readonly name: string
  readonly image: string
  imageDigest?: string
  runtimeId?: string
  lastStatus: ContainerStatus
  exitCode?: number
  reason?: string
  networkInterfaces: { attachmentId: string; privateIpv4Address: string }[]
  networkBindings: { bindIP: string; containerPort: number; hostPort: number; protocol: string }[]
  healthStatus: HealthStatus
  readonly cpu: string
  readonly memory?: string
  readonly memoryReservation?: string
  /** Beginning of the present run; not shown to clients. */
  startedAt?: number
}

export type TaskStatus = 'PROVISIONING' | 'PENDING' | 'ACTIVATING' | 'RUNNING' | 'DEACTIVATING' | 'STOPPING' | 'DEPROVISIONING' | 'STOPPED'

export interface Attachment {
  readonly id: string
  status: string
  details: KeyValue[]
}

export interface Task {
  readonly taskArn: string
  readonly clusterArn: string
  readonly taskDefinitionArn: string
  readonly containerInstanceArn?: string
  readonly launchType: 'EC2' | 'FARGATE' | 'EXTERNAL'
  readonly capacityProviderName?: string
  readonly platformVersion?: string
  readonly platformFamily?: string
  readonly availabilityZone: string
  readonly group: string
  readonly startedBy?: string
  readonly cpu: string
  readonly memory: string
  readonly overrides: TaskOverride
  readonly enableExecuteCommand: boolean
  readonly ephemeralStorage?: { readonly sizeInGiB: number }
  tags: readonly Tag[]
  attributes: readonly KeyValue[]
  attachments: Attachment[]
  containers: Container[]
  lastStatus: TaskStatus
  desiredStatus: 'RUNNING' | 'STOPPED'
  healthStatus: HealthStatus
  /** Larger is later. */
  version: number
  connectivity: 'CONNECTED' | 'DISCONNECTED'
  stopCode?: string
  stoppedReason?: string
  readonly createdAt: number
  connectivityAt?: number
  pullStartedAt?: number
  pullStoppedAt?: number
  startedAt?: number
  stoppingAt?: number
  executionStoppedAt?: number
  stoppedAt?: number
  updatedAt: number
  /** RunTask's, and a digest of what was asked under it; not shown. */
  readonly clientToken?: { readonly token: string; readonly request: string }
}

export interface Resources {
  readonly cpu: number
  /** MiB. */
  readonly memory: number
}

export interface VersionInfo {
  readonly agentVersion?: string
  readonly agentHash?: string
  /** "DockerVersion: 28.5.1" */
  readonly dockerVersion?: string
}

export interface ContainerInstance {
  readonly containerInstanceArn: string
  readonly clusterArn: string
  readonly ec2InstanceId: string
  readonly versionInfo: VersionInfo
  status: 'ACTIVE' | 'DRAINING'
  agentConnected: boolean
  registered: Resources
  attributes: KeyValue[]
  readonly registeredAt: number
  version: number
  tags: readonly Tag[]
}

export interface Cluster {
  readonly clusterArn: string
  readonly clusterName: string
  status: 'ACTIVE' | 'INACTIVE'
  capacityProviders: readonly string[]
  defaultCapacityProviderStrategy: readonly CapacityProviderStrategyItem[]
  tags: readonly Tag[]
}

export interface CapacityProviderStrategyItem {
  readonly capacityProvider: string
  readonly weight?: number
  readonly base?: number
}

/** A task is over when nothing of it is left to stop or release. */
export const isStopped = (task: Task): boolean => task.lastStatus === 'STOPPED'

export const taskIdOf = (taskArn: string): string => taskArn.slice(taskArn.lastIndexOf('/') + 1)
