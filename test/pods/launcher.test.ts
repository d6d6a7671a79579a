import { beforeEach, describe, expect, it } from 'vitest'
import type { Node } from '../../shared/api/core/v1.ts'
import type { ContainerReport } from '../../shared/pods/agent-protocol.ts'
import type { Task } from '../../shared/pods/ecs.ts'
import { taskRecord } from '../../shared/pods/record.ts'
import { LostReply } from './ecs-model.ts'
import { PodCluster } from './pod-cluster.ts'

let cluster: PodCluster
beforeEach(async () => {
  cluster = await PodCluster.start()
})

const running: ContainerReport = {
  name: 'app',
  state: { running: { startedAt: '2030-01-01T00:00:00Z' } },
  restartCount: 0,
  started: true,
  ready: true,
  containerID: 'ecs://t1/app/0',
}
const ended = (exitCode: number): ContainerReport => ({
  ...running,
  started: false,
  ready: false,
  state: { terminated: { exitCode, reason: 'Error' } },
})
const only = <T>(items: readonly T[]): T => {
  expect(items).toHaveLength(1)
  return items[0]!
}
/** A task's last event, as EventBridge tells it. */
const eventOf = (task: Task) => ({ ...task, createdAt: undefined, startedAt: undefined, stoppedAt: undefined })

async function started(name = 'web', spec: object = {}) {
  await cluster.create(name, spec)
  await cluster.report(name, { sequence: 2, containers: [running], taskArn: only(cluster.ecs.running).taskArn })
  return only(cluster.ecs.running)
}

describe('nodes', () => {
  it('stand for the container instances that there are, and go with them', async () => {
    const nodes = () => cluster.store.list({ group: '', resource: 'nodes' }).then(({ items }) => items.map(({ object }) => object as Node))
    expect((await nodes()).map(({ metadata, spec }) => [metadata.name, spec?.providerID])).toEqual([
      ['i-one', 'ecs://arn:instance/one'],
      ['i-two', 'ecs://arn:instance/two'],
    ])
    expect((await nodes())[0]?.status).toMatchObject({ capacity: { cpu: '4', memory: '8Gi', pods: '64' } })
    cluster.ecs.instances = cluster.ecs.instances.slice(0, 1)
    await cluster.pass(60)
    expect((await nodes()).map(({ metadata }) => metadata.name)).toEqual(['i-one'])
  })

  it('are not written while nothing changes', async () => {
    const before = await cluster.store.revision({ group: '', resource: 'nodes' })
    await cluster.pass(600)
    expect(await cluster.store.revision({ group: '', resource: 'nodes' })).toBe(before)
  })
})

describe('a bound pod', () => {
  it('becomes one task, and is Running after four writes of it', async () => {
    const task = await started()
    const pod = (await cluster.pod('web'))!
    expect(task).toMatchObject({
      startedBy: pod.metadata.uid,
      group: 'pod/test/default/web/1',
      containerInstanceArn: expect.stringContaining('instance'),
    })
    expect(pod.status).toMatchObject({ phase: 'Running', podIP: '10.0.0.7' })
    expect(pod.status?.containerStatuses?.[0]).toMatchObject({ imageID: 'docker.io/library/nginx@sha256:1', ready: true })
    expect(cluster.podWrites.filter(({ object }) => object.metadata.name === 'web')).toHaveLength(4)
  })

  it('shares its task definition with its replicas, and puts neither environment nor command nor names there', async () => {
    const spec = (secret: string) => ({
      containers: [{ name: 'app', image: 'nginx', command: ['run', secret], env: [{ name: 'PASSWORD', value: secret }] }],
    })
    await cluster.create('web-1', spec('hunter2'))
    await cluster.create('web-2', spec('hunter3'))
    expect(cluster.ecs.running).toHaveLength(2)
    const definition = JSON.stringify(only([...cluster.ecs.definitions.values()]))
    expect(definition).not.toMatch(/hunter|PASSWORD|web-/)
  })

  it('has fsGroup as its group where it is not root and asks for no other, since ECS knows no supplementary ones', async () => {
    const user = (name: string) => cluster.ecs.definitionOf(name).containers.find(container => container.name === 'app')!.user
    const run = async (name: string, securityContext: object, own: object = {}) => {
      await cluster.create(name, { securityContext, containers: [{ name: 'app', image: 'nginx', securityContext: own }] })
      return user((await cluster.pod(name))!.metadata.uid!)
    }
    expect(await run('user', { fsGroup: 2000, runAsUser: 1000 })).toBe('1000:2000')
    expect(await run('grouped', { fsGroup: 2000, runAsUser: 1000 }, { runAsGroup: 3000 })).toBe('1000:3000')
    expect(await run('root', { fsGroup: 2000 })).toBeUndefined()
  })

  it('is left alone on a node that is not ours', async () => {
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'theirs' }, spec: {}, status: {} }
    await cluster.client.create({ group: '', resource: 'nodes' }, node)
    await cluster.create('web', { nodeName: 'theirs' })
    expect(cluster.ecs.tasks.size).toBe(0)
    expect((await cluster.pod('web'))?.status?.containerStatuses).toBeUndefined()
  })

  it('with a volume that cannot be mounted waits and says so', async () => {
    await cluster.create('web', {
      volumes: [{ name: 'data', iscsi: { targetPortal: '10.0.0.1', iqn: 'iqn.2001-04.com.example:x', lun: 0 } }],
      containers: [{ name: 'app', image: 'nginx', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
    })
    expect(cluster.ecs.tasks.size).toBe(0)
    expect((await cluster.pod('web'))?.status?.containerStatuses?.[0]?.state?.waiting?.reason).toBe('ContainerCreating')
    expect(await cluster.eventsOf('web')).toContain(
      'FailedMount: MountVolume.SetUp failed for volume "data" : a task of ECS has no volumes of type iscsi',
    )
  })

  it('that must not run as root does not', async () => {
    await cluster.create('web', { securityContext: { runAsNonRoot: true } })
    expect(cluster.ecs.tasks.size).toBe(0)
    const waiting = (await cluster.pod('web'))?.status?.containerStatuses?.[0]?.state?.waiting
    expect(waiting).toMatchObject({ reason: 'CreateContainerConfigError', message: expect.stringContaining('image will run as root') })
  })
})

describe('an image that cannot be had', () => {
  const waiting = async () => (await cluster.pod('web'))?.status?.containerStatuses?.[0]?.state?.waiting

  it('is told of at once, backs off, and starts the pod when it comes', async () => {
    cluster.missing.add('nginx')
    await cluster.create('web')
    expect(await waiting()).toEqual({ reason: 'ErrImagePull', message: 'failed to pull image "nginx": nginx: not found' })
    expect(await cluster.eventsOf('web')).toEqual(
      expect.arrayContaining([
        'Pulling: Pulling image "nginx"',
        'Failed: Failed to pull image "nginx": nginx: not found',
        'Failed: Error: ErrImagePull',
      ]),
    )
    await cluster.pass(4)
    expect(await waiting()).toMatchObject({ reason: 'ImagePullBackOff' })
    cluster.missing.clear()
    await cluster.pass(10)
    expect(await waiting()).toEqual({ reason: 'ContainerCreating' })
    expect(cluster.ecs.running).toHaveLength(1)
  })

  it('is asked for less and less often', async () => {
    cluster.missing.add('nginx')
    await cluster.create('web')
    const attempts = async () => (await cluster.eventsOf('web')).length && taskRecord((await cluster.pod('web'))!)!.failures
    await cluster.pass(11)
    expect(await attempts()).toBe(2)
    await cluster.pass(20)
    expect(await attempts()).toBe(3)
    await cluster.pass(3600)
    expect(await attempts()).toBeLessThan(20)
  })
})

describe('no task twice', () => {
  it('when the reply to StartTask is lost', async () => {
    let lost = 1
    cluster.ecs.fault = (moment, call) => {
      if (moment === 'after' && call === 'startTask' && lost-- > 0) throw new LostReply()
    }
    await cluster.create('web')
    await cluster.pass(10)
    expect(cluster.ecs.running).toHaveLength(1)
  })

  it('when the launcher dies between the claim and the call', async () => {
    let dead = true
    cluster.ecs.fault = (moment, call) => {
      if (moment === 'before' && call === 'startTask' && dead) throw new Error('killed')
    }
    await cluster.create('web')
    expect(cluster.ecs.running).toHaveLength(0)
    dead = false
    await cluster.boot()
    await cluster.pass(5)
    expect(cluster.ecs.running).toHaveLength(1)
    expect(taskRecord((await cluster.pod('web'))!)?.launch).toBe(1)
  })

  it('when the launcher dies right after the call', async () => {
    await cluster.create('web')
    await cluster.boot()
    await cluster.pass(120)
    expect(cluster.ecs.tasks.size).toBe(1)
  })

  it('on Fargate when every first reply is lost', async () => {
    cluster = await PodCluster.start({ containerInstances: false })
    const seen = new Set<string>()
    cluster.ecs.fault = (moment, call) => {
      if (moment === 'after' && call === 'runTask' && !seen.has(call)) {
        seen.add(call)
        throw new LostReply()
      }
    }
    await cluster.create('web')
    await cluster.pass(10)
    expect(cluster.ecs.tasks.size).toBe(1)
  })

  it('lets a second task of the same launch be no agent of the pod', async () => {
    const task = await started()
    const { status } = await cluster.report('web', { sequence: 9, containers: [ended(1)], taskArn: 'arn:aws:ecs:here:1:task/c/other' })
    expect(status).toBe(410)
    expect((await cluster.pod('web'))?.status?.phase).toBe('Running')
    expect(only(cluster.ecs.running)).toBe(task)
  })

  it('tells two agents of one launch apart that do not know their tasks', async () => {
    await cluster.create('web')
    await cluster.pass(1)
    const first = { agent: 'first', podIPs: ['10.0.0.7'] }
    const second = { agent: 'second', podIPs: ['10.0.0.8'] }
    expect((await cluster.report('web', { ...first, sequence: 1, wantsPlan: true })).status).toBe(200)
    // The first to say what its containers do is the one that stays.
    expect((await cluster.report('web', { ...first, sequence: 2, containers: [running] })).status).toBe(200)
    expect((await cluster.report('web', { ...second, sequence: 3, wantsPlan: true })).status).toBe(410)
    expect((await cluster.report('web', { ...second, sequence: 9, containers: [running] })).status).toBe(410)
    expect((await cluster.pod('web'))?.status?.podIP).toBe('10.0.0.7')
  })
})

describe('deletion', () => {
  it('stops the task, waits for the agent, and then removes the pod', async () => {
    await started()
    await cluster.delete('web')
    expect(cluster.ecs.running).toHaveLength(0)
    expect((await cluster.pod('web'))?.metadata.deletionTimestamp).toBeDefined()
    const { orders } = await cluster.report('web', { sequence: 3, containers: [running] })
    expect(orders.deletion).toMatchObject({ gracePeriodSeconds: 30, reason: 'deleted' })
    expect(orders.deletion?.secondsLeft).toBeGreaterThan(25)
    await cluster.report('web', { sequence: 4, containers: [ended(0)], finished: true })
    expect(await cluster.pod('web')).toBeUndefined()
    expect(cluster.podWrites.findLast(({ type }) => type === 'updated')?.object).toMatchObject({ status: { phase: 'Succeeded' } })
  })

  it('does not wait for an agent that is gone', async () => {
    const task = await started()
    await cluster.delete('web')
    await cluster.event(eventOf(cluster.ecs.stopped(task, 137)))
    expect(await cluster.pod('web')).toBeUndefined()
  })

  it('finds out by itself when the event is lost', async () => {
    const task = await started()
    await cluster.delete('web')
    cluster.ecs.stopped(task, 137)
    await cluster.pass(60)
    expect(await cluster.pod('web')).toBeUndefined()
  })

  it('is at once for a pod that was never launched', async () => {
    cluster.missing.add('nginx')
    await cluster.create('web')
    await cluster.delete('web')
    expect(await cluster.pod('web')).toBeUndefined()
  })

  it('by force leaves no task behind', async () => {
    await started()
    await cluster.delete('web', 0)
    expect(await cluster.pod('web')).toBeUndefined()
    expect(cluster.ecs.running).toHaveLength(0)
  })

  it('by force while the task is launched leaves none either', async () => {
    cluster.ecs.fault = async (moment, call) => {
      if (moment === 'before' && call === 'startTask')
        await cluster.client.delete({ group: '', resource: 'pods' }, 'default', 'web', { gracePeriodSeconds: 0 })
    }
    await cluster.create('web')
    expect(cluster.ecs.tasks.size).toBe(1)
    expect(cluster.ecs.running).toHaveLength(0)
  })

  it('nobody heard of is noticed by the sweep', async () => {
    await started('web')
    cluster.ecs.fault = (_, call) => {
      if (call === 'listTasks' || call === 'stopTask') throw new Error('out of reach')
    }
    await cluster.client.delete({ group: '', resource: 'pods' }, 'default', 'web', { gracePeriodSeconds: 0 })
    await cluster.calm().catch(() => {})
    cluster.ecs.fault = () => {}
    await cluster.boot()
    await cluster.create('other')
    await cluster.pass(700)
    expect(only(cluster.ecs.running).group).toBe('pod/test/default/other/1')
  })
})

describe('a task that ends', () => {
  it('by itself ends the pod, also when the last report was lost', async () => {
    const task = await started('web', { restartPolicy: 'Never' })
    const last = cluster.ecs.stopped(task, 0)
    await cluster.event(eventOf({ ...last, containers: [...last.containers, { name: 'app', lastStatus: 'STOPPED', exitCode: 3 }] }))
    const { status } = (await cluster.pod('web'))!
    expect(status).toMatchObject({ phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 3 } } }] })
  })

  it('because its agent was killed is replaced, and counted', async () => {
    const task = await started()
    await cluster.event(eventOf(cluster.ecs.stopped(task, 137)))
    const next = only(cluster.ecs.running)
    expect(next.group).toBe('pod/test/default/web/2')
    const pod = (await cluster.pod('web'))!
    expect(pod.status?.containerStatuses?.[0]).toMatchObject({ restartCount: 1, lastState: { terminated: { exitCode: 137 } } })
    expect(await cluster.eventsOf('web')).toContain('SandboxChanged: Pod sandbox changed, it will be killed and re-created.')
    expect((await cluster.report('web', { sequence: 5, containers: [running] }, 1)).status).toBe(410)
  })

  it('is told once, however often and in whatever order events come', async () => {
    const task = await started()
    const last = cluster.ecs.stopped(task, 137)
    await cluster.event(eventOf(last))
    await cluster.report('web', { sequence: 1, containers: [{ ...running, restartCount: 1 }], taskArn: only(cluster.ecs.running).taskArn })
    const before = cluster.podWrites.length
    await cluster.event(eventOf(last))
    await cluster.event({ ...eventOf(task), lastStatus: 'RUNNING' })
    expect(cluster.podWrites).toHaveLength(before)
    expect(cluster.ecs.running).toHaveLength(1)
  })

  it('again and again is replaced later and later', async () => {
    await started()
    for (let i = 0; i < 4; i++) {
      await cluster.event(eventOf(cluster.ecs.stopped(only(cluster.ecs.running), 137)))
      expect(cluster.ecs.running).toHaveLength(i === 0 ? 1 : 0)
      await cluster.pass(i === 0 ? 0 : 10 * 2 ** i)
      expect(cluster.ecs.running).toHaveLength(1)
    }
  })

  it('with the policy Never fails the pod', async () => {
    const task = await started('web', { restartPolicy: 'Never' })
    await cluster.event(eventOf(cluster.ecs.stopped(task, 137)))
    expect((await cluster.pod('web'))?.status?.phase).toBe('Failed')
    expect(cluster.ecs.running).toHaveLength(0)
  })

  it('with its machine fails the pod, whatever its policy', async () => {
    const task = await started()
    await cluster.event(eventOf(cluster.ecs.stopped(task, 143, { stopCode: 'SpotInterruption' })))
    expect((await cluster.pod('web'))?.status).toMatchObject({ phase: 'Failed', reason: 'Terminated' })
  })

  it('without anybody being told is found by the sweep', async () => {
    const task = await started('web', { restartPolicy: 'Never' })
    cluster.ecs.stopped(task, 137)
    await cluster.pass(700)
    expect((await cluster.pod('web'))?.status?.phase).toBe('Failed')
  })

  it('before its agent ever spoke is looked after', async () => {
    await cluster.create('web')
    const task = only(cluster.ecs.running)
    cluster.ecs.stopped(task, undefined, { stopCode: 'TaskFailedToStart', stoppedReason: 'ResourceInitializationError: no address' })
    await cluster.pass(45)
    expect(await cluster.eventsOf('web')).toContain(
      'FailedCreatePodSandBox: Failed to create pod sandbox: ResourceInitializationError: no address',
    )
    expect(cluster.ecs.running).toHaveLength(1)
  })
})

describe('reports', () => {
  it('older than the last one that counted change nothing', async () => {
    await started()
    await cluster.report('web', { sequence: 5, containers: [{ ...running, ready: false }] })
    await cluster.report('web', { sequence: 4, containers: [running] })
    expect((await cluster.pod('web'))?.status?.containerStatuses?.[0]?.ready).toBe(false)
  })

  it('that say the same again cost no write', async () => {
    await started()
    const before = cluster.podWrites.length
    for (let sequence = 3; sequence < 10; sequence++) await cluster.report('web', { sequence, containers: [running] })
    expect(cluster.podWrites).toHaveLength(before)
  })

  it('need a token that is good for this very launch of this pod', async () => {
    await started()
    const body = { sequence: 9, containers: [], events: [], podIPs: [], wantsPlan: false, finished: false }
    expect((await cluster.call('zp1.e30.AAAA', body)).status).toBe(401)
    expect((await cluster.report('web', { sequence: 9 }, 7)).status).toBe(410)
  })

  it('get a plan with everything in it that the pod refers to', async () => {
    await cluster.client.create({ group: '', resource: 'configmaps' }, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: 'default' },
      data: { COLOR: 'red' },
    } as never)
    await cluster.create('web', {
      containers: [
        { name: 'app', image: 'nginx', args: ['--color=$(COLOR)'], envFrom: [{ configMapRef: { name: 'settings' } }] },
        { name: 'broken', image: 'nginx', envFrom: [{ configMapRef: { name: 'nosuch' } }] },
      ],
    })
    const { orders } = await cluster.report('web', { wantsPlan: true })
    const [app, broken] = orders.plan!.containers
    expect(app).toMatchObject({ args: ['--color=red'], role: 'app', env: expect.arrayContaining([{ name: 'HOSTNAME', value: 'web' }]) })
    expect(broken).toMatchObject({ configError: 'configmap "nosuch" not found' })
  })

  it('of a pod past its deadline are answered with its end', async () => {
    await started('web', { activeDeadlineSeconds: 60 })
    await cluster.pass(61)
    expect((await cluster.pod('web'))?.status).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' })
    expect((await cluster.report('web', { sequence: 9, containers: [running] })).orders.deletion).toMatchObject({ reason: 'deadline' })
    expect(cluster.ecs.running).toHaveLength(0)
  })
})
