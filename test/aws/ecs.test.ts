// The ECS API and a task's way, the same over Docker and over the simulation.
import {
  ClientException,
  ClusterNotFoundException,
  ConflictException,
  DeregisterTaskDefinitionCommand,
  DescribeContainerInstancesCommand,
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  InvalidParameterException,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  StartTaskCommand,
  StopTaskCommand,
  UpdateContainerInstancesStateCommand,
} from '@aws-sdk/client-ecs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BUSYBOX, dockerProblem } from './docker.ts'
import { CLUSTER, type EcsKit, ecsKit, NETWORK } from './ecs-kit.ts'
import { eventually } from './kit.ts'

const problem = await dockerProblem()
if (problem) console.warn(`ECS on Docker is not tested: ${problem}`)

const nodeCapacity = { cpu: 2048, memory: 1024 }
const engines = [
  { name: 'Docker', image: BUSYBOX, options: { engine: 'docker' as const, nodes: 3, nodeCapacity }, skip: problem !== undefined },
  {
    name: 'the simulation',
    image: 'busybox:1',
    options: {
      engine: 'simulated' as const,
      nodes: 3,
      nodeCapacity,
      simulation: {
        rules: [
          { image: '*/missing:*', fail: { step: 'pull' as const, message: 'no such image' } },
          { env: { EXIT: '3' }, run: 0.05, exitCode: 3 },
          { env: { EXIT: '0' }, run: 0.05, exitCode: 0 },
        ],
      },
    },
    skip: false,
  },
]

/** Exits with the code in EXIT, or runs until it is told to stop. */
const process_ = (exit?: number) => ({
  command: ['/busybox', 'sh', '-c', 'trap "exit 143" TERM; [ -n "$EXIT" ] && exit $EXIT; while :; do /busybox sleep 0.05; done'],
  environment: exit === undefined ? [] : [{ name: 'EXIT', value: String(exit) }],
})

for (const engine of engines) {
  describe.skipIf(engine.skip)(`ECS on ${engine.name}`, () => {
    let kit: EcsKit

    beforeAll(async () => {
      kit = await ecsKit(engine.options, engine.image)
    })
    afterAll(() => kit?.close())

    const stop = (task: string) => kit.ecs.send(new StopTaskCommand({ cluster: CLUSTER, task, reason: 'enough' }))
    const describeTask = async (task: string) =>
      (await kit.ecs.send(new DescribeTasksCommand({ cluster: CLUSTER, tasks: [task], include: ['TAGS'] }))).tasks?.[0]

    test('runs a task from PROVISIONING to STOPPED and tells each step once, in order', async () => {
      const definition = await kit.define([{ name: 'app', ...process_() }])
      const task = await kit.run(definition, { startedBy: 'pod-uid', tags: [{ key: 'k', value: 'v' }] })
      const running = await kit.event(task, 'RUNNING')
      expect(running.source).toBe('aws.ecs')
      expect(running.resources).toEqual([task])
      expect(running.detail.startedAt).toMatch(/^\d{4}-.*Z$/)
      expect(running.detail.containers[0]).not.toHaveProperty('healthStatus')
      const described = await describeTask(task)
      expect(described).toMatchObject({
        lastStatus: 'RUNNING',
        desiredStatus: 'RUNNING',
        startedBy: 'pod-uid',
        launchType: 'EC2',
        connectivity: 'CONNECTED',
      })
      expect(described?.tags).toEqual([{ key: 'k', value: 'v' }])
      expect(described?.startedAt).toBeInstanceOf(Date)
      const address = described?.attachments?.[0]?.details?.find(({ name }) => name === 'privateIPv4Address')?.value
      expect(address).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
      expect(described?.containers?.[0]?.networkInterfaces?.[0]?.privateIpv4Address).toBe(address)
      await stop(task)
      const stopped = await kit.event(task, 'STOPPED')
      expect(stopped.detail).toMatchObject({
        stopCode: 'UserInitiated',
        stoppedReason: 'enough',
        containers: [{ lastStatus: 'STOPPED', exitCode: 143 }],
      })
      const own = kit.events.filter(({ detail }) => detail.taskArn === task).map(({ detail }) => detail)
      expect(own.map(({ version }) => version)).toEqual(own.map((_, at) => at + 1))
      const order = ['PROVISIONING', 'PENDING', 'RUNNING', 'DEACTIVATING', 'DEPROVISIONING', 'STOPPED']
      expect(own.map(({ lastStatus }) => lastStatus)).toEqual(order)
      // Stopped tasks lose their tags and are described for an hour.
      expect(await describeTask(task)).toMatchObject({ lastStatus: 'STOPPED', tags: [], stopCode: 'UserInitiated' })
    })

    test('stops the task when an essential container exits, and not when another one does', async () => {
      const definition = await kit.define([
        { name: 'main', ...process_() },
        { name: 'side', essential: false, ...process_(3) },
      ])
      const task = await kit.run(definition)
      await kit.event(task, 'RUNNING')
      await eventually(
        async () => (await describeTask(task))?.containers?.find(({ name }) => name === 'side')?.exitCode === 3,
        'the end of side',
      )
      expect((await describeTask(task))?.lastStatus).toBe('RUNNING')
      await stop(task)
      const ending = await kit.run(
        await kit.define([
          { name: 'main', ...process_(3) },
          { name: 'side', essential: false, ...process_() },
        ]),
      )
      const { detail } = await kit.event(ending, 'STOPPED')
      expect(detail).toMatchObject({ stopCode: 'EssentialContainerExited', stoppedReason: 'Essential container in task exited' })
      const [main, side] = detail.containers
      expect(main).toMatchObject({ name: 'main', exitCode: 3 })
      // By its own handler of the signal, or killed when it had none yet.
      expect([143, 137]).toContain(side?.exitCode)
    })

    test('starts containers in the order of their dependencies', async () => {
      const definition = await kit.define([
        { name: 'app', ...process_(), dependsOn: [{ containerName: 'second', condition: 'SUCCESS' }] },
        { name: 'second', essential: false, ...process_(0), dependsOn: [{ containerName: 'first', condition: 'COMPLETE' }] },
        { name: 'first', essential: false, ...process_(3) },
      ])
      const task = await kit.run(definition)
      const { detail } = await kit.event(task, 'RUNNING')
      expect(detail.containers.map(({ name, lastStatus, exitCode }) => [name, lastStatus, exitCode])).toEqual([
        ['app', 'RUNNING', undefined],
        ['second', 'STOPPED', 0],
        ['first', 'STOPPED', 3],
      ])
      await stop(task)
    })

    test('stops a task whose dependency failed, and never starts the dependent', async () => {
      const definition = await kit.define([
        { name: 'app', ...process_(), dependsOn: [{ containerName: 'init', condition: 'SUCCESS' }] },
        { name: 'init', essential: false, ...process_(3) },
      ])
      const task = await kit.run(definition)
      const { detail } = await kit.event(task, 'STOPPED')
      expect(detail).toMatchObject({ stopCode: 'TaskFailedToStart', stoppedReason: 'Task failed to start' })
      expect(detail.containers[0]).toMatchObject({ name: 'app', lastStatus: 'STOPPED' })
      expect(detail.containers[0]).not.toHaveProperty('exitCode')
    })

    test('says why an image cannot be pulled', async () => {
      const task = await kit.run(await kit.define([{ name: 'app', image: '127.0.0.1:9/none/missing:1' }]))
      const { detail } = await kit.event(task, 'STOPPED')
      expect(detail.stopCode).toBe('TaskFailedToStart')
      expect(detail.containers[0]?.reason).toMatch(/^CannotPullContainerError: 127\.0\.0\.1:9\/none\/missing:1: /)
    })

    test('gives the same task for the same client token, and a conflict for another request under it', async () => {
      const definition = await kit.define([{ name: 'app', ...process_() }])
      const input = { cluster: CLUSTER, taskDefinition: definition, networkConfiguration: NETWORK, clientToken: 'token-1', startedBy: 'a' }
      const both = await Promise.all([kit.ecs.send(new RunTaskCommand(input)), kit.ecs.send(new RunTaskCommand(input))])
      const arns = both.map(({ tasks }) => tasks?.[0]?.taskArn)
      expect(arns[0]).toBe(arns[1])
      const conflict = kit.ecs.send(new RunTaskCommand({ ...input, startedBy: 'b' }))
      await expect(conflict).rejects.toBeInstanceOf(ConflictException)
      await expect(conflict).rejects.toMatchObject({ resourceIds: [arns[0]] })
      const { taskArns } = await kit.ecs.send(new ListTasksCommand({ cluster: CLUSTER, startedBy: 'a' }))
      expect(taskArns).toEqual([arns[0]])
      await stop(arns[0]!)
    })

    test('places on the instance that was named, and says what it lacks', async () => {
      const [first, second] = await kit.instances()
      const input = (instance: string, memory: number) =>
        kit
          .define([{ name: 'app', memory, ...process_() }])
          .then(taskDefinition =>
            kit.ecs.send(
              new StartTaskCommand({ cluster: CLUSTER, taskDefinition, containerInstances: [instance], networkConfiguration: NETWORK }),
            ),
          )
      const { tasks } = await input(second!, 1000)
      expect(tasks?.[0]).toMatchObject({ containerInstanceArn: second, availabilityZone: 'us-east-1b' })
      expect((await input(second!, 1000)).failures).toEqual([{ arn: second, reason: 'RESOURCE:MEMORY' }])
      const { containerInstances } = await kit.ecs.send(
        new DescribeContainerInstancesCommand({ cluster: CLUSTER, containerInstances: [second!] }),
      )
      const left = containerInstances?.[0]?.remainingResources?.find(({ name }) => name === 'MEMORY')?.integerValue
      expect(left).toBe(24)
      await kit.ecs.send(new UpdateContainerInstancesStateCommand({ cluster: CLUSTER, containerInstances: [first!], status: 'DRAINING' }))
      expect((await input(first!, 10)).failures?.[0]?.reason).toBe('INACTIVE')
      await kit.ecs.send(new UpdateContainerInstancesStateCommand({ cluster: CLUSTER, containerInstances: [first!], status: 'ACTIVE' }))
      expect((await input(`${first}0`.slice(0, -2) + '00', 10)).failures?.[0]?.reason).toBe('MISSING')
      const { taskArns } = await kit.ecs.send(new ListTasksCommand({ cluster: CLUSTER, containerInstance: second! }))
      expect(taskArns).toEqual([tasks?.[0]?.taskArn])
      await stop(tasks![0]!.taskArn!)
      await kit.event(tasks![0]!.taskArn!, 'STOPPED')
      expect((await input(second!, 1000)).tasks).toHaveLength(1)
    })

    test('refuses what ECS refuses, in its words', async () => {
      const definition = await kit.define([{ name: 'app', ...process_() }])
      const run = (rest: object) =>
        kit.ecs.send(new RunTaskCommand({ cluster: CLUSTER, taskDefinition: definition, networkConfiguration: NETWORK, ...rest }))
      await expect(run({ cluster: 'nowhere' })).rejects.toBeInstanceOf(ClusterNotFoundException)
      await expect(run({ taskDefinition: 'nothing:1' })).rejects.toThrow('TaskDefinition not found.')
      await expect(run({ networkConfiguration: undefined })).rejects.toThrow(
        "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
      )
      await expect(run({ overrides: { containerOverrides: [{ name: 'other' }] } })).rejects.toThrow(
        'Override for container named other is not a container in the TaskDefinition.',
      )
      const environment = [{ name: 'BIG', value: 'x'.repeat(8192) }]
      await expect(run({ overrides: { containerOverrides: [{ name: 'app', environment }] } })).rejects.toThrow(
        'Container Overrides length must be at most 8192',
      )
      await expect(run({ startedBy: 'x'.repeat(129) })).rejects.toBeInstanceOf(InvalidParameterException)
      await expect(run({ launchType: 'FARGATE' })).rejects.toThrow('Task definition does not support launch_type FARGATE.')
      await expect(stop('00000000000000000000000000000000')).rejects.toThrow('The referenced task was not found.')
      const unknown = await kit.ecs.send(new DescribeTasksCommand({ cluster: CLUSTER, tasks: ['00000000000000000000000000000000'] }))
      expect(unknown.failures?.[0]?.reason).toBe('MISSING')
      const { taskArn } = { taskArn: definition }
      await kit.ecs.send(new DeregisterTaskDefinitionCommand({ taskDefinition: taskArn }))
      await expect(run({})).rejects.toThrow('TaskDefinition is inactive')
      await expect(kit.ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition: 'nothing' }))).rejects.toThrow(
        'Unable to describe task definition.',
      )
    })

    test.each([
      ['no containers', { containerDefinitions: [] }, 'Container list cannot be empty.'],
      [
        'a size that Fargate has not',
        { requiresCompatibilities: ['FARGATE'], cpu: '300', memory: '512' },
        'No Fargate configuration exists for given values: 300 CPU, 512 memory.',
      ],
      [
        'no memory at all',
        { containerDefinitions: [{ name: 'a', image: 'i' }] },
        "At least one of 'memory' or 'memoryReservation' must be specified.",
      ],
      [
        'an unknown volume',
        { containerDefinitions: [{ name: 'a', image: 'i', memory: 8, mountPoints: [{ sourceVolume: 'v', containerPath: '/v' }] }] },
        "Unknown volume 'v'.",
      ],
      [
        'no essential container',
        { containerDefinitions: [{ name: 'a', image: 'i', memory: 8, essential: false }] },
        'At least one container must be essential.',
      ],
      [
        'a cycle',
        {
          containerDefinitions: ['a', 'b'].map((name, at, all) => ({
            name,
            image: 'i',
            memory: 8,
            dependsOn: [{ containerName: all[1 - at]!, condition: 'START' as const }],
          })),
        },
        'Dependency cycle between containers.',
      ],
    ])('registers no task definition with %s', async (_what, input, message) => {
      const register = kit.ecs.send(
        new RegisterTaskDefinitionCommand({
          family: 'bad',
          networkMode: 'awsvpc',
          containerDefinitions: [{ name: 'a', image: 'i', memory: 8 }],
          ...(input as object),
        }),
      )
      await expect(register).rejects.toBeInstanceOf(ClientException)
      await expect(register).rejects.toThrow(message)
    })

    test('runs on Fargate capacity without an instance, and says so', async () => {
      const definition = await kit.define([{ name: 'app', ...process_() }], {
        requiresCompatibilities: ['FARGATE'],
        cpu: '256',
        memory: '512',
        executionRoleArn: 'arn:aws:iam::000000000000:role/r',
      })
      const task = await kit.run(definition, { capacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }] })
      const described = await kit.event(task, 'RUNNING').then(() => describeTask(task))
      expect(described).toMatchObject({
        launchType: 'FARGATE',
        capacityProviderName: 'FARGATE_SPOT',
        platformVersion: '1.4.0',
        cpu: '256',
        memory: '512',
      })
      expect(described).not.toHaveProperty('containerInstanceArn')
      kit.started.aws.ecs?.interrupt(task, 'SpotInterruption', 'Your Spot Task was interrupted.')
      expect((await kit.event(task, 'STOPPED')).detail.stopCode).toBe('SpotInterruption')
    })

    test('a restart finds tasks running, and counts their versions on', async () => {
      const definition = await kit.define([{ name: 'app', ...process_() }])
      const task = await kit.run(definition, { startedBy: 'keep' })
      const before = await kit.event(task, 'RUNNING')
      await kit.restart()
      expect(await describeTask(task)).toMatchObject({
        lastStatus: 'RUNNING',
        containers: [{ runtimeId: before.detail.containers[0]?.runtimeId }],
      })
      await stop(task)
      const { detail } = await kit.event(task, 'STOPPED')
      expect(detail.containers[0]?.exitCode).toBe(143)
      expect(detail.version).toBeGreaterThan(before.detail.version)
    })
  })
}
