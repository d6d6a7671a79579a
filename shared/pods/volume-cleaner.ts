// Empties what nobody will mount again. Only a task can reach a file system: one runs that removes the folder, and nothing else.
import { createHash } from 'node:crypto'
import type { VolumeCleaner } from '../controllers/efsprovisioner.ts'
import { type Ecs, EcsError, LaunchFailure, type Task, type TaskDefinition } from './ecs.ts'
import { fargateSize, SETUP_RESERVATION } from './resources.ts'
import type { PodSettings } from './settings.ts'

const CONTAINER = 'remove'
const MOUNTED = '/volume'
/** RunTask gives the same task for the same token for a day: after so long a failed one is tried again. */
const RETRY_MS = 300_000

export interface VolumeCleanerOptions {
  readonly ecs: Ecs
  readonly settings: PodSettings
  readonly now: () => number
}

export function volumeCleaner({ ecs, settings, now }: VolumeCleanerOptions): VolumeCleaner {
  return {
    async remove(fileSystemId, path, job) {
      if (path.split('/').length < 3) throw new Error(`${path} is too near the root of ${fileSystemId} to be removed`)
      const tasks = await ecs.describeTasks([
        ...(await ecs.listTasks({ startedBy: job })),
        ...(await ecs.listTasks({ startedBy: job, desiredStatus: 'STOPPED' })),
      ])
      if (tasks.some(isDone)) return true
      const failed = tasks.filter(({ lastStatus }) => lastStatus === 'STOPPED')
      if (failed.length < tasks.length) return false
      const last = failed.sort((a, b) => (b.createdAt ?? 0) - (a.createdAt ?? 0))[0]
      if (last && now() - (last.createdAt ?? 0) < RETRY_MS) throw new Error(`the folder ${path} could not be removed: ${reasonOf(last)}`)
      try {
        await start(fileSystemId, path, job)
      } catch (error) {
        if (error instanceof EcsError || error instanceof LaunchFailure)
          throw new Error(`no task to remove the folder ${path} could be started: ${error.message}`)
        throw error
      }
      return false
    },
  }

  async function start(fileSystemId: string, path: string, job: string) {
    const definition = definitionFor(fileSystemId, settings)
    const taskDefinition = (await ecs.findTaskDefinition(definition.family)) ?? (await ecs.registerTaskDefinition(definition))
    const launch = {
      taskDefinition,
      startedBy: job,
      group: `volume/${settings.cluster}`,
      overrides: [{ name: CONTAINER, command: [`${MOUNTED}${path}`] }],
      subnets: settings.subnets.map(({ id }) => id),
      securityGroups: settings.securityGroups,
    }
    if (!settings.containerInstances) {
      await ecs.runTask({
        ...launch,
        clientToken: `${job}-${Math.floor(now() / RETRY_MS)}`,
        capacityProvider: settings.fargate.providers[0] ?? 'FARGATE',
        assignPublicIp: true,
      })
      return
    }
    const instances = (await ecs.containerInstances()).filter(({ status, agentConnected }) => status === 'ACTIVE' && agentConnected)
    if (instances.length === 0) throw new LaunchFailure('no container instance is active')
    await ecs.startTask({ ...launch, containerInstance: instances[0]!.arn })
  }
}

const isDone = ({ lastStatus, containers }: Task) =>
  lastStatus === 'STOPPED' && containers.some(({ name, exitCode }) => name === CONTAINER && exitCode === 0)

const reasonOf = ({ containers, stoppedReason }: Task) => {
  const container = containers.find(({ name }) => name === CONTAINER)
  return container?.reason ?? stoppedReason ?? `its task ended with exit code ${container?.exitCode}`
}

/** One for all folders of a file system: which one is told in the override. */
function definitionFor(fileSystemId: string, settings: PodSettings): TaskDefinition {
  const size = settings.containerInstances ? undefined : fargateSize({ cpu: 0, memory: 0 })
  const definition: Omit<TaskDefinition, 'family'> = {
    compatibility: settings.containerInstances ? 'EC2' : 'FARGATE',
    cpu: size?.cpu,
    memory: size?.memory,
    architecture: settings.containerInstances ? undefined : settings.fargate.architecture === 'arm64' ? 'ARM64' : 'X86_64',
    taskRoleArn: settings.taskRoleArn,
    executionRoleArn: settings.executionRoleArn,
    volumes: [{ name: 'volume', efs: { fileSystemId, rootDirectory: '/' } }],
    containers: [
      {
        name: CONTAINER,
        image: settings.agentImage,
        essential: true,
        entryPoint: ['/bin/busybox', 'rm', '-rf'],
        user: '0',
        memoryReservation: SETUP_RESERVATION,
        mountPoints: [{ sourceVolume: 'volume', containerPath: MOUNTED }],
        logConfiguration: {
          logDriver: 'awslogs',
          options: {
            'awslogs-group': settings.logGroup,
            'awslogs-region': settings.region,
            'awslogs-stream-prefix': 'volume',
          },
        },
      },
    ],
  }
  const hash = createHash('sha256').update(JSON.stringify(definition)).digest('hex').slice(0, 32)
  return { family: `zeroplane-${hash}`, ...definition }
}
