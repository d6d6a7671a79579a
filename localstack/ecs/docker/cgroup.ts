// The task's own limits. ECS knows CPU as the task's total, and Docker limits containers one by one; so a task gets a cgroup of its own, in
// which its containers' cgroups lie, and the limits are written there. That needs the engine's cgroup file system, so it works where the
// engine runs on this Linux machine and we are root; elsewhere each container is limited to the task's total by itself (spec.ts).
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from './engine.ts'

const ROOT = '/sys/fs/cgroup'
const PERIOD = 100_000

export interface TaskLimits {
  /** Cores; fractions allowed. */
  readonly cpu?: number
  /** Bytes. */
  readonly memory?: number
}

export interface TaskCgroups {
  /** For Docker's CgroupParent. Makes the cgroup with its limits. Undefined: cannot be done here. */
  make(taskId: string, limits: TaskLimits): string | undefined
  remove(taskId: string): void
}

export const noCgroups: TaskCgroups = { make: () => undefined, remove: () => {} }

export function taskCgroups(engine: Engine, log: (line: string) => void): TaskCgroups {
  const local = process.platform === 'linux' && process.getuid?.() === 0 && (process.env.DOCKER_HOST ?? 'unix://').startsWith('unix://')
  // systemd owns the tree where it is the driver, and would undo what others write there.
  if (!local || engine.cgroupDriver !== 'cgroupfs') return noCgroups
  const cgroups = engine.cgroupVersion === '2' ? version2 : version1
  return {
    make(taskId, limits) {
      try {
        cgroups.make(taskId, limits)
        return `/${PARENT}/${taskId}`
      } catch (error) {
        log(
          `local ECS: no cgroup for task ${taskId}, its containers are limited one by one: ${error instanceof Error ? error.message : error}`,
        )
        return undefined
      }
    },
    remove(taskId) {
      for (const folder of cgroups.folders(taskId)) removeEmpty(folder)
    },
  }
}

const PARENT = 'zeroplane'

interface Hierarchy {
  make(taskId: string, limits: TaskLimits): void
  folders(taskId: string): string[]
}

const quota = (cpu: number): number => Math.max(1000, Math.round(cpu * PERIOD))

const version1: Hierarchy = {
  make(taskId, { cpu, memory }) {
    const folder = (controller: string) => {
      const path = join(ROOT, controller, PARENT, taskId)
      mkdirSync(path, { recursive: true })
      return path
    }
    if (cpu !== undefined) {
      const path = folder('cpu')
      writeFileSync(join(path, 'cpu.cfs_period_us'), String(PERIOD))
      writeFileSync(join(path, 'cpu.cfs_quota_us'), String(quota(cpu)))
    }
    if (memory !== undefined) writeFileSync(join(folder('memory'), 'memory.limit_in_bytes'), String(memory))
  },
  // The runtime makes one in every hierarchy.
  folders: taskId => readdirSync(ROOT).map(controller => join(ROOT, controller, PARENT, taskId)),
}

const version2: Hierarchy = {
  make(taskId, { cpu, memory }) {
    const parent = join(ROOT, PARENT)
    const path = join(parent, taskId)
    mkdirSync(path, { recursive: true })
    for (const level of [ROOT, parent]) writeFileSync(join(level, 'cgroup.subtree_control'), '+cpu +memory +pids')
    if (cpu !== undefined) writeFileSync(join(path, 'cpu.max'), `${quota(cpu)} ${PERIOD}`)
    if (memory !== undefined) writeFileSync(join(path, 'memory.max'), String(memory))
  },
  folders: taskId => [join(ROOT, PARENT, taskId)],
}

/** Containers' cgroups below are gone by then; the kernel refuses to remove one that is still in use. */
function removeEmpty(folder: string): void {
  if (!existsSync(folder)) return
  try {
    rmdirSync(folder)
  } catch {
    // Still in use: it is empty of limits that matter, and the next start of the same task finds it.
  }
}
