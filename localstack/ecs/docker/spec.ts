// Task definition and overrides -> what Docker is asked to create. Pure.
import type { ContainerCreateOptions, HostConfig } from 'dockerode'
import type { EfsVolume } from '../../aws/efs.ts'
import type { ContainerDefinition, Volume } from '../model.ts'
import { taskIdOf } from '../model.ts'
import type { TaskSpec } from '../runtime.ts'

export interface SpecContext {
  /** Tells this installation's containers from those of another one on the same engine. */
  readonly owner: string
  /** Reference or id that the engine knows. */
  readonly image: string
  /** Id or name of the container that holds the network namespace; undefined for the host's network. */
  readonly sandbox: string | undefined
  readonly cgroupParent: string | undefined
  readonly hasInit: boolean
  /** Folders that stand for file systems of the network; undefined: there are none. */
  readonly shares: Shares | undefined
  /** Values of `secrets`. */
  readonly secrets: Readonly<Record<string, string>>
  /** Variables that ECS sets in every container. */
  readonly environment: Readonly<Record<string, string>>
}

/** Each answers a path of the engine's host. */
export interface Shares {
  /** @throws Error that says why it cannot be mounted. */
  efs(volume: EfsVolume): string
  /** An export of an NFS server. */
  nfs(server: string, path: string): string
}

export const LABELS = {
  owner: 'dev.zeroplane.owner',
  cluster: 'com.amazonaws.ecs.cluster',
  task: 'com.amazonaws.ecs.task-arn',
  container: 'com.amazonaws.ecs.container-name',
  family: 'com.amazonaws.ecs.task-definition-family',
  revision: 'com.amazonaws.ecs.task-definition-version',
} as const

/** What the sandbox container is called in LABELS.container. */
export const SANDBOX = '~internal~ecs~pause'

/**
 * A container's own CPU limit, in CPU units. ECS has no such thing on Linux (`cpu` is shares); a definition that carries this label gets it
 * enforced here, and on AWS the label does nothing.
 */
export const CPU_LIMIT_LABEL = 'dev.zeroplane.cpu-limit'

const MIB = 1024 * 1024
const PERIOD = 100_000

/** The same for the same task, so that making one twice is noticed by the engine. */
export const containerName = (taskArn: string, name: string): string => `ecs-${taskIdOf(taskArn)}-${name}`
export const sandboxName = (taskArn: string): string => `ecs-${taskIdOf(taskArn)}-pause`
export const volumeName = (taskArn: string, volume: string): string => `ecs-${taskIdOf(taskArn)}-${volume}`

export function labelsOf({ task, definition }: TaskSpec, container: string, owner: string): Record<string, string> {
  return {
    [LABELS.owner]: owner,
    [LABELS.cluster]: task.clusterArn.slice(task.clusterArn.lastIndexOf('/') + 1),
    [LABELS.task]: task.taskArn,
    [LABELS.container]: container,
    [LABELS.family]: definition.family,
    [LABELS.revision]: String(definition.revision),
  }
}

/** Cores that the task may use together; undefined: not limited. Only an explicit task size limits. */
export function taskCores({ task, definition }: TaskSpec): number | undefined {
  return definition.cpu === undefined && task.overrides.cpu === undefined ? undefined : Number(task.cpu) / 1024
}

/** Bytes that the task may use together. */
export function taskBytes({ task, definition }: TaskSpec): number | undefined {
  return definition.memory === undefined && task.overrides.memory === undefined ? undefined : Number(task.memory) * MIB
}

export function createOptions(spec: TaskSpec, name: string, context: SpecContext): ContainerCreateOptions {
  const definition = spec.definition.containerDefinitions.find(container => container.name === name)!
  const override = spec.task.overrides.containerOverrides?.find(container => container.name === name)
  const environment = new Map<string, string>(Object.entries(context.environment))
  for (const [key, value] of Object.entries(context.secrets)) environment.set(key, value)
  for (const { name: key, value } of [...(definition.environment ?? []), ...(override?.environment ?? [])])
    environment.set(key, value ?? '')
  const command = override?.command ?? definition.command
  const ownNetwork = context.sandbox === undefined && spec.definition.networkMode !== 'host'
  return {
    name: containerName(spec.task.taskArn, name),
    Image: context.image,
    Entrypoint: definition.entryPoint ? [...definition.entryPoint] : undefined,
    Cmd: command ? [...command] : undefined,
    Env: [...environment].map(([key, value]) => `${key}=${value}`),
    User: definition.user,
    WorkingDir: definition.workingDirectory,
    Tty: definition.pseudoTerminal,
    OpenStdin: definition.interactive,
    Hostname: ownNetwork ? definition.hostname : undefined,
    Labels: { ...definition.dockerLabels, ...labelsOf(spec, name, context.owner) },
    Healthcheck: healthcheck(definition),
    HostConfig: {
      ...resources(spec, definition, override),
      NetworkMode: context.sandbox ? `container:${context.sandbox}` : spec.definition.networkMode === 'host' ? 'host' : 'none',
      PidMode:
        spec.definition.pidMode === 'task' && context.sandbox
          ? `container:${context.sandbox}`
          : spec.definition.pidMode === 'host'
            ? 'host'
            : undefined,
      IpcMode:
        spec.definition.ipcMode === 'task' && context.sandbox
          ? `container:${context.sandbox}`
          : spec.definition.ipcMode === 'host'
            ? 'host'
            : undefined,
      CgroupParent: context.cgroupParent,
      ...mounts(spec, definition, context),
      VolumesFrom: definition.volumesFrom?.map(
        ({ sourceContainer, readOnly }) => `${containerName(spec.task.taskArn, sourceContainer)}:${readOnly ? 'ro' : 'rw'}`,
      ),
      Privileged: definition.privileged,
      ReadonlyRootfs: definition.readonlyRootFilesystem,
      CapAdd: list(definition.linuxParameters?.capabilities?.add),
      CapDrop: list(definition.linuxParameters?.capabilities?.drop),
      SecurityOpt: list(definition.dockerSecurityOptions),
      Init: definition.linuxParameters?.initProcessEnabled ? context.hasInit : undefined,
      ShmSize: definition.linuxParameters?.sharedMemorySize ? definition.linuxParameters.sharedMemorySize * MIB : undefined,
      Tmpfs: tmpfs(definition),
      Devices: definition.linuxParameters?.devices?.map(({ hostPath, containerPath, permissions }) => ({
        PathOnHost: hostPath,
        PathInContainer: containerPath ?? hostPath,
        CgroupPermissions: (permissions ?? ['read', 'write', 'mknod']).map(permission => permission[0]).join(''),
      })),
      Ulimits: definition.ulimits?.map(({ name: limit, softLimit, hardLimit }) => ({ Name: limit, Soft: softLimit, Hard: hardLimit })),
      Sysctls: sysctls([definition], namespace => !namespace.startsWith('net.')),
      // Read back by the awslogs driver here, also after a crash; rotated, so that a chatty pod does not fill the disk.
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
      RestartPolicy: { Name: 'no' },
    },
  }
}

export function sandboxOptions(
  spec: TaskSpec,
  context: { owner: string; image: string; network: string; cgroupParent: string | undefined },
): ContainerCreateOptions {
  const containers = spec.definition.containerDefinitions
  const hosts = containers.flatMap(({ extraHosts = [] }) => extraHosts.map(({ hostname, ipAddress }) => `${hostname}:${ipAddress}`))
  return {
    name: sandboxName(spec.task.taskArn),
    Image: context.image,
    Labels: labelsOf(spec, SANDBOX, context.owner),
    Hostname: hostname(spec),
    // It heeds no other, and an engine that shuts down would wait for it.
    StopSignal: 'SIGKILL',
    HostConfig: {
      NetworkMode: context.network,
      CgroupParent: context.cgroupParent,
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      Dns: list(containers.flatMap(({ dnsServers = [] }) => dnsServers)),
      DnsSearch: list(containers.flatMap(({ dnsSearchDomains = [] }) => dnsSearchDomains)),
      ExtraHosts: list(hosts),
      Sysctls: sysctls(containers, namespace => namespace.startsWith('net.')),
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
    },
  }
}

/** A tag that names the task's host; on AWS a task's host name is made of its address, and the tag does nothing. */
export const HOSTNAME_TAG = 'zeroplane.dev/hostname'

function hostname({ task }: TaskSpec): string | undefined {
  const wanted = task.tags.find(({ key }) => key === HOSTNAME_TAG)?.value
  return wanted && /^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/.test(wanted) ? wanted : undefined
}

interface Sizes {
  readonly cpu?: number
  readonly memory?: number
  readonly memoryReservation?: number
}

function resources(spec: TaskSpec, definition: ContainerDefinition, override: Sizes | undefined): Partial<HostConfig> {
  const total = taskBytes(spec)
  const hard = override?.memory ?? definition.memory
  const soft = override?.memoryReservation ?? definition.memoryReservation
  const memory = hard === undefined ? total : Math.min(hard * MIB, total ?? Number.POSITIVE_INFINITY)
  const cores = containerCores(spec, definition)
  return {
    CpuShares: Math.max(2, override?.cpu ?? definition.cpu ?? 2),
    CpuPeriod: cores === undefined ? undefined : PERIOD,
    CpuQuota: cores === undefined ? undefined : Math.max(1000, Math.round(cores * PERIOD)),
    Memory: memory,
    MemoryReservation: soft === undefined ? undefined : Math.min(soft * MIB, memory ?? Number.POSITIVE_INFINITY),
    // No swap beyond the limit: a container over its memory is killed, as on AWS, where instances have no swap.
    MemorySwap: memory === undefined ? undefined : memory + (definition.linuxParameters?.maxSwap ?? 0) * MIB,
    MemorySwappiness: undefined,
  }
}

function containerCores(spec: TaskSpec, definition: ContainerDefinition): number | undefined {
  const own = Number(definition.dockerLabels?.[CPU_LIMIT_LABEL])
  const limits = [taskCores(spec), own > 0 ? own / 1024 : undefined].filter(cores => cores !== undefined)
  return limits.length === 0 ? undefined : Math.min(...limits)
}

function healthcheck({ healthCheck }: ContainerDefinition): ContainerCreateOptions['Healthcheck'] {
  // ECS ignores what the image says about health.
  if (!healthCheck) return { Test: ['NONE'] }
  const nano = (seconds: number) => seconds * 1_000_000_000
  const [kind] = healthCheck.command
  return {
    Test: kind === 'CMD' || kind === 'CMD-SHELL' || kind === 'NONE' ? [...healthCheck.command] : ['CMD', ...healthCheck.command],
    Interval: nano(healthCheck.interval ?? 30),
    Timeout: nano(healthCheck.timeout ?? 5),
    Retries: healthCheck.retries ?? 3,
    StartPeriod: nano(healthCheck.startPeriod ?? 0),
  }
}

/** Docker's two ways to say it: a volume as a mount, a path of the host as a bind, since only that one makes a folder that is not there. */
function mounts(spec: TaskSpec, definition: ContainerDefinition, context: SpecContext): Pick<HostConfig, 'Mounts' | 'Binds'> {
  const all = (definition.mountPoints ?? []).map(({ sourceVolume, containerPath, readOnly = false }) => {
    const volume = spec.definition.volumes.find(({ name }) => name === sourceVolume)!
    return { volume, path: hostPath(volume, context.shares), containerPath, readOnly }
  })
  return {
    Mounts: all
      .filter(({ path }) => path === undefined)
      .map(({ volume, containerPath, readOnly }) => ({
        Target: containerPath,
        ReadOnly: readOnly,
        Type: 'volume' as const,
        Source: dockerVolume(spec, volume),
      })),
    Binds: list(
      all
        .filter(({ path }) => path !== undefined)
        .map(({ path, containerPath, readOnly }) => `${path}:${containerPath}${readOnly ? ':ro' : ''}`),
    ),
  }
}

/** Path on the engine's host, for volumes that are not the engine's own. @throws Error when there can be none. */
export function hostPath(volume: Volume, shares: Shares | undefined): string | undefined {
  if (volume.host?.sourcePath) return volume.host.sourcePath
  if (!shares) return undefined
  if (volume.efsVolumeConfiguration) return shares.efs(volume.efsVolumeConfiguration)
  const { type, o = '', device = '' } = volume.dockerVolumeConfiguration?.driverOpts ?? {}
  const server = /(?:^|,)addr=([^,]+)/.exec(o)?.[1]
  return type?.startsWith('nfs') && server ? shares.nfs(server, device.replace(/^[^:]*:/, '')) : undefined
}

/** Made by the engine for this task, and to be removed with it. */
export const isEngines = ({ host, efsVolumeConfiguration }: Volume): boolean => !host?.sourcePath && !efsVolumeConfiguration

/** A shared volume outlives the task; all others are the task's own. */
export const isShared = (volume: Volume): boolean => volume.dockerVolumeConfiguration?.scope === 'shared'

export const dockerVolume = (spec: TaskSpec, volume: Volume): string =>
  isShared(volume) ? volume.name : volumeName(spec.task.taskArn, volume.name)

function tmpfs({ linuxParameters }: ContainerDefinition): Record<string, string> | undefined {
  const mounted = linuxParameters?.tmpfs
  return (
    mounted &&
    Object.fromEntries(
      mounted.map(({ containerPath, size, mountOptions = [] }) => [containerPath, [`size=${size}m`, ...mountOptions].join(',')]),
    )
  )
}

function sysctls(containers: readonly ContainerDefinition[], wanted: (namespace: string) => boolean): Record<string, string> | undefined {
  const all = containers.flatMap(({ systemControls = [] }) => systemControls).filter(({ namespace }) => wanted(namespace))
  return all.length > 0 ? Object.fromEntries(all.map(({ namespace, value }) => [namespace, value])) : undefined
}

const list = <T>(items: readonly T[] | undefined): T[] | undefined => (items && items.length > 0 ? [...items] : undefined)
