// Pods as real containers: the launcher and all controllers on a store in memory, the embedded ECS on a Docker Engine, the agent's own
// image. What kubectl shows of it is in test/e2e; here is what only the machine shows.
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import Docker from 'dockerode'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { agentRoute } from '../../functions/api/agents.ts'
import { createApi } from '../../functions/api/app.ts'
import { nodeListener } from '../../functions/api/node-http.ts'
import { createTasksFunction } from '../../functions/tasks/tasks.ts'
import { type LocalAws, startAws } from '../../localstack/aws/index.ts'
import { ensureImages } from '../../scripts/images/ensure.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import type { Client } from '../../shared/apimachinery/client.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import { awsEcs } from '../../shared/aws/ecs.ts'
import { openCluster } from '../../shared/cluster.ts'
import { PODS } from '../../shared/controllers/collections.ts'
import { controllers } from '../../shared/controllers/index.ts'
import { EventLog } from '../../shared/pipeline/event-recorder.ts'
import { silent } from '../../shared/pipeline/log.ts'
import { type Manager, startManager } from '../../shared/pipeline/manager.ts'
import { podControllers } from '../../shared/pods/controllers.ts'
import type { Ecs, Task } from '../../shared/pods/ecs.ts'
import { ImageLookup } from '../../shared/pods/images/lookup.ts'
import { Registry } from '../../shared/pods/images/registry.ts'
import type { TaskStateChange } from '../../shared/pods/task-event.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import { AccessPointsModel } from '../volumes/access-points-model.ts'
import { settings } from './pod-cluster.ts'

const docker = new Docker()
const available = await docker.ping().then(
  () => process.platform === 'linux',
  () => false,
)
const OWNER = `zeroplane-test-pods-${process.pid}`
const LOG_GROUP = '/zeroplane/pods'

/** A task as its event tells it. */
function detailOf(task: Task): TaskStateChange {
  const time = (at: number | undefined) => (at === undefined ? undefined : new Date(at).toISOString())
  return { ...task, createdAt: time(task.createdAt), startedAt: time(task.startedAt), stoppedAt: time(task.stoppedAt) }
}

/** Waits as long as it takes; the test's own time-out is the limit. */
async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const found = await look()
    if (found) return found
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

describe.skipIf(!available)(`pods on Docker${available ? '' : ' (skipped: no Docker Engine of this Linux machine answers)'}`, () => {
  let aws: LocalAws
  let manager: Manager
  let client: Client
  const servers: Server[] = []

  beforeAll(async () => {
    const { agent } = await ensureImages({ docker, cache: 'node_modules/.cache/zeroplane' })
    aws = await startAws({ port: 0, ecs: { engine: 'docker', cluster: 'zeroplane', nodes: 1, owner: OWNER }, log: () => {} })
    aws.logs.groups.createGroup(LOG_GROUP)
    const { ECSClient } = await import('@aws-sdk/client-ecs')
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
    const sdk = new ECSClient({ endpoint: aws.endpoint, region: 'us-east-1', credentials })
    const ecs: Ecs = awsEcs({ cluster: 'zeroplane', client: sdk })
    const store = new MemoryStore()
    const machinery = openCluster({ store })
    client = clientFor(machinery, SYSTEM, 'test')
    const extraRoutes = [agentRoute({ machinery, ecs: () => ecs, holdSeconds: 20, log: silent })]
    const { handle } = await createApi({ store, extraRoutes })
    const server = createServer(nodeListener(handle))
    await new Promise<void>(resolve => server.listen(0, aws.ecs!.gateway, resolve))
    servers.push(server)
    const apiUrl = `http://${aws.ecs!.gateway}:${(server.address() as AddressInfo).port}`
    const images = new ImageLookup({
      registry: new Registry({ mirror: aws.endpoint, architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' }),
      now: Date.now,
    })
    const services = {
      ecs,
      images,
      accessPoints: async () => new AccessPointsModel([]),
      version: 'v1.36.3',
      settings: { ...settings, agentImage: agent, apiUrl, logGroup: LOG_GROUP, region: 'us-east-1' },
    }
    const all = [...controllers, ...podControllers(() => services)]
    manager = await startManager({ store, client, registry: machinery.registry, controllers: all, log: silent })
    const events = new EventLog({ client, now: Date.now, log: silent }).recorder('kubelet')
    const tasks = createTasksFunction({ contextOf: () => ({ client, events, now: Date.now }) })
    await aws.attach(async () => undefined)
    // EventBridge's part, without its queue: what it delivers is covered elsewhere.
    const poll = setInterval(async () => {
      const stopped = await ecs.describeTasks(await ecs.listTasks({ desiredStatus: 'STOPPED' }))
      for (const task of stopped) await tasks({ detail: detailOf(task) } as never).catch(() => {})
    }, 200)
    servers.push({ close: () => clearInterval(poll) } as unknown as Server)
  }, 120_000)

  afterEach(async () => {
    for (const name of ['web', 'hog']) await client.delete(PODS, 'default', name, { gracePeriodSeconds: 0 })
  })

  afterAll(async () => {
    manager?.stop()
    for (const server of servers) server.close()
    for (const { Id } of await ours())
      await docker
        .getContainer(Id)
        .remove({ force: true })
        .catch(() => {})
    await aws?.close()
  }, 60_000)

  const ours = () => docker.listContainers({ all: true, filters: { label: [`dev.zeroplane.owner=${OWNER}`] } })
  const taskOf = (pod: Pod) => pod.status?.containerStatuses?.[0]?.containerID?.split('/')[2] ?? 'none'
  /** Of the pod's present task: that of an earlier one may still be on its way out. */
  const containerOf = async (name: string) => {
    const task = taskOf((await pod())!)
    return (await ours()).find(({ Names }) => Names.includes(`/ecs-${task}-${name}`))
  }
  const pod = (name = 'web') => client.get<Pod>(PODS, 'default', name)
  const ready = (name = 'web') =>
    until(async () => {
      const found = await pod(name)
      return found?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') && found
    })

  async function create(name: string, spec: object) {
    await until(async () => client.get({ group: '', resource: 'serviceaccounts' }, 'default', 'default'))
    await client.create<Pod>(PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: { terminationGracePeriodSeconds: 2, ...spec },
    } as Pod)
  }

  it('run with no rights at all: another user, no capabilities, a read-only root; and are restarted in place', async () => {
    await create('web', {
      containers: [
        {
          name: 'app',
          image: 'zeroplane/demo:1',
          command: [
            'sh',
            '-c',
            'id -u; touch /x 2>&1; touch /data/mine && echo wrote; test -e /data/again && sleep 60; touch /data/again; exit 5',
          ],
          securityContext: {
            runAsUser: 1000,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
            allowPrivilegeEscalation: false,
          },
          resources: { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '250m', memory: '64Mi' } },
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
          livenessProbe: { exec: { command: ['sh', '-c', 'test "$(id -u)" = 1000'] }, periodSeconds: 1 },
        },
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    })
    await until(async () => (await pod())?.status?.containerStatuses?.[0]?.restartCount === 1)
    const found = await ready()
    expect(found.status?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({ exitCode: 5, reason: 'Error' })
    const { HostConfig, Config } = await docker.getContainer((await containerOf('app'))!.Id).inspect()
    expect(HostConfig).toMatchObject({
      Memory: 64 << 20,
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      CpuQuota: 25_000,
    })
    expect(Config.User).toBe('1000')
    const output = (await docker.getContainer((await containerOf('app'))!.Id).logs({ stdout: true, stderr: true })).toString('latin1')
    expect(output).toMatch(/1000[\s\S]*Read-only file system[\s\S]*wrote/)
  }, 60_000)

  it('that ignore TERM are killed when their grace is over, with all they started', async () => {
    const stubborn = `trap '' TERM; (trap '' TERM; setsid sh -c 'while :; do sleep 1; done') & while :; do sleep 1; done`
    await create('web', { containers: [{ name: 'app', image: 'zeroplane/demo:1', command: ['sh', '-c', stubborn] }] })
    await ready()
    await client.delete(PODS, 'default', 'web', { gracePeriodSeconds: 1 })
    await until(async () => (await pod()) === undefined)
  }, 30_000)

  it('have an agent that stays small', async () => {
    await create('web', { containers: [{ name: 'app', image: 'zeroplane/demo:1' }] })
    await ready()
    const { State } = await docker.getContainer((await containerOf('_agent'))!.Id).inspect()
    // Resident, with the pages of Node's binary that all agents of a machine share: those are two thirds of it.
    const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${State.Pid}/status`, 'utf8')) ?? []
    expect(Number(kilobytes)).toBeLessThan(64 * 1024)
  }, 60_000)

  it('are told to be out of memory by the kernel, on whatever cgroup version this is', async () => {
    await create('hog', {
      restartPolicy: 'Never',
      containers: [
        {
          name: 'app',
          image: 'zeroplane/demo:1',
          command: ['node', '-e', 'const kept = []; for (;;) kept.push(Buffer.alloc(1 << 24, 1))'],
          resources: { limits: { memory: '96Mi' } },
        },
      ],
    })
    const end = await until(async () => (await pod('hog'))?.status?.containerStatuses?.[0]?.state?.terminated)
    expect(end).toMatchObject({ reason: 'OOMKilled', exitCode: 137 })
    expect((await pod('hog'))?.status?.phase).toBe('Failed')
  }, 60_000)

  it.each(['_agent', 'app'])(
    'come back when %s is killed by hand, and leave nothing of the old task',
    async victim => {
      await create('web', { containers: [{ name: 'app', image: 'zeroplane/demo:1' }] })
      const before = await ready()
      await docker.getContainer((await containerOf(victim))!.Id).kill()
      const after = await until(async () => {
        const found = await pod()
        return found?.status?.containerStatuses?.[0]?.restartCount === 1 && found.status.containerStatuses[0].ready && found
      })
      expect(after.metadata.uid).toBe(before.metadata.uid)
      expect(after.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode).toBe(137)
      const task = (containerID = '') => containerID.split('/')[2]!
      const old = task(before.status?.containerStatuses?.[0]?.containerID)
      expect(task(after.status?.containerStatuses?.[0]?.containerID)).not.toBe(old)
      await until(async () => !(await ours()).some(({ Names }) => Names.some(name => name.includes(old))))
    },
    60_000,
  )

  it('are gone when they are deleted, with their volumes', async () => {
    await create('web', { containers: [{ name: 'app', image: 'zeroplane/demo:1' }] })
    const task = taskOf(await ready())
    await client.delete(PODS, 'default', 'web')
    await until(async () => (await pod()) === undefined)
    await until(async () => !(await ours()).some(({ Names }) => Names.some(name => name.includes(task))))
    await until(async () => !(await docker.listVolumes()).Volumes?.some(({ Name }) => Name.includes(task)))
  }, 60_000)
})
