// Bad days of ECS, as AWS has them. After each: as many pods run as should, each has one task, no task has no pod, none was launched twice.
import { afterEach, expect, test, vi } from 'vitest'
import { randomFrom } from '../../localstack/ecs/simulated/stages.ts'
import { ManualClock } from '../../shared/clock.ts'
import { eventually } from '../tools/wait.ts'
import { ChaosCluster } from './cluster.ts'

let cluster: ChaosCluster
afterEach(() => cluster?.close())

/** A test that hangs shall end; none of this is a promise about speed. */
vi.setConfig({ testTimeout: 120_000 })

test('task events come twice and in any order', async () => {
  const seed = `${Date.now()}`
  const random = randomFrom(seed)
  const pause = () => new Promise(resolve => setTimeout(resolve, random() * 200))
  cluster = await ChaosCluster.start({
    async deliver(event, invoke) {
      for (let time = 0; time < 2; time++) void pause().then(() => invoke(event))
    },
  })
  await cluster.deploy('a', 10)
  await cluster.converged(10)
  await cluster.scale('a', 3)
  await cluster.converged(3)
  await cluster.scale('a', 8)
  await cluster.converged(8)
  expect(cluster.launchedTwice, `seed ${seed}`).toEqual([])
})

test('no task event comes at all: agents tell what happens, and the sweep finds out about a task that died', async () => {
  const clock = new ManualClock(Date.now())
  cluster = await ChaosCluster.start({ clock, deliver: async () => {} })
  await cluster.deploy('a', 3)
  await cluster.converged(3)
  const [victim] = await cluster.tasks()
  cluster.interrupt(victim!, 'TerminationNotice', 'ECS is performing maintenance on the underlying infrastructure hosting the task.')
  await eventually('the task has stopped', async () => (await cluster.stoppedTasks()) > 0)
  await cluster.idle()
  // Nobody has been told.
  expect(await cluster.running()).toHaveLength(3)
  await eventually('the pod is replaced', async () => {
    clock.advance(60_000)
    await cluster.idle()
    return (await cluster.running()).every(({ metadata }) => metadata.uid !== victim!.startedBy)
  })
  await cluster.converged(3)
  expect(cluster.launchedTwice).toEqual([])
})

test.each([
  ['SpotInterruption', 'Your Spot Task was interrupted.'],
  ['TerminationNotice', 'ECS is performing maintenance on the underlying infrastructure hosting the task.'],
])('%s: the pod has failed as on a node that went away, and another one takes its place', async (stopCode, reason) => {
  cluster = await ChaosCluster.start({ containerInstances: false, ecs: { nodes: 0 } })
  await cluster.deploy('a', 4)
  await cluster.converged(4)
  const victims = (await cluster.tasks()).slice(0, 2)
  for (const task of victims) cluster.interrupt(task, stopCode, reason)
  await eventually('both have failed', async () => {
    const pods = await cluster.pods()
    return victims.every(({ startedBy }) => {
      const pod = pods.find(({ metadata }) => metadata.uid === startedBy)
      return pod === undefined || pod.status?.phase === 'Failed'
    })
  })
  await cluster.converged(4)
  expect(cluster.launchedTwice).toEqual([])
})

test('more launches at once than AWS takes: the throttled ones come later, none twice', async () => {
  cluster = await ChaosCluster.start({ ecs: { throttle: true } })
  await cluster.deploy('a', 130)
  await cluster.converged(130)
  expect(cluster.launchedTwice).toEqual([])
})

test('more task definitions at once than AWS takes', async () => {
  cluster = await ChaosCluster.start({ ecs: { throttle: true } })
  const names = Array.from({ length: 26 }, (_, number) => `d${number}`)
  await Promise.all(names.map((name, number) => cluster.deploy(name, 1, { image: `example.com/app:${number}` })))
  await cluster.converged(26)
  expect(cluster.launchedTwice).toEqual([])
})

test('an instance is fuller than its node says: the pod waits until there is room', async () => {
  const clock = new ManualClock(Date.now())
  cluster = await ChaosCluster.start({ clock, ecs: { nodes: 1, nodeCapacity: { cpu: 4096, memory: 2048 } } })
  // Somebody else's task on the same instance.
  const [instance] = await cluster.ecs.containerInstances()
  const definition = await cluster.ecs.registerTaskDefinition({
    family: 'foreign',
    compatibility: 'EC2',
    volumes: [],
    containers: [{ name: 'app', image: 'example.com/app:1', essential: true, memory: 1900 }],
  })
  const foreign = await cluster.ecs.startTask({
    taskDefinition: definition,
    containerInstance: instance!.arn,
    startedBy: 'somebody',
    overrides: [],
    subnets: ['subnet-1'],
  })
  await cluster.deploy('a', 1, { resources: { requests: { memory: '512Mi' } } })
  await eventually('the pod waits', async () => (await cluster.pods()).some(({ status }) => status?.phase === 'Pending'))
  await cluster.idle()
  expect(await cluster.running()).toEqual([])
  await cluster.ecs.stopTask(foreign.taskArn, 'make room')
  await eventually('the pod runs', async () => {
    clock.advance(30_000)
    await cluster.idle()
    return (await cluster.running()).length === 1
  })
  await cluster.converged(1)
  expect(cluster.launchedTwice).toEqual([])
})

test('tasks that fail to start now and then are launched again, with one task for each pod in the end', async () => {
  const clock = new ManualClock(Date.now())
  const rules = [{ fail: { step: 'create' as const, probability: 0.1, message: 'the machine has a bad day' } }]
  cluster = await ChaosCluster.start({ clock, ecs: { simulation: { rules, seed: 'bad day' } } })
  await cluster.deploy('a', 20)
  await eventually('all run', async () => {
    clock.advance(10_000)
    await cluster.idle()
    return (await cluster.running()).length === 20
  })
  await cluster.converged(20)
})
