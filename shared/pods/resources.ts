// Requests and limits in ECS's units, and the task size that covers them.
import type { Container, Pod } from '../api/core/v1.ts'
import { quantityMilliValue, quantityValue } from '../apimachinery/quantity.ts'
import { podContainers } from './containers.ts'

const MIB = 1024 * 1024
/** MiB. ECS takes no less. */
const LEAST_MEMORY = 6

/** What the agent and setup are counted with, MiB: the part of the agent's memory that is not shared with other agents of a machine. */
export const AGENT_RESERVATION = 12
export const SETUP_RESERVATION = LEAST_MEMORY
/** MiB. The agent itself stays below 64; what is above is for a pod that makes it work. */
export const AGENT_LIMIT = 128

export interface Amounts {
  /** CPU units, 1024 a core. */
  readonly cpu: number
  /** MiB. */
  readonly memory: number
}

const cpuUnits = (quantity: string | number | undefined) =>
  quantity === undefined ? undefined : Math.ceil((quantityMilliValue(quantity) * 1024) / 1000)
const mebibytes = (quantity: string | number | undefined) => (quantity === undefined ? undefined : Math.ceil(quantityValue(quantity) / MIB))

export function requestsOf({ resources }: Container): Amounts {
  const { requests = {}, limits = {} } = resources ?? {}
  return { cpu: cpuUnits(requests.cpu ?? limits.cpu) ?? 0, memory: mebibytes(requests.memory ?? limits.memory) ?? 0 }
}

export interface ContainerResources {
  readonly cpu?: number
  readonly memory?: number
  readonly memoryReservation: number
  /** CPU units that the container may not exceed, where something enforces it (ECS itself does not). */
  readonly cpuLimit?: number
}

/** An init container reserves nothing: while it runs the apps do not, and their share is there. */
export function containerResources(container: Container, counts: boolean, taskMemory?: number): ContainerResources {
  const requests = requestsOf(container)
  const { limits = {} } = container.resources ?? {}
  const memoryReservation = Math.max(LEAST_MEMORY, counts ? requests.memory : 0)
  const limit = mebibytes(limits.memory)
  // ECS wants the hard limit above the soft one and within the task.
  const memory = limit === undefined ? undefined : Math.max(memoryReservation + 1, Math.min(limit, taskMemory ?? limit))
  return {
    cpu: counts && requests.cpu > 0 ? requests.cpu : undefined,
    memory,
    memoryReservation,
    cpuLimit: cpuUnits(limits.cpu),
  }
}

/** What the pod needs at its fullest: init containers one after another with the sidecars before them, or all apps with all sidecars. */
export function podRequests(pod: Pick<Pod, 'spec'>): Amounts {
  let sidecars: Amounts = { cpu: 0, memory: 0 }
  let apps: Amounts = { cpu: 0, memory: 0 }
  let most: Amounts = { cpu: 0, memory: 0 }
  for (const { container, role } of podContainers(pod)) {
    const own = requestsOf(container)
    if (role === 'app') apps = sum(apps, own)
    else {
      most = max(most, sum(sidecars, own))
      if (role === 'sidecar') sidecars = sum(sidecars, own)
    }
  }
  const total = max(most, sum(apps, sidecars))
  const { cpu, memory } = pod.spec.overhead ?? {}
  return sum(total, { cpu: cpuUnits(cpu) ?? 0, memory: mebibytes(memory) ?? 0 })
}

const sum = (a: Amounts, b: Amounts): Amounts => ({ cpu: a.cpu + b.cpu, memory: a.memory + b.memory })
const max = (a: Amounts, b: Amounts): Amounts => ({ cpu: Math.max(a.cpu, b.cpu), memory: Math.max(a.memory, b.memory) })

/** CPU units -> memory in MiB that Fargate takes with them. Source: ECS API reference, RegisterTaskDefinition, memory. */
const FARGATE_SIZES: readonly [cpu: number, memory: readonly number[]][] = [
  [256, [512, 1024, 2048]],
  [512, steps(1024, 4096, 1024)],
  [1024, steps(2048, 8192, 1024)],
  [2048, steps(4096, 16384, 1024)],
  [4096, steps(8192, 30720, 1024)],
  [8192, steps(16384, 61440, 4096)],
  [16384, steps(32768, 122880, 8192)],
]

function steps(from: number, to: number, by: number): number[] {
  return Array.from({ length: (to - from) / by + 1 }, (_, n) => from + n * by)
}

/** The smallest legal size that covers it; undefined when Fargate has none so large. */
export function fargateSize({ cpu, memory }: Amounts): Amounts | undefined {
  for (const [units, memories] of FARGATE_SIZES) {
    if (units < cpu) continue
    const enough = memories.find(mebibytes => mebibytes >= memory)
    if (enough !== undefined) return { cpu: units, memory: enough }
  }
  return undefined
}
