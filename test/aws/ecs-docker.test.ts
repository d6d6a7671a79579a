// What only a real engine can show: namespaces, volumes, limits in the kernel's own files, output, crashes of this program.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  DescribeContainerInstancesCommand,
  DescribeTasksCommand,
  ECSClient,
  ListContainerInstancesCommand,
  ListTasksCommand,
  RunTaskCommand,
  StopTaskCommand,
} from '@aws-sdk/client-ecs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startAws } from '../../localstack/aws/index.ts'
import { taskIdOf } from '../../localstack/ecs/model.ts'
import { BUSYBOX, docker, dockerProblem } from './docker.ts'
import { CLUSTER, type EcsKit, ecsKit, NETWORK, type TaskEvent } from './ecs-kit.ts'
import { eventually } from './kit.ts'

const problem = await dockerProblem()

const sh = (script: string) => ({
  command: ['/busybox', 'sh', '-c', script.replace(/\b(sleep|cat|id|wget|nc|httpd|touch|grep|dd|head|tail)\b/g, '/busybox $1')],
})
const AWSLOGS = {
  logDriver: 'awslogs' as const,
  options: { 'awslogs-group': '/test', 'awslogs-stream-prefix': 'p', 'awslogs-create-group': 'true' },
}

test('without an engine, one line says what to do', async () => {
  const before = process.env.DOCKER_HOST
  process.env.DOCKER_HOST = 'unix:///nowhere/docker.sock'
  try {
    await expect(startAws({ port: 0, ecs: { engine: 'docker', nodes: 1 } })).rejects.toThrow(
      /^No Docker Engine answers at unix:\/\/\/nowhere\/docker\.sock .*Install and start Docker.*--ecs simulated\.$/,
    )
  } finally {
    if (before === undefined) delete process.env.DOCKER_HOST
    else process.env.DOCKER_HOST = before
  }
})

describe.skipIf(problem !== undefined)('ECS on Docker', () => {
  let kit: EcsKit

  beforeAll(async () => {
    kit = await ecsKit({ engine: 'docker', nodes: 2 }, BUSYBOX)
  })
  afterAll(() => kit?.close())

  /** Runs a task to its end. Answers the last event, and what each container wrote. */
  async function finish(
    containers: Parameters<EcsKit['define']>[0],
    rest?: Parameters<EcsKit['define']>[1],
  ): Promise<{ end: TaskEvent['detail']; output(name: string): string[] }> {
    const task = await kit.run(
      await kit.define(
        containers.map(container => ({ logConfiguration: AWSLOGS, ...container })),
        rest,
      ),
    )
    const { detail } = await kit.event(task, 'STOPPED')
    const streams = kit.started.aws.logs.groups.group('/test').streams
    return {
      end: detail,
      output: name => [...(streams.get(`p/${name}/${taskIdOf(task)}`)?.forward(0) ?? [])].map(({ message }) => message),
    }
  }

  test('containers of a task share the network and the volumes, and nothing else', async () => {
    const { end, output } = await finish(
      [
        {
          name: 'server',
          essential: false,
          ...sh('cat /proc/sys/kernel/hostname > /v/name; echo from server > /v/x; nc -l -p 8080 -e /busybox echo hello'),
          mountPoints: [{ sourceVolume: 'v', containerPath: '/v' }],
        },
        {
          name: 'client',
          ...sh(
            'until [ -s /v/x ]; do sleep 0.05; done; cat /v/x; until nc 127.0.0.1 8080; do sleep 0.05; done; touch /v/y 2>&1 || echo read-only; [ -d /proc/2 ] || echo alone',
          ),
          mountPoints: [{ sourceVolume: 'v', containerPath: '/v', readOnly: true }],
          dependsOn: [{ containerName: 'server', condition: 'START' }],
        },
      ],
      { volumes: [{ name: 'v' }] },
    )
    expect(end.containers.find(({ name }) => name === 'client')?.exitCode).toBe(0)
    const lines = output('client')
    expect(lines.slice(0, 2)).toEqual(['from server', 'hello'])
    expect(lines).toContain('read-only')
    const volumes = await docker.listVolumes({ filters: { label: [`com.amazonaws.ecs.task-arn=${end.taskArn}`] } })
    expect(volumes.Volumes ?? []).toEqual([])
  })

  test('user, working directory, read-only root, capabilities, environment and entry point are honoured', async () => {
    const { output } = await finish([
      {
        name: 'app',
        entryPoint: ['/busybox', 'sh', '-c'],
        command: [
          '/busybox id -u; /busybox id -g; pwd; /busybox touch /x 2>/dev/null || echo read-only; /busybox grep CapBnd /proc/self/status; echo $A $B',
        ],
        user: '1000:2000',
        workingDirectory: '/tmp',
        readonlyRootFilesystem: true,
        linuxParameters: { capabilities: { drop: ['ALL'] } },
        environment: [
          { name: 'A', value: '1' },
          { name: 'B', value: '2 3' },
        ],
      },
    ])
    expect(output('app')).toEqual(['1000', '2000', '/tmp', 'read-only', 'CapBnd:\t0000000000000000', '1 2 3'])
  })

  test('overrides replace the command and add to the environment', async () => {
    const definition = await kit.define([
      {
        name: 'app',
        ...sh('exit 1'),
        environment: [
          { name: 'A', value: 'old' },
          { name: 'B', value: 'kept' },
        ],
        logConfiguration: AWSLOGS,
      },
    ])
    const task = await kit.run(definition, {
      overrides: { containerOverrides: [{ name: 'app', ...sh('echo $A $B; exit 5'), environment: [{ name: 'A', value: 'new' }] }] },
    })
    const { detail } = await kit.event(task, 'STOPPED')
    expect(detail.containers[0]?.exitCode).toBe(5)
    const stream = kit.started.aws.logs.groups.group('/test').streams.get(`p/app/${taskIdOf(task)}`)!
    expect([...stream.forward(0)].map(({ message }) => message)).toEqual(['new kept'])
  })

  test('the host name is the one that the tag says, in every container', async () => {
    const definition = await kit.define([{ name: 'app', ...sh('/busybox hostname'), logConfiguration: AWSLOGS }])
    const task = await kit.run(definition, { tags: [{ key: 'zeroplane.dev/hostname', value: 'web-0' }] })
    await kit.event(task, 'STOPPED')
    const stream = kit.started.aws.logs.groups.group('/test').streams.get(`p/app/${taskIdOf(task)}`)!
    expect([...stream.forward(0)].map(({ message }) => message)).toEqual(['web-0'])
  })

  test('the kernel ends a container that takes more memory than it may have, and ECS says so', async () => {
    const { end } = await finish([{ name: 'app', memory: 16, ...sh('exec tail /dev/zero') }])
    expect(end.containers[0]).toMatchObject({ exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' })
  })

  test("the task's CPU and memory, and a container's own, are limits in the kernel", async () => {
    const definition = await kit.define(
      [
        { name: 'limited', memory: 64, cpu: 256, dockerLabels: { 'dev.zeroplane.cpu-limit': '256' }, ...sh('exec sleep 1000') },
        { name: 'free', memory: undefined, cpu: 512, ...sh('exec sleep 1000') },
      ],
      { cpu: '512', memory: '128' },
    )
    const task = await kit.run(definition)
    await kit.event(task, 'RUNNING')
    const inspect = (name: string) => docker.getContainer(`ecs-${taskIdOf(task)}-${name}`).inspect()
    const [limited, free] = await Promise.all([inspect('limited'), inspect('free')])
    const MIB = 1024 * 1024
    expect(limited.HostConfig).toMatchObject({
      CpuShares: 256,
      CpuPeriod: 100_000,
      CpuQuota: 25_000,
      Memory: 64 * MIB,
      MemorySwap: 64 * MIB,
    })
    expect(free.HostConfig).toMatchObject({ CpuShares: 512, CpuPeriod: 100_000, CpuQuota: 50_000, Memory: 128 * MIB })
    const version2 = existsSync('/sys/fs/cgroup/cgroup.controllers')
    const parent = limited.HostConfig.CgroupParent
    if (parent) {
      const file = version2 ? `/sys/fs/cgroup${parent}/cpu.max` : `/sys/fs/cgroup/cpu${parent}/cpu.cfs_quota_us`
      expect(readFileSync(file, 'utf8').trim()).toBe(version2 ? '50000 100000' : '50000')
      const own = version2
        ? `/sys/fs/cgroup${parent}/${limited.Id}/memory.max`
        : `/sys/fs/cgroup/memory${parent}/${limited.Id}/memory.limit_in_bytes`
      expect(Number(readFileSync(own, 'utf8'))).toBe(64 * MIB)
    }
    await kit.ecs.send(new StopTaskCommand({ cluster: CLUSTER, task }))
    await kit.event(task, 'STOPPED')
    if (parent && !version2) expect(existsSync(`/sys/fs/cgroup/cpu${parent}`)).toBe(false)
  })

  test('output comes in order, whole lines, long ones too, and what was written last is not lost', async () => {
    const long = 'x'.repeat(40_000)
    const { output } = await finish([
      {
        name: 'app',
        ...sh(
          `i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done; head -c 40000 /dev/zero | /busybox tr "\\000" x; echo; echo last`,
        ),
      },
    ])
    const lines = output('app')
    expect(lines.slice(0, 500)).toEqual(Array.from({ length: 500 }, (_, at) => `line ${at}`))
    expect(lines.slice(500)).toEqual([long, 'last'])
  })

  test('a last line without a newline is not lost, nor one of a process that ends at once', async () => {
    const scripts = [
      'printf abc; sleep 0.2',
      'printf abc',
      'echo first; sleep 0.2; printf abc',
      'printf a; printf b >&2; sleep 0.2; printf bc',
    ]
    const wanted = [['abc'], ['abc'], ['first', 'abc'], ['abc', 'b']]
    // Each was lost two to seven times in ten.
    for (let round = 0; round < 3; round++) {
      const runs = await Promise.all(scripts.map(script => finish([{ name: 'app', ...sh(script) }])))
      expect(runs.map(({ output }) => output('app').sort())).toEqual(wanted.map(lines => lines.sort()))
    }
  })

  test('a container that ignores the signal is killed after its stop timeout', async () => {
    const task = await kit.run(await kit.define([{ name: 'app', stopTimeout: 2, ...sh('trap "" TERM; while :; do sleep 0.1; done') }]))
    await kit.event(task, 'RUNNING')
    await kit.ecs.send(new StopTaskCommand({ cluster: CLUSTER, task }))
    expect((await kit.event(task, 'STOPPED')).detail.containers[0]?.exitCode).toBe(137)
  })

  test('a dependent waits for health, and the health is described', async () => {
    const definition = await kit.define([
      { name: 'app', ...sh('exec sleep 1000'), dependsOn: [{ containerName: 'db', condition: 'HEALTHY' }] },
      {
        name: 'db',
        ...sh('sleep 0.3; touch /ok; exec sleep 1000'),
        healthCheck: { command: ['CMD', '/busybox', 'test', '-e', '/ok'], interval: 5, startPeriod: 1, timeout: 2, retries: 3 },
      },
    ])
    const task = await kit.run(definition)
    await kit.event(task, 'RUNNING')
    const { tasks } = await kit.ecs.send(new DescribeTasksCommand({ cluster: CLUSTER, tasks: [task] }))
    expect(tasks?.[0]?.healthStatus).toBe('HEALTHY')
    await kit.ecs.send(new StopTaskCommand({ cluster: CLUSTER, task }))
  })

  test('the task metadata endpoint tells a container who it is', async () => {
    const { end, output } = await finish([{ name: 'app', ...sh('wget -q -O - $ECS_CONTAINER_METADATA_URI_V4/task') }])
    expect(JSON.parse(output('app').join(''))).toMatchObject({ TaskARN: end.taskArn, Family: 'test', Containers: [{ Name: 'app' }] })
  })

  test('container instances say which engine they run', async () => {
    const { containerInstanceArns } = await kit.ecs.send(new ListContainerInstancesCommand({ cluster: CLUSTER }))
    const { containerInstances } = await kit.ecs.send(
      new DescribeContainerInstancesCommand({ cluster: CLUSTER, containerInstances: containerInstanceArns }),
    )
    const { Version } = await docker.version()
    expect(containerInstances?.map(({ versionInfo }) => versionInfo?.dockerVersion)).toEqual(Array(2).fill(`DockerVersion: ${Version}`))
  })

  test('a log group that is missing fails the task with the reason', async () => {
    const task = await kit.run(
      await kit.define([
        {
          name: 'app',
          ...sh('exit 0'),
          logConfiguration: { logDriver: 'awslogs', options: { 'awslogs-group': '/missing', 'awslogs-stream-prefix': 'p' } },
        },
      ]),
    )
    expect((await kit.event(task, 'STOPPED')).detail.stoppedReason).toMatch(
      /^ResourceInitializationError: .*log group does not exist: \/missing/,
    )
  })

  test('a sandbox that is killed takes its task with it', async () => {
    const task = await kit.run(await kit.define([{ name: 'app', ...sh('exec sleep 1000') }]))
    await kit.event(task, 'RUNNING')
    await docker.getContainer(`ecs-${taskIdOf(task)}-pause`).kill()
    expect((await kit.event(task, 'STOPPED')).detail.stoppedReason).toMatch(/network namespace is gone/)
  })

  test('the registry tells what an image is, and a task can be pinned to the digest that it told', async () => {
    const ask = (path: string) => fetch(`${kit.started.aws.endpoint}/v2/${path}`)
    const manifest = await ask('zeroplane-test/busybox/manifests/1?ns=docker.io')
    expect(manifest.status).toBe(200)
    const digest = manifest.headers.get('docker-content-digest')!
    const { config } = (await manifest.json()) as { config: { digest: string } }
    const blob = (await (await ask(`zeroplane-test/busybox/blobs/${config.digest}`)).json()) as { config: object }
    expect(blob.config).toMatchObject({ Cmd: ['/busybox', 'sh'] })
    expect(
      (await fetch(`${kit.started.aws.endpoint}/v2/zeroplane-test/busybox/manifests/${digest}`, { method: 'HEAD' })).headers.get(
        'docker-content-digest',
      ),
    ).toBe(digest)
    const missing = await ask('none/such/manifests/1?ns=127.0.0.1:9')
    expect(missing.status).toBeGreaterThanOrEqual(400)
    expect(((await missing.json()) as { errors: { code: string; message: string }[] }).errors[0]?.message).toMatch(/127\.0\.0\.1:9/)
    const { end } = await finish([{ name: 'app', image: `zeroplane-test/busybox@${digest}`, ...sh('exit 0') }])
    expect(end.containers[0]).toMatchObject({ exitCode: 0, imageDigest: digest })
  })
})

// The process that launched tasks is killed without warning; another one takes over.
//
//   first : RunTask a, b, c ... kill -9
//   (a goes on, b ends by itself, c is killed by hand)
//   second: adopts a; tells that b and c stopped, with their codes; starts nothing again; stops a when told
describe.skipIf(problem !== undefined)('kill -9', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'zeroplane-kill-'))
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }))

  test('tasks go on without us, and a new process adopts them and starts none twice', async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'serve.ts'), dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
    const endpoint = await new Promise<string>((resolve, reject) => {
      child.stdout.once('data', (data: Buffer) => resolve(data.toString().trim()))
      child.once('exit', code => reject(new Error(`the child exited with ${code}`)))
    })
    const ecs = new ECSClient({ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
    const kit = await ecsKit({ engine: 'docker', nodes: 1 }, BUSYBOX, { dataDir: mkdtempSync(join(tmpdir(), 'zeroplane-unused-')) })
    const client = { ...kit, ecs }
    const define = async (script: string) => {
      kit.ecs = ecs
      return kit.define([{ name: 'app', ...sh(script), logConfiguration: AWSLOGS }])
    }
    const run = async (script: string) => {
      const taskDefinition = await define(script)
      const { tasks } = await client.ecs.send(new RunTaskCommand({ cluster: CLUSTER, taskDefinition, networkConfiguration: NETWORK }))
      return tasks![0]!.taskArn!
    }
    const a = await run('trap "echo bye; exit 7" TERM; echo ready; i=0; while :; do sleep 0.05; i=$((i+1)); echo $i; done')
    const b = await run('while [ ! -e /end ]; do sleep 0.05; done; echo b ends; exit 4')
    const c = await run('exec sleep 1000')
    const status = async (task: string) =>
      (await ecs.send(new DescribeTasksCommand({ cluster: CLUSTER, tasks: [task] }))).tasks?.[0]?.lastStatus
    for (const task of [a, b, c]) await eventually(async () => (await status(task)) === 'RUNNING', `${task} to run`)
    // Launched and not yet running when the axe falls.
    const d = await run('exec sleep 1000')
    child.removeAllListeners('exit')
    const gone = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
    ecs.destroy()
    await kit.close()

    const container = (task: string) => docker.getContainer(`ecs-${taskIdOf(task)}-app`)
    const idOfA = (await container(a).inspect()).Id
    await (await container(b).exec({ Cmd: ['/busybox', 'touch', '/end'] })).start({})
    await eventually(async () => !(await container(b).inspect()).State.Running, 'the end of b')
    await container(c).kill()

    const second = await ecsKit({ engine: 'docker', nodes: 1 }, BUSYBOX, { dataDir })
    try {
      const endOf = async (task: string) => (await second.event(task, 'STOPPED')).detail
      expect((await endOf(b)).containers[0]?.exitCode).toBe(4)
      expect((await endOf(c)).containers[0]?.exitCode).toBe(137)
      await second.event(d, 'RUNNING')
      const { taskArns } = await second.ecs.send(new ListTasksCommand({ cluster: CLUSTER }))
      expect(taskArns?.toSorted()).toEqual([a, d].toSorted())
      expect((await container(a).inspect()).Id).toBe(idOfA)
      const label = (task: string) => docker.listContainers({ all: true, filters: { label: [`com.amazonaws.ecs.task-arn=${task}`] } })
      expect(await label(a)).toHaveLength(2)
      expect(await label(b)).toHaveLength(0)
      await second.ecs.send(new StopTaskCommand({ cluster: CLUSTER, task: a }))
      expect((await endOf(a)).containers[0]?.exitCode).toBe(7)
      // Output from before, during and after: every line once, in order.
      const lines = [
        ...second.started.aws.logs.groups
          .group('/test')
          .streams.get(`p/app/${taskIdOf(a)}`)!
          .forward(0),
      ].map(({ message }) => message)
      expect(lines[0]).toBe('ready')
      expect(lines.at(-1)).toBe('bye')
      expect(lines.slice(1, -1)).toEqual(Array.from({ length: lines.length - 2 }, (_, at) => String(at + 1)))
    } finally {
      await second.close()
    }
  })
})
