// Pod -> task definition. Only what pods of one template share goes in: no environment, no command, no name, so that one definition
// serves all replicas and no secret stands in it. Its family is the hash of what it says.
import { createHash } from 'node:crypto'
import type { Container, Pod } from '../api/core/v1.ts'
import { canonical } from '../controllers/equality.ts'
import { AGENT_ENV, agentPath, HOLDER_PATH, type ImageDefaults } from './agent-protocol.ts'
import { type PodContainer, podContainers } from './containers.ts'
import type { ContainerDefinition, TaskDefinition } from './ecs.ts'
import type { ResolvedImage } from './images/lookup.ts'
import type { TaskMounts } from './mounts.ts'
import {
  AGENT_LIMIT,
  AGENT_RESERVATION,
  type Amounts,
  containerResources,
  fargateSize,
  podRequests,
  SETUP_RESERVATION,
} from './resources.ts'
import { LOG_STREAM_PREFIX, type PodSettings } from './settings.ts'
import { AGENT, SETUP } from './status.ts'

/** Fargate's longest. Not the pod's grace: that one the agent keeps, and ECS only has to wait long enough. */
const STOP_TIMEOUT = 120
/** Where containers run on a Docker Engine of ours, this is enforced; on AWS it is only a label. */
const CPU_LIMIT_LABEL = 'dev.zeroplane.cpu-limit'
/** setup, agent, and ECS's own limit of ten. */
export const MOST_CONTAINERS = 8

/** ECS cannot run this pod on this kind of node. The message says what is in the way. */
export class UnfitError extends Error {
  override readonly name = 'UnfitError'
}

const ARCHITECTURES = { amd64: 'X86_64', arm64: 'ARM64' } as const

/** Not the name of any volume of the pod's (mounts.ts). */
const holderVolume = (container: string) => `holder-${container}`

/** @throws UnfitError */
export function taskDefinition(
  pod: Pod,
  images: ReadonlyMap<string, ResolvedImage>,
  mounts: TaskMounts,
  settings: PodSettings,
): TaskDefinition {
  const containers = podContainers(pod)
  if (containers.length > MOST_CONTAINERS)
    throw new UnfitError(`a pod has at most ${MOST_CONTAINERS} containers here; this one has ${containers.length}`)
  if (pod.spec.hostNetwork || pod.spec.hostPID || pod.spec.hostIPC)
    throw new UnfitError('hostNetwork, hostPID and hostIPC are not supported')
  const size = settings.containerInstances ? undefined : sizeOf(pod)
  const definition = {
    compatibility: settings.containerInstances ? ('EC2' as const) : ('FARGATE' as const),
    cpu: size?.cpu,
    memory: size?.memory,
    architecture: settings.containerInstances ? undefined : ARCHITECTURES[settings.fargate.architecture],
    taskRoleArn: settings.taskRoleArn,
    executionRoleArn: settings.executionRoleArn,
    pidMode: pod.spec.shareProcessNamespace ? ('task' as const) : undefined,
    volumes: [...containers.map(({ container }) => ({ name: holderVolume(container.name) })), ...mounts.volumes],
    containers: [
      setup(pod, containers, mounts, settings),
      agent(containers, images, mounts, settings),
      ...containers.map(entry => app(pod, entry, images, mounts, settings, size)),
    ],
  }
  const hash = createHash('sha256').update(canonical(definition)).digest('hex').slice(0, 32)
  return { family: `zeroplane-${hash}`, ...definition }
}

function sizeOf(pod: Pod): Amounts {
  const wanted = podRequests(pod)
  const size = fargateSize({ cpu: wanted.cpu, memory: wanted.memory + AGENT_LIMIT })
  if (!size) throw new UnfitError(`Fargate has no size for ${wanted.cpu / 1024} vCPU and ${wanted.memory} MiB`)
  return size
}

function logs(settings: PodSettings): ContainerDefinition['logConfiguration'] {
  return {
    logDriver: 'awslogs',
    options: { 'awslogs-group': settings.logGroup, 'awslogs-region': settings.region, 'awslogs-stream-prefix': LOG_STREAM_PREFIX },
  }
}

/** The agent's and setup's mounts: every holder's volume, and what of the pod's volumes they prepare. */
const allMounts = (containers: readonly PodContainer[], { prepared }: TaskMounts) => [
  ...containers.map(({ container }) => ({ sourceVolume: holderVolume(container.name), containerPath: agentPath(container.name) })),
  ...prepared,
]

function setup(pod: Pod, containers: readonly PodContainer[], mounts: TaskMounts, settings: PodSettings): ContainerDefinition {
  const group = pod.spec.securityContext?.fsGroup
  return {
    name: SETUP,
    image: settings.agentImage,
    essential: false,
    entryPoint: ['/bin/busybox', 'sh', '/zeroplane/setup.sh'],
    command: [
      group === undefined ? '-' : String(group),
      ...mounts.checks.flatMap(({ volume, type, path, place }) => [volume, type, path, place]),
    ],
    user: '0',
    memoryReservation: SETUP_RESERVATION,
    mountPoints: [...allMounts(containers, mounts), ...mounts.checks.map(({ mount }) => mount)],
    logConfiguration: logs(settings),
  }
}

function agent(
  containers: readonly PodContainer[],
  images: ReadonlyMap<string, ResolvedImage>,
  mounts: TaskMounts,
  settings: PodSettings,
): ContainerDefinition {
  const defaults = Object.fromEntries(
    containers.map(({ container }) => [container.name, defaultsOf(images.get(container.name)!, settings)]),
  )
  return {
    name: AGENT,
    image: settings.agentImage,
    essential: true,
    environment: {
      [AGENT_ENV.url]: settings.apiUrl,
      ...(settings.apiCa === undefined ? {} : { [AGENT_ENV.ca]: settings.apiCa }),
      [AGENT_ENV.images]: JSON.stringify(defaults),
    },
    user: '0',
    memory: AGENT_LIMIT,
    memoryReservation: AGENT_RESERVATION,
    // Its root is not read-only: /etc/resolv.conf and /etc/hosts, which all containers of a task share, would be, too.
    mountPoints: allMounts(containers, mounts),
    stopTimeout: STOP_TIMEOUT,
    logConfiguration: logs(settings),
  }
}

function defaultsOf({ config }: ResolvedImage, { imagesPresent }: PodSettings): ImageDefaults {
  return {
    entrypoint: config.Entrypoint ?? undefined,
    cmd: config.Cmd ?? undefined,
    stopSignal: config.StopSignal || undefined,
    ports: exposedPorts(config.ExposedPorts),
    present: imagesPresent || undefined,
  }
}

/** {"80/tcp": {}} -> [80] */
function exposedPorts(exposed: object | null | undefined): number[] | undefined {
  const ports = Object.keys(exposed ?? {})
    .map(port => Number.parseInt(port, 10))
    .filter(port => port > 0)
  return ports.length === 0 ? undefined : [...new Set(ports)]
}

function app(
  pod: Pod,
  { container, role }: PodContainer,
  images: ReadonlyMap<string, ResolvedImage>,
  mounts: TaskMounts,
  settings: PodSettings,
  size: Amounts | undefined,
): ContainerDefinition {
  const { cpuLimit, ...resources } = containerResources(container, role !== 'init', size?.memory)
  return {
    name: container.name,
    image: images.get(container.name)!.pinned,
    // A container that ends leaves the pod to its policy, not to ECS.
    essential: false,
    entryPoint: [`${HOLDER_PATH}/busybox`, 'sh', `${HOLDER_PATH}/holder`],
    workingDirectory: container.workingDir || undefined,
    ...resources,
    ...security(pod, container, images.get(container.name)!, settings),
    mountPoints: [
      { sourceVolume: holderVolume(container.name), containerPath: HOLDER_PATH },
      ...(mounts.containers.get(container.name) ?? []),
    ],
    // The holder and its fifos are there when setup has ended.
    dependsOn: [{ containerName: SETUP, condition: 'SUCCESS' }],
    stopTimeout: STOP_TIMEOUT,
    systemControls: pod.spec.securityContext?.sysctls?.map(({ name, value }) => ({ namespace: name, value })),
    logConfiguration: logs(settings),
    dockerLabels: cpuLimit === undefined ? undefined : { [CPU_LIMIT_LABEL]: String(cpuLimit) },
  }
}

/** What Fargate lets a task add; containers have Docker's own set to begin with. */
const FARGATE_CAPABILITIES = ['SYS_PTRACE']

function security(pod: Pod, container: Container, image: ResolvedImage, { containerInstances }: PodSettings): Partial<ContainerDefinition> {
  const own = container.securityContext ?? {}
  const add = own.capabilities?.add?.map(capability)
  const drop = own.capabilities?.drop?.map(capability)
  if (!containerInstances) {
    const refused = add?.filter(name => !FARGATE_CAPABILITIES.includes(name)) ?? []
    if (refused.length > 0) throw new UnfitError(`Fargate does not add capabilities ${refused.join(', ')} (container ${container.name})`)
    if (own.privileged) throw new UnfitError(`Fargate runs no privileged containers (container ${container.name})`)
  }
  return {
    user: userOf(pod, container, image),
    readonlyRootFilesystem: own.readOnlyRootFilesystem || undefined,
    privileged: own.privileged || undefined,
    addCapabilities: add?.length ? add : undefined,
    dropCapabilities: drop?.length ? drop : undefined,
    dockerSecurityOptions: containerInstances && own.allowPrivilegeEscalation === false ? ['no-new-privileges'] : undefined,
  }
}

/**
 * "user:group". ECS knows no supplementary groups, so whoever is not root has the pod's fsGroup as its group, unless it asks for
 * another: otherwise it could not read what is the group's alone.
 */
function userOf({ spec }: Pod, { securityContext: own = {} }: Container, { config }: ResolvedImage): string | undefined {
  const shared = spec.securityContext ?? {}
  const user = own.runAsUser ?? shared.runAsUser
  const imageUser = config.User?.split(':')[0] || '0'
  const isRoot = user === undefined ? imageUser === '0' || imageUser === 'root' : user === 0
  const group = own.runAsGroup ?? shared.runAsGroup ?? (isRoot ? undefined : shared.fsGroup)
  if (group === undefined) return user?.toString()
  return `${user ?? imageUser}:${group}`
}

const capability = (name: string) => name.toUpperCase().replace(/^CAP_/, '')

/** Why a container that must not run as root would, in kubelet's words; undefined when it would not. */
export function rootProblem(pod: Pod, container: Container, { config }: ResolvedImage): string | undefined {
  const own = container.securityContext ?? {}
  const shared = pod.spec.securityContext ?? {}
  if (!(own.runAsNonRoot ?? shared.runAsNonRoot)) return undefined
  const about = `(pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})", container: ${container.name})`
  const user = own.runAsUser ?? shared.runAsUser
  if (user !== undefined) return user === 0 ? `container's runAsUser breaks non-root policy ${about}` : undefined
  const imageUser = (config.User ?? '').split(':')[0]!
  if (imageUser === '' || imageUser === '0' || imageUser === 'root') return `container has runAsNonRoot and image will run as root ${about}`
  return /^\d+$/.test(imageUser)
    ? undefined
    : `container has runAsNonRoot and image has non-numeric user (${imageUser}), cannot verify user is non-root ${about}`
}
