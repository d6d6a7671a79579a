import { describe, expect, it } from 'vitest'
import type { Pod } from '../../shared/api/core/v1.ts'
import type { ContainerReport, Report } from '../../shared/pods/agent-protocol.ts'
import type { Task } from '../../shared/pods/ecs.ts'
import { AGENT, type Facts, podStatus, taskEnd } from '../../shared/pods/status.ts'

const NOW = Date.parse('2026-01-01T00:01:00Z')

function aPod(spec: Partial<Pod['spec']> = {}, status: Pod['status'] = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', uid: 'u', generation: 1 },
    spec: { restartPolicy: 'Always', containers: [{ name: 'app', image: 'nginx' }], ...spec },
    status: { phase: 'Pending', ...status },
  } as Pod
}

const running = { running: { startedAt: '2026-01-01T00:00:30Z' } }
const ended = (exitCode: number, reason = exitCode === 0 ? 'Completed' : 'Error') => ({
  terminated: { exitCode, reason, startedAt: '2026-01-01T00:00:30Z', finishedAt: '2026-01-01T00:00:40Z' },
})

function says(
  ...containers: (Pick<ContainerReport, 'name' | 'state'> & Partial<ContainerReport>)[]
): Pick<Report, 'containers' | 'podIPs' | 'finished'> {
  const full = containers.map(container => ({ restartCount: 0, started: false, ready: false, ...container }))
  return { containers: full, podIPs: ['10.0.0.7'], finished: false }
}

const aTask = (task: Partial<Task>): Task => ({
  taskArn: 'arn',
  version: 1,
  lastStatus: 'RUNNING',
  desiredStatus: 'RUNNING',
  containers: [],
  ...task,
})

const show = (pod: Pod, facts: Omit<Facts, 'now'>) => podStatus(pod, { now: NOW, ...facts })
const condition = (status: Pod['status'], type: string) => status?.conditions?.find(one => one.type === type)

describe('a pod that was just launched', () => {
  const status = show(aPod(), { hostIP: '10.0.0.1', imageIDs: new Map([['app', 'docker.io/library/nginx@sha256:1']]) })

  it('waits for its container to be made', () => {
    expect(status).toMatchObject({
      phase: 'Pending',
      hostIP: '10.0.0.1',
      hostIPs: [{ ip: '10.0.0.1' }],
      startTime: '2026-01-01T00:01:00Z',
      qosClass: 'BestEffort',
    })
    expect(status.containerStatuses).toEqual([
      {
        name: 'app',
        image: 'nginx',
        imageID: 'docker.io/library/nginx@sha256:1',
        ready: false,
        started: false,
        restartCount: 0,
        state: { waiting: { reason: 'ContainerCreating' } },
        lastState: {},
      },
    ])
  })

  it('is scheduled and initialized, and neither ready nor has a network', () => {
    expect(status.conditions?.map(({ type, status }) => `${type}=${status}`)).toEqual([
      'PodReadyToStartContainers=False',
      'Initialized=True',
      'Ready=False',
      'ContainersReady=False',
      'PodScheduled=True',
    ])
    expect(condition(status, 'Ready')).toMatchObject({ reason: 'ContainersNotReady', message: 'containers with unready status: [app]' })
  })
})

describe('what the agent reports', () => {
  it('makes the pod run, with its address', () => {
    const status = show(aPod(), { report: says({ name: 'app', state: running, started: true, ready: true, containerID: 'ecs://t/app/0' }) })
    expect(status).toMatchObject({ phase: 'Running', podIP: '10.0.0.7', podIPs: [{ ip: '10.0.0.7' }] })
    expect(status.containerStatuses?.[0]).toMatchObject({ state: running, ready: true, started: true, containerID: 'ecs://t/app/0' })
    expect(condition(status, 'Ready')).toMatchObject({ status: 'True' })
  })

  it('changes nothing when it says the same again, later', () => {
    const report = says({ name: 'app', state: running, started: true, ready: true })
    const first = show(aPod(), { report })
    expect(podStatus({ ...aPod(), status: first }, { now: NOW + 60_000, report })).toEqual(first)
  })

  it('moves a transition time only when the condition changes', () => {
    const before = show(aPod(), { report: says({ name: 'app', state: running, started: true, ready: true }) })
    const after = podStatus(
      { ...aPod(), status: before },
      { now: NOW + 60_000, report: says({ name: 'app', state: running, started: true, ready: false }) },
    )
    expect(condition(after, 'Ready')?.lastTransitionTime).toBe('2026-01-01T00:02:00Z')
    expect(condition(after, 'Initialized')?.lastTransitionTime).toBe('2026-01-01T00:01:00Z')
  })

  it('keeps the pod running while a container waits between two crashes', () => {
    const state = { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s ...' } }
    const status = show(aPod(), { report: says({ name: 'app', state, lastState: ended(1), restartCount: 3 }) })
    expect(status).toMatchObject({ phase: 'Running', containerStatuses: [{ state, lastState: ended(1), restartCount: 3 }] })
  })

  it("leaves conditions alone that are not kubelet's, and asks the readiness gates", () => {
    const pod = aPod({ readinessGates: [{ conditionType: 'example.com/lb' }] })
    const report = says({ name: 'app', state: running, started: true, ready: true })
    expect(condition(show(pod, { report }), 'Ready')).toMatchObject({
      status: 'False',
      reason: 'ReadinessGatesNotReady',
      message: 'corresponding condition of pod readiness gate "example.com/lb" does not exist.',
    })
    const open = { ...pod, status: { ...pod.status, conditions: [{ type: 'example.com/lb', status: 'True' }] } }
    const status = show(open, { report })
    expect(condition(status, 'Ready')?.status).toBe('True')
    expect(status.conditions?.at(-1)).toEqual({ type: 'example.com/lb', status: 'True' })
  })
})

describe('the phase', () => {
  const phaseOf = (restartPolicy: string, report: ReturnType<typeof says>, spec: Partial<Pod['spec']> = {}) =>
    show(aPod({ restartPolicy, ...spec }), { report }).phase

  it.each([
    ['Never', 0, 'Succeeded'],
    ['Never', 1, 'Failed'],
    ['OnFailure', 0, 'Succeeded'],
    ['OnFailure', 1, 'Running'],
    ['Always', 0, 'Running'],
    ['Always', 1, 'Running'],
  ])('with policy %s after exit code %i is %s', (policy, code, phase) => {
    expect(phaseOf(policy, says({ name: 'app', state: ended(code) }))).toBe(phase)
  })

  it('is Running while one of two still runs, Failed when one of them failed', () => {
    const containers = [{ name: 'a' }, { name: 'b' }]
    expect(phaseOf('Never', says({ name: 'a', state: ended(1) }, { name: 'b', state: running }), { containers })).toBe('Running')
    expect(phaseOf('Never', says({ name: 'a', state: ended(1) }, { name: 'b', state: ended(0) }), { containers })).toBe('Failed')
  })

  it('is Pending until init containers are done, and Failed when one fails and may not be tried again', () => {
    const initContainers = [{ name: 'init' }]
    const waits = { name: 'app', state: { waiting: { reason: 'PodInitializing' } } }
    expect(phaseOf('Always', says({ name: 'init', state: running }, waits), { initContainers })).toBe('Pending')
    expect(phaseOf('Always', says({ name: 'init', state: ended(1) }, waits), { initContainers })).toBe('Pending')
    expect(phaseOf('Never', says({ name: 'init', state: ended(1) }, waits), { initContainers })).toBe('Failed')
    expect(phaseOf('Always', says({ name: 'init', state: ended(0) }, { name: 'app', state: running }), { initContainers })).toBe('Running')
  })

  it('names the init containers that are not done', () => {
    const pod = aPod({ initContainers: [{ name: 'one' }, { name: 'two', restartPolicy: 'Always' }] })
    const report = says({ name: 'one', state: ended(0) }, { name: 'two', state: running, started: false }, { name: 'app', state: {} })
    const status = show(pod, { report })
    expect(condition(status, 'Initialized')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotInitialized',
      message: 'containers with incomplete status: [two]',
    })
    expect(status.initContainerStatuses?.map(({ name, ready }) => [name, ready])).toEqual([
      ['one', true],
      ['two', false],
    ])
  })

  it('does not come back from an end, whatever arrives late', () => {
    const over = aPod({ restartPolicy: 'Never' }, { phase: 'Succeeded' })
    expect(show(over, { report: says({ name: 'app', state: running, ready: true }) }).phase).toBe('Succeeded')
  })
})

describe('a task that stopped', () => {
  const ran = aPod({ restartPolicy: 'Never' }, show(aPod(), { report: says({ name: 'app', state: running, ready: true, started: true }) }))
  const stopped = (agent: number | undefined, app: number | undefined, stopCode = 'EssentialContainerExited') =>
    aTask({
      lastStatus: 'STOPPED',
      stopCode,
      stoppedAt: NOW,
      containers: [
        { name: AGENT, lastStatus: 'STOPPED', exitCode: agent },
        { name: 'app', lastStatus: 'STOPPED', exitCode: app },
      ],
    })

  it('tells the exit code when the agent could not any more', () => {
    const status = show(ran, { task: stopped(0, 3) })
    expect(status.phase).toBe('Failed')
    expect(status.containerStatuses?.[0]?.state).toEqual({
      terminated: { exitCode: 3, reason: 'Error', startedAt: '2026-01-01T00:00:30Z', finishedAt: '2026-01-01T00:01:00Z' },
    })
    expect(condition(status, 'PodReadyToStartContainers')?.status).toBe('False')
  })

  it('ends a pod with exit code 0 well', () => {
    expect(show(ran, { task: stopped(0, 0) }).phase).toBe('Succeeded')
  })

  it('does not take the code of a kill for that of the process', () => {
    const status = show(ran, { task: stopped(137, 0) })
    expect(status.phase).toBe('Failed')
    expect(status.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 137, reason: 'ContainerStatusUnknown' })
  })

  it('fails the pod as its node going away would', () => {
    const failed = { reason: 'Terminated', message: 'Pod was terminated in response to imminent node shutdown.' }
    expect(show(ran, { task: stopped(143, 143, 'SpotInterruption'), failed })).toMatchObject({ phase: 'Failed', ...failed })
  })

  it('gives way to another one: counted, without address, with its last state', () => {
    const pod = { ...ran, spec: { ...ran.spec, restartPolicy: 'Always' } }
    const status = show(pod, { task: stopped(137, 137), relaunched: true })
    expect(status.phase).toBe('Running')
    expect(status.podIP).toBeUndefined()
    expect(status.containerStatuses?.[0]).toMatchObject({
      state: { waiting: { reason: 'ContainerCreating' } },
      lastState: { terminated: { exitCode: 137 } },
      restartCount: 1,
      ready: false,
    })
  })

  it.each([
    [stopped(0, 0), 'orderly'],
    [stopped(75, 0), 'killed'],
    [stopped(undefined, undefined, 'TaskFailedToStart'), 'never started'],
    [stopped(143, 143, 'SpotInterruption'), 'machine'],
    [stopped(137, 137, 'UserInitiated'), 'killed'],
  ] as const)('is understood: %#', (task, end) => {
    expect(taskEnd(task)).toBe(end)
  })
})
