// A simulated pod against the control plane's real end of the agents' call, over the in-memory store; time is turned by hand.
import { StopTaskCommand } from '@aws-sdk/client-ecs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseStages, randomFrom } from '../../localstack/ecs/simulated/stages.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import { createReader } from '../../shared/apimachinery/machinery.ts'
import { PODS } from '../../shared/controllers/collections.ts'
import { UsageBook } from '../../shared/metrics/usage.ts'
import { AGENT_ENV } from '../../shared/pods/agent-protocol.ts'
import { issueToken } from '../../shared/pods/agent-token.ts'
import { withRecord } from '../../shared/pods/record.ts'
import { usageSink } from '../../shared/pods/report-usage.ts'
import { AGENT, SETUP } from '../../shared/pods/status.ts'
import { createAgentSync } from '../../shared/pods/sync.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import { MemoryNotes } from '../../shared/store/notes.ts'
import { storeClient } from '../pipeline/store-client.ts'
import { CLUSTER, type EcsKit, ecsKit } from './ecs-kit.ts'
import { ManualClock } from './manual-clock.ts'

const KEY = Buffer.alloc(32, 1)

const RULES = `
- image: "*/init:*"
  run: 2
- image: "*/job:*"
  start: 1
  run: 10
- image: "*/crash:*"
  run: 1
  exitCode: 3
- image: "*/web:*"
  ready: 5
  stop: 4
- image: "*/busy:*"
  cpu: 0.25
  memory: 16
`

describe('a simulated pod', () => {
  let clock: ManualClock
  let store: MemoryStore
  let kit: EcsKit
  const client = () => storeClient(store)
  let syncs: number
  let book: UsageBook

  beforeEach(async () => {
    clock = new ManualClock()
    store = new MemoryStore()
    syncs = 0
    const now = () => clock.now()
    book = new UsageBook(new MemoryNotes(now), now)
    const sync = createAgentSync({
      client: client(),
      read: createReader(store),
      store,
      key: async () => KEY,
      events: { event: async () => {} },
      now: () => clock.now(),
      holdSeconds: 0,
      findTask: async () => undefined,
      usage: usageSink(book, error => {
        throw error
      }),
    })
    const agentSync = (request: Request) => {
      syncs++
      return sync(request)
    }
    kit = await ecsKit({ engine: 'simulated', nodes: 1, simulation: { rules: parseStages(RULES), agentSync } }, 'unused', { clock })
  })
  afterEach(() => kit.close())

  /** A pod that has just been launched: its object, and its task. */
  async function launch(spec: Partial<Pod['spec']> & { containers: { name: string; image: string }[] }, name = 'p'): Promise<string> {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: 'default', name },
      spec: { restartPolicy: 'Always', ...spec },
    } as Pod
    const created = await client().create<Pod>(PODS, { ...pod, metadata: withRecord(pod.metadata, { launch: 1, at: clock.now() }) })
    const token = issueToken(KEY, { namespace: 'default', name, uid: created.metadata.uid!, launch: 1 })
    const environment = [
      { name: AGENT_ENV.url, value: 'http://control.plane' },
      { name: AGENT_ENV.token, value: token },
    ]
    const apps = [...(spec.initContainers ?? []), ...spec.containers].map(({ name, image }) => ({
      name,
      image,
      essential: false,
      dependsOn: [{ containerName: SETUP, condition: 'SUCCESS' as const }],
    }))
    const definition = await kit.define([{ name: SETUP, image: 'agent:1', essential: false }, { name: AGENT, image: 'agent:1' }, ...apps])
    const task = await kit.run(definition, { overrides: { containerOverrides: [{ name: AGENT, environment }] } })
    await clock.advance(0)
    return task
  }

  const read = async () => (await client().get<Pod>(PODS, 'default', 'p'))!
  const container = async () => (await read()).status?.containerStatuses?.[0]
  const ready = async () => (await read()).status?.conditions?.find(({ type }) => type === 'Ready')?.status

  test('is running and ready with two calls, when its stages take no time', async () => {
    await launch({ containers: [{ name: 'app', image: 'x/app:1' }] })
    expect(await read()).toMatchObject({
      status: { phase: 'Running', podIP: '10.88.0.1', containerStatuses: [{ ready: true, restartCount: 0 }] },
    })
    expect(syncs).toBe(2)
  })

  test('says what it uses, every 15 s while somebody wants to know and every 30 s otherwise', async () => {
    await launch({ containers: [{ name: 'app', image: 'x/busy:1' }] })
    await clock.advance(60_000)
    expect([syncs, await book.get('default', 'p')]).toEqual([4, undefined])
    await book.want('default')
    // It learns of it with its next report, which is the first that is kept.
    await clock.advance(60_000)
    expect(syncs).toBe(4 + 3)
    const containers = [{ name: 'app', nanoCores: 250_000_000, memoryBytes: 16 << 20 }]
    expect(await book.list('default')).toMatchObject([{ name: 'p', at: clock.now(), window: 15_000, containers }])
    await clock.advance(600_000)
    expect(await book.list('default')).toEqual([])
  })

  test('becomes ready when its probe would, and ends in its own time when it is deleted', async () => {
    const task = await launch({ containers: [{ name: 'web', image: 'x/web:1' }] })
    expect([(await container())?.state?.running !== undefined, await ready()]).toEqual([true, 'False'])
    await clock.advance(5000)
    expect(await ready()).toBe('True')
    const pod = await read()
    const deletionTimestamp = new Date(clock.now() + 60_000).toISOString()
    await client().update<Pod>(PODS, { ...pod, metadata: { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds: 60 } })
    // The agent asks every 30 s when it has settled, and it takes 4 s to stop.
    await clock.advance(30_000)
    expect((await container())?.state?.running).toBeDefined()
    await clock.advance(4000)
    expect(await container()).toMatchObject({ ready: false, state: { terminated: { exitCode: 0, reason: 'Completed' } } })
    const { detail } = await kit.event(task, 'STOPPED')
    expect(detail.containers.map(({ name, exitCode }) => [name, exitCode])).toEqual([
      [SETUP, 0],
      [AGENT, 0],
      ['web', 0],
    ])
  })

  test('runs its init containers first, and succeeds when its containers have', async () => {
    const task = await launch({
      restartPolicy: 'Never',
      initContainers: [{ name: 'init', image: 'x/init:1' }],
      containers: [{ name: 'job', image: 'x/job:1' }],
    })
    expect((await read()).status).toMatchObject({ phase: 'Pending', initContainerStatuses: [{ state: { running: {} } }] })
    await clock.advance(2000 + 1000)
    expect((await read()).status).toMatchObject({ phase: 'Running', initContainerStatuses: [{ state: { terminated: { exitCode: 0 } } }] })
    await clock.advance(10_000)
    expect((await read()).status).toMatchObject({ phase: 'Succeeded' })
    expect((await kit.event(task, 'STOPPED')).detail.containers.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0])
  })

  test('crashes again and again with back-off', async () => {
    await launch({ containers: [{ name: 'crash', image: 'x/crash:1' }] })
    await clock.advance(2000)
    expect(await container()).toMatchObject({
      restartCount: 1,
      state: { waiting: { reason: 'CrashLoopBackOff', message: expect.stringMatching(/^back-off 10s restarting failed container=crash/) } },
      lastState: { terminated: { exitCode: 3, reason: 'Error' } },
    })
    await clock.advance(11_000)
    expect(await container()).toMatchObject({ restartCount: 2, state: { waiting: { message: expect.stringMatching(/^back-off 20s/) } } })
  })

  test('leaves nothing due when this program ends, whatever its pods are in the middle of', async () => {
    // Running with a long way to go, on its way to ready, in back-off, and told to stop: the last waits for as long as its grace period.
    for (const image of ['job', 'web', 'crash']) await launch({ containers: [{ name: image, image: `x/${image}:1` }] }, image)
    const going = await launch({ containers: [{ name: 'app', image: 'x/app:1' }] }, 'going')
    await clock.advance(2000)
    await kit.ecs.send(new StopTaskCommand({ cluster: CLUSTER, task: going }))
    expect(clock.pending).toBeGreaterThan(0)
    await kit.close()
    await clock.advance(0)
    expect(clock.pending).toBe(0)
  })

  test('goes on after a restart of this program', async () => {
    await launch({ containers: [{ name: 'app', image: 'x/app:1' }] })
    await kit.restart()
    await clock.advance(0)
    expect((await read()).status).toMatchObject({
      phase: 'Running',
      podIP: '10.88.0.1',
      containerStatuses: [{ ready: true, restartCount: 0 }],
    })
  })
})

test('calls beyond the rates of AWS are refused, and pass again later', async () => {
  const clock = new ManualClock()
  const kit = await ecsKit({ engine: 'simulated', nodes: 1, throttle: true }, 'x:1', { clock })
  const refused = async (calls: number, call: () => Promise<unknown>) => {
    const results = await Promise.allSettled(Array.from({ length: calls }, call))
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ name: 'ThrottlingException', message: 'Rate exceeded' })
    return results.filter(({ status }) => status === 'rejected').length
  }
  expect(await refused(21, () => kit.define([{ name: 'app', memory: 8 }]))).toBe(1)
  expect(await refused(103, () => kit.run('test'))).toBe(3)
  await clock.advance(1000)
  expect(await refused(2, () => kit.define([{ name: 'app', memory: 8 }]))).toBe(1)
  expect(await refused(42, () => kit.run('test'))).toBe(2)
  await kit.close()
})

describe('stages', () => {
  test('the same seed gives the same numbers, another one others', () => {
    const draw = (seed: string) => Array.from({ length: 5 }, randomFrom(seed))
    expect(draw('a')).toEqual(draw('a'))
    expect(draw('a')).not.toEqual(draw('b'))
    expect(draw('a').every(number => number >= 0 && number < 1)).toBe(true)
  })

  test('a misspelt member is named', () => {
    expect(() => parseStages('- image: x\n  redy: 3')).toThrow('stages: rule 0 has an unknown member redy')
  })

  test('failures come as often as they should, and to the same tasks each time', async () => {
    const rules = parseStages('- fail: { step: create, probability: 0.3, message: no luck }')
    const run = async () => {
      const clock = new ManualClock()
      const kit = await ecsKit({ engine: 'simulated', nodes: 1, simulation: { rules, seed: 's' } }, 'x:1', { clock })
      const definition = await kit.define([{ name: 'app', memory: 8 }])
      const tasks: string[] = []
      for (let number = 0; number < 100; number++) tasks.push(await kit.run(definition))
      await clock.advance(0)
      const failed = tasks.map(task => kit.events.some(({ detail }) => detail.taskArn === task && detail.stopCode === 'TaskFailedToStart'))
      await kit.close()
      return failed
    }
    const first = await run()
    const count = first.filter(Boolean).length
    expect(count).toBeGreaterThan(15)
    expect(count).toBeLessThan(45)
    expect(await run()).toEqual(first)
  })
})
