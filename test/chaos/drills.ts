// The bad days, each with what is done to the cluster and what must be true afterwards. A drill that cannot fail proves nothing:
// seeded-bugs.ts has for each of them a bug that it must notice.
import { setTimeout as sleep } from 'node:timers/promises'
import type { DynamoDBRecord } from 'aws-lambda'
import { randomFrom } from '../../localstack/ecs/simulated/stages.ts'
import { PipelineCluster, type PipelineOptions } from './cluster.ts'
import type { OutgoingCall } from './environments.ts'
import { type Expectation, violations } from './invariants.ts'

export interface Drill {
  readonly name: string
  readonly run: (patience: number) => Promise<string[]>
}

const ask = async (cluster: PipelineCluster, expected: Expectation, patience: number): Promise<string[]> => {
  const until = performance.now() + patience
  for (;;) {
    const found = await violations(cluster, expected)
    if (found.length === 0 || performance.now() > until) return found
    await sleep(50)
  }
}

/** Runs `day` on a fresh cluster; answers what is wrong in the end. `settled` waits until all is as it should be, and throws otherwise. */
function drill(
  name: string,
  options: () => PipelineOptions,
  day: (cluster: PipelineCluster, settled: (expected: Expectation) => Promise<void>) => Promise<void>,
): Drill {
  return {
    name,
    async run(patience) {
      const cluster = await PipelineCluster.start(options())
      const wrong: string[] = []
      try {
        await day(cluster, async expected => {
          wrong.push(...(await ask(cluster, expected, patience)))
          if (wrong.length > 0) throw new NotSettled()
        })
      } catch (error) {
        if (!(error instanceof NotSettled)) throw error
      } finally {
        await cluster.close()
      }
      return wrong
    },
  }
}

class NotSettled extends Error {}

/** Up, down and up again: each step makes some writes, pods and tasks of its own. */
async function busyDay(cluster: PipelineCluster, settled: (expected: Expectation) => Promise<void>, rest: Omit<Expectation, 'pods'> = {}) {
  await cluster.deploy('a', 6)
  await settled({ pods: 6, ...rest })
  await cluster.scale('a', 2)
  await settled({ pods: 2, ...rest })
  await cluster.scale('a', 5)
  await settled({ pods: 5, ...rest })
}

/** The moment at which an environment's time is over, once. */
const once = (when: OutgoingCall['when'], matches: (call: OutgoingCall) => boolean): Pick<PipelineOptions, 'timeOut'> => {
  let over = false
  return {
    timeOut: call => {
      if (over || call.when !== when || !matches(call)) return false
      over = true
      return true
    },
  }
}
const writes = (resource: string) => (call: OutgoingCall) =>
  call.name === 'store.create' && (call.arguments[0] as { resource: string }).resource === resource

const RETIRED = ['TerminationNotice', 'ECS is performing maintenance on the underlying infrastructure hosting the task.'] as const
const SPOT = ['SpotInterruption', 'Your Spot Task was interrupted.'] as const

/** As the SDK throws what ECS answered. */
const clientException = (message: string) =>
  Object.assign(new Error(message), { name: 'ClientException', $fault: 'client', $metadata: { httpStatusCode: 400 } })

export const drills: readonly Drill[] = [
  drill(
    'stream batches come twice and out of order',
    () => {
      const random = randomFrom('shuffled')
      let repeated = 0
      return {
        take(waiting: DynamoDBRecord[]) {
          const batch = waiting.splice(0, 100).sort(() => random() - 0.5)
          // A few of them once more, later, and one is held back behind what comes after it.
          if (repeated++ < 200) waiting.push(...batch.filter(() => random() < 0.4))
          if (batch.length > 1) waiting.push(batch.pop()!)
          return batch
        },
      }
    },
    busyDay,
  ),
  drill(
    'a record of the stream is poison',
    () => ({}),
    async (cluster, settled) => {
      const poison = {
        pk: { S: 'c/default/l//pods' },
        sk: { S: '0000000000000001' },
        type: { S: 'created' },
        key: { S: 'default/x' },
        body: { B: 'AAAA' },
      }
      cluster.stream.put(poison)
      await cluster.deploy('a', 3)
      cluster.stream.put(poison)
      await settled({ pods: 3, unreadable: { records: 2 } })
      await cluster.scale('a', 4)
      await settled({ pods: 4, unreadable: { records: 2 } })
    },
  ),
  drill(
    'a work message is none: it fails alone, and the rest of its batch is done once',
    () => ({ speed: 240 }),
    async (cluster, settled) => {
      // In the group of the namespace, so that it stands before its work.
      await cluster.sendRaw('{"cluster":7}', 'default/default')
      await cluster.deploy('a', 3)
      await settled({ pods: 3, unreadable: { messages: 1 } })
    },
  ),
  ...(
    [
      ['before a ReplicaSet is written', () => once('before', writes('replicasets'))],
      ['after a pod is written', () => once('after', writes('pods'))],
      ['between the claim of a launch and its call', () => once('before', ({ name }) => name === 'ecs.runTask')],
      [
        'after a task was started, before anybody knows',
        // Its agent is not there to tell of it for longer than the work message is hidden.
        () => ({ ...once('after', ({ name }) => name === 'ecs.runTask'), ecs: { simulation: { rules: [{ provision: 150 }] } } }),
      ],
      ['when a task is to be stopped', () => once('before', ({ name }) => name === 'ecs.stopTask')],
    ] as const
  ).map(([when, options]) => drill(`time is over in the middle of a reconcile: ${when}`, options, busyDay)),
  drill(
    'RunTask is throttled: 20 a second, 100 at once',
    () => ({ speed: 1, ecs: { throttle: true } }),
    async (cluster, settled) => {
      await cluster.deploy('a', 130)
      await settled({ pods: 130 })
    },
  ),
  drill(
    'RegisterTaskDefinition is throttled: one a second, 20 at once',
    () => ({ speed: 1, ecs: { throttle: true } }),
    async (cluster, settled) => {
      await Promise.all(Array.from({ length: 24 }, (_, n) => cluster.deploy(`d${n}`, 1, { image: `example.com/app:${n}` })))
      await settled({ pods: 24 })
    },
  ),
  drill(
    'all capacity is taken: ClientException until some is free',
    () => {
      let refusals = 0
      return {
        speed: 5, // a launch that was refused is looked at again long before its back-off is over
        refuse(operation: string) {
          if (operation === 'RunTask' && refusals++ < 8)
            throw clientException("You've reached the limit on the number of vCPUs you can run concurrently")
        },
      }
    },
    busyDay,
  ),
  drill(
    'task events come twice and in any order',
    () => {
      const random = randomFrom('events')
      return {
        everyEvent: true,
        async deliver(event, invoke) {
          for (let time = 0; time < 2; time++) void sleep(random() * 100).then(() => invoke(event))
        },
      }
    },
    busyDay,
  ),
  drill(
    'no task event comes at all: the poll finds out',
    () => ({ deliver: async () => {} }),
    async (cluster, settled) => {
      await cluster.deploy('a', 3)
      await settled({ pods: 3 })
      const [victim] = await cluster.tasks()
      cluster.interrupt(victim!, ...RETIRED)
      await settled({ pods: 3 })
    },
  ),
  ...[RETIRED, SPOT].map(([stopCode, reason]) =>
    drill(
      `${stopCode}: the pod has failed as on a node that went away, and another one takes its place`,
      () => ({ speed: 1 }), // before any poll finds out
      async (cluster, settled) => {
        await cluster.deploy('a', 4)
        await settled({ pods: 4 })
        for (const task of (await cluster.tasks()).slice(0, 2)) cluster.interrupt(task, stopCode, reason)
        await settled({ pods: 4 })
      },
    ),
  ),
  drill(
    'an instance is fuller than its node says: the pod waits until there is room',
    () => ({ speed: 5, containerInstances: true, ecs: { nodes: 1, nodeCapacity: { cpu: 4096, memory: 2048 } } }),
    async (cluster, settled) => {
      const stranger = await fill(cluster)
      await cluster.deploy('a', 1, { resources: { requests: { memory: '512Mi' } } })
      await cluster.until('a launch was refused', async () => (await cluster.eventReasons()).includes('FailedCreatePodSandBox'))
      await cluster.ecs.stopTask(stranger, 'make room')
      await settled({ pods: 1 })
    },
  ),
  drill(
    'one task in ten does not start',
    () => {
      const fail = { step: 'create' as const, probability: 0.1, message: 'the machine has a bad day' }
      return { containerInstances: true, ecs: { simulation: { rules: [{ fail }], seed: 'bad day' } } }
    },
    async (cluster, settled) => {
      await cluster.deploy('a', 20)
      await settled({ pods: 20 })
    },
  ),
]

/** Somebody else's task, of which the node knows nothing. */
async function fill({ ecs }: PipelineCluster): Promise<string> {
  const [instance] = await ecs.containerInstances()
  const taskDefinition = await ecs.registerTaskDefinition({
    family: 'foreign',
    compatibility: 'EC2',
    volumes: [],
    containers: [{ name: 'app', image: 'example.com/app:1', essential: true, memory: 1900 }],
  })
  const launch = { taskDefinition, containerInstance: instance!.arn, startedBy: 'somebody', overrides: [], subnets: ['subnet-1'] }
  return (await ecs.startTask(launch)).taskArn
}
