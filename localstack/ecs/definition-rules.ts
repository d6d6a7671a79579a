// What RegisterTaskDefinition refuses. Sources: the API reference and the task definition pages of the ECS developer guide.
import { clientException } from './errors.ts'
import type { ContainerDefinition, TaskDefinition, Volume } from './model.ts'

export type DefinitionInput = Partial<
  Omit<TaskDefinition, 'taskDefinitionArn' | 'revision' | 'status' | 'registeredAt' | 'compatibilities'>
>

const NAME = /^[A-Za-z0-9_-]{1,255}$/
const MAX_CONTAINERS = 10
const MAX_SIZE = 64 * 1024
const SMALLEST_MEMORY = 6

/** CPU units -> memory in MiB: smallest, largest, step. Source: API reference, RegisterTaskDefinition, memory. */
const FARGATE_SIZES: Readonly<Record<number, readonly [low: number, high: number, step: number]>> = {
  512: [1024, 4096, 1024],
  1024: [2048, 8192, 1024],
  2048: [4096, 16_384, 1024],
  4096: [8192, 30_720, 1024],
  8192: [16_384, 61_440, 4096],
  16384: [32_768, 122_880, 8192],
}

export function isFargateSize(cpu: number, memory: number): boolean {
  if (cpu === 256) return [512, 1024, 2048].includes(memory)
  const [low, high, step] = FARGATE_SIZES[cpu] ?? [0, -1, 1]
  return memory >= low && memory <= high && (memory - low) % step === 0
}

/** Task size on the wire: plain units, or "1 vCPU" and "2 GB". Undefined: not a number. */
export function cpuUnits(text: string): number | undefined {
  const [, amount, unit] = text.trim().match(/^(\d*\.?\d+)\s*(vcpu)?$/i) ?? []
  return amount === undefined ? undefined : unit ? Number(amount) * 1024 : Number(amount)
}

export function memoryMiB(text: string): number | undefined {
  const [, amount, unit] = text.trim().match(/^(\d*\.?\d+)\s*(gb)?$/i) ?? []
  return amount === undefined ? undefined : unit ? Number(amount) * 1024 : Number(amount)
}

/** @throws AwsError ClientException */
export function checkDefinition(input: DefinitionInput): void {
  if (!input.family || !NAME.test(input.family)) {
    throw clientException(
      'Family contains invalid characters. Valid characters are letters, numbers, hyphens and underscores, at most 255.',
    )
  }
  const containers = input.containerDefinitions ?? []
  if (containers.length === 0) throw clientException('Container list cannot be empty.')
  if (containers.length > MAX_CONTAINERS) throw clientException(`Too many containers: a task definition has at most ${MAX_CONTAINERS}.`)
  if (JSON.stringify(input).length > MAX_SIZE) throw clientException('Actual length of task definition exceeds max length: 65536.')
  const fargate = input.requiresCompatibilities?.includes('FARGATE') ?? false
  const size = checkSize(input, fargate)
  if (fargate) checkFargate(input)
  const volumes = checkVolumes(input.volumes ?? [])
  for (const container of containers) checkContainer(container, containers, volumes, size.memory !== undefined)
  if (new Set(containers.map(({ name }) => name)).size !== containers.length) {
    throw clientException('Container names must be unique within a task definition.')
  }
  if (!containers.some(({ essential }) => essential !== false)) {
    throw clientException('At least one container must be essential.')
  }
  checkCycles(containers)
  const wanted = containers.reduce((sum, { memory, memoryReservation }) => sum + (memoryReservation ?? memory ?? 0), 0)
  if (size.memory !== undefined && wanted > size.memory) {
    throw clientException("Invalid setting for container memory. The total of all containers' memory must not exceed the task's memory.")
  }
}

function checkSize(input: DefinitionInput, fargate: boolean): { cpu?: number; memory?: number } {
  const cpu = input.cpu === undefined ? undefined : cpuUnits(input.cpu)
  const memory = input.memory === undefined ? undefined : memoryMiB(input.memory)
  if (input.cpu !== undefined && cpu === undefined) throw clientException(`Invalid 'cpu' setting for task: ${input.cpu}`)
  if (input.memory !== undefined && memory === undefined) throw clientException(`Invalid 'memory' setting for task: ${input.memory}`)
  if (!fargate && cpu !== undefined && (cpu < 128 || cpu > 196_608)) {
    throw clientException("Invalid 'cpu' setting for task. The valid range is between 128 CPU units and 196608 CPU units.")
  }
  return { cpu, memory }
}

function checkFargate(input: DefinitionInput): void {
  if (input.networkMode !== 'awsvpc') throw clientException("Fargate only supports network mode 'awsvpc'.")
  if (input.cpu === undefined) throw clientException("Fargate requires that 'cpu' be defined at the task level.")
  if (input.memory === undefined) throw clientException("Fargate requires that 'memory' be defined at the task level.")
  if (!isFargateSize(cpuUnits(input.cpu)!, memoryMiB(input.memory)!)) {
    throw clientException(
      `No Fargate configuration exists for given values: ${input.cpu} CPU, ${input.memory} memory. See the Amazon ECS documentation for the valid values.`,
    )
  }
  if (input.pidMode !== undefined && input.pidMode !== 'task') throw clientException("Fargate only supports pidMode 'task'.")
  if (input.ipcMode) throw clientException('ipcMode is not supported on Fargate.')
  if (input.placementConstraints?.length) throw clientException('Placement constraints are not supported on Fargate.')
  const storage = input.ephemeralStorage?.sizeInGiB
  if (storage !== undefined && (storage < 21 || storage > 200))
    throw clientException('ephemeralStorage.sizeInGiB must be between 21 and 200.')
  for (const { host, dockerVolumeConfiguration, name } of input.volumes ?? []) {
    if (host?.sourcePath) throw clientException(`Fargate compatible task definitions do not support sourcePath: volume ${name}.`)
    if (dockerVolumeConfiguration)
      throw clientException(`Fargate compatible task definitions do not support Docker volumes: volume ${name}.`)
  }
  for (const container of input.containerDefinitions ?? []) checkFargateContainer(container, input)
}

function checkFargateContainer(container: ContainerDefinition, input: DefinitionInput): void {
  const refused: Readonly<Record<string, unknown>> = {
    privileged: container.privileged || undefined,
    dnsServers: container.dnsServers?.length || undefined,
    dnsSearchDomains: container.dnsSearchDomains?.length || undefined,
    extraHosts: container.extraHosts?.length || undefined,
    dockerSecurityOptions: container.dockerSecurityOptions?.length || undefined,
    hostname: container.hostname,
    devices: container.linuxParameters?.devices?.length || undefined,
    sharedMemorySize: container.linuxParameters?.sharedMemorySize,
    maxSwap: container.linuxParameters?.maxSwap,
    swappiness: container.linuxParameters?.swappiness,
    tmpfs: container.linuxParameters?.tmpfs?.length || undefined,
  }
  const name = Object.keys(refused).find(key => refused[key] !== undefined)
  if (name) throw clientException(`Fargate compatible task definitions do not support ${name}: container ${container.name}.`)
  const added = container.linuxParameters?.capabilities?.add?.find(capability => capability !== 'SYS_PTRACE')
  if (added) throw clientException(`Fargate does not support adding the capability ${added}: container ${container.name}.`)
  const driver = container.logConfiguration?.logDriver
  if (driver && !['awslogs', 'splunk', 'awsfirelens'].includes(driver))
    throw clientException(`Fargate does not support log driver ${driver}.`)
  if (driver === 'awslogs' && !input.executionRoleArn) {
    throw clientException('Fargate requires task definition to have execution role ARN to support log driver awslogs.')
  }
  for (const timeout of [container.startTimeout, container.stopTimeout]) {
    if (timeout !== undefined && (timeout < 2 || timeout > 120)) {
      throw clientException(`Timeouts must be between 2 and 120 seconds on Fargate: container ${container.name}.`)
    }
  }
}

function checkVolumes(volumes: readonly Volume[]): ReadonlySet<string> {
  const names = new Set<string>()
  for (const { name } of volumes) {
    if (!NAME.test(name ?? '')) throw clientException(`Volume name ${name} is not valid.`)
    if (names.has(name)) throw clientException(`Duplicate volume name ${name}.`)
    names.add(name)
  }
  return names
}

function checkContainer(
  container: ContainerDefinition,
  all: readonly ContainerDefinition[],
  volumes: ReadonlySet<string>,
  taskMemory: boolean,
): void {
  const { name, memory, memoryReservation } = container
  if (!NAME.test(name ?? '')) throw clientException(`Container.name contains invalid characters or is longer than 255: ${name}`)
  if (!container.image) throw clientException('Container.image should not be null or empty.')
  if (/[\s]/.test(container.image) || container.image.length > 255) throw clientException('Container.image contains invalid characters.')
  if (memory === undefined && memoryReservation === undefined && !taskMemory) {
    throw clientException(`Invalid setting for container '${name}'. At least one of 'memory' or 'memoryReservation' must be specified.`)
  }
  for (const amount of [memory, memoryReservation]) {
    if (amount !== undefined && (!Number.isInteger(amount) || amount < SMALLEST_MEMORY)) {
      throw clientException(`Invalid setting for container '${name}'. The minimum valid memory is ${SMALLEST_MEMORY} MiB.`)
    }
  }
  if (memory !== undefined && memoryReservation !== undefined && memoryReservation > memory) {
    throw clientException(`Invalid setting for container '${name}'. The 'memoryReservation' must be less than the 'memory' setting.`)
  }
  for (const { sourceVolume, containerPath } of container.mountPoints ?? []) {
    if (!volumes.has(sourceVolume)) throw clientException(`Unknown volume '${sourceVolume}'.`)
    if (!containerPath?.startsWith('/')) throw clientException(`Container path ${containerPath} of container ${name} is not absolute.`)
  }
  for (const { sourceContainer } of container.volumesFrom ?? []) {
    if (!all.some(other => other.name === sourceContainer)) throw clientException(`Unknown container '${sourceContainer}' in volumesFrom.`)
  }
  for (const { containerName, condition } of container.dependsOn ?? []) {
    const other = all.find(one => one.name === containerName)
    if (!other || containerName === name)
      throw clientException(`Container '${name}' depends on '${containerName}', which is no other container of the task definition.`)
    if ((condition === 'COMPLETE' || condition === 'SUCCESS') && other.essential !== false) {
      throw clientException(`A dependency with condition ${condition} cannot be an essential container: '${containerName}'.`)
    }
    if (condition === 'HEALTHY' && !other.healthCheck)
      throw clientException(`The dependency '${containerName}' has condition HEALTHY and no health check.`)
    if (!['START', 'COMPLETE', 'SUCCESS', 'HEALTHY'].includes(condition)) throw clientException(`Invalid condition ${condition as string}.`)
  }
}

function checkCycles(containers: readonly ContainerDefinition[]): void {
  const done = new Set<string>()
  const path = new Set<string>()
  const visit = (name: string): void => {
    if (done.has(name)) return
    if (path.has(name)) throw clientException('Dependency cycle between containers.')
    path.add(name)
    for (const { containerName } of containers.find(one => one.name === name)?.dependsOn ?? []) visit(containerName)
    path.delete(name)
    done.add(name)
  }
  for (const { name } of containers) visit(name)
}
