// kill -9 at any moment, agents and holders killed by hand, the engine restarted: nothing that was acknowledged is lost, no pod runs
// twice, none is left behind.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isRunning } from '../../localstack/host/process.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import { Cluster } from '../tools/cluster.ts'
import { containersOf, kill } from '../tools/docker.ts'
import { eventually } from '../tools/wait.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await Cluster.prepare()
  await cluster.start()
})
afterAll(() => cluster?.destroy())

const pods = async () => (await cluster.json<{ items: Pod[] }>('get pods')).items
const ready = (pod: Pod) => pod.metadata.deletionTimestamp === undefined && pod.status?.containerStatuses?.every(one => one.ready) === true
const kill9 = async () => {
  const { pid } = cluster
  process.kill(pid, 'SIGKILL')
  await eventually('the process has ended', () => !isRunning(pid))
}

describe('kill -9 and start again', () => {
  test('running pods are adopted: same containers, no restart, logs go on', async () => {
    await cluster.kubectl('create deployment demo --image=zeroplane/demo:1 --replicas=2')
    await cluster.kubectl('rollout status deployment/demo --timeout=120s')
    const before = await pods()
    const containers = (await containersOf(cluster)).map(({ Id }) => Id).sort()
    await kill9()
    // The containers have not noticed.
    expect((await containersOf(cluster)).map(({ Id }) => Id).sort()).toEqual(containers)
    await cluster.start()
    const after = await pods()
    expect(after.map(({ metadata: { uid, name } }) => ({ uid, name }))).toEqual(
      before.map(({ metadata: { uid, name } }) => ({ uid, name })),
    )
    await cluster.kubectl('rollout status deployment/demo --timeout=120s')
    expect((await containersOf(cluster)).map(({ Id }) => Id).sort()).toEqual(containers)
    for (const pod of await pods()) expect(pod.status?.containerStatuses?.[0]?.restartCount).toBe(0)
    // And it still reigns: scaling down ends one of them.
    await cluster.kubectl('scale deployment demo --replicas=1')
    await eventually('one pod is left', async () => (await pods()).length === 1)
    await cluster.kubectl('delete deployment demo')
    await eventually('no container is left', async () => (await containersOf(cluster)).length === 0)
  })

  test('in the middle of creating and deleting: every acknowledged object is there, each pod has one task, none is orphaned', async () => {
    const acknowledged: string[] = []
    const gone: string[] = []
    let stopped = false
    const writing = (async () => {
      for (let n = 0; !stopped; n++) {
        const created = await cluster.try('1.36', ['create', 'configmap', `c${n}`, `--from-literal=n=${n}`])
        if (created.code !== 0) break
        acknowledged.push(`c${n}`)
        if (n % 3 !== 0) continue
        const deleted = await cluster.try('1.36', ['delete', 'configmap', `c${n}`])
        if (deleted.code !== 0) {
          acknowledged.pop() // asked for, not acknowledged: either is right
          break
        }
        acknowledged.pop()
        gone.push(`c${n}`)
      }
    })()
    await cluster.kubectl('create deployment many --image=zeroplane/demo:1 --replicas=6')
    // Some of them are being launched now.
    await eventually('the first container is made', async () => (await containersOf(cluster)).length > 0)
    await kill9()
    stopped = true
    await writing
    await cluster.start()
    const names = (await cluster.kubectl('get configmaps -o name')).split('\n').map(name => name.replace('configmap/', ''))
    expect(names).toEqual(expect.arrayContaining(acknowledged))
    for (const name of gone) expect(names).not.toContain(name)

    await cluster.kubectl('rollout status deployment/many --timeout=120s')
    await eventually('six pods and no more', async () => {
      const now = await pods()
      return now.length === 6 && now.every(ready)
    })
    await eventually('each has one application container', async () => {
      const apps = (await containersOf(cluster, 'demo')).filter(({ State }) => State === 'running')
      return apps.length === 6
    })
    await cluster.kubectl('delete deployment many')
    await eventually('no pod is left', async () => (await pods()).length === 0)
    await eventually('no container is left', async () => (await containersOf(cluster)).length === 0)
  })

  test('while a pod is being deleted: it is gone afterwards, and its container, too', async () => {
    await cluster.kubectl('run demo --image=zeroplane/demo:1')
    await eventually('it is ready', async () => (await pods()).every(ready))
    await cluster.kubectl('delete pod demo --wait=false')
    await kill9()
    await cluster.start()
    await eventually('it is gone', async () => (await pods()).length === 0)
    await eventually('no container is left', async () => (await containersOf(cluster)).length === 0)
  })
})

test('npm stop leaves pods running, npm start takes them up; stop --pods removes them', async () => {
  await cluster.kubectl('run demo --image=zeroplane/demo:1')
  await eventually('it is ready', async () => (await pods()).every(ready))
  const containers = (await containersOf(cluster)).map(({ Id }) => Id).sort()
  await cluster.stop()
  await cluster.start()
  expect((await containersOf(cluster)).map(({ Id }) => Id).sort()).toEqual(containers)
  expect(await cluster.kubectl('get pod demo --no-headers')).toMatch(/^demo +1\/1 +Running +0 /)
  await cluster.stop('--pods')
  expect(await containersOf(cluster)).toEqual([])
  await cluster.start()
  await eventually('the pod without containers does not pretend to run', async () => {
    const [pod] = await pods()
    return pod?.status?.phase === 'Failed' || (pod !== undefined && ready(pod) && (await containersOf(cluster)).length > 0)
  })
  await cluster.kubectl('delete pod demo --now')
})

test('a holder killed by hand: the container counts as ended, and its pod recovers or fails as its policy says', async () => {
  await cluster.kubectl('create deployment demo --image=zeroplane/demo:1')
  await cluster.kubectl('rollout status deployment/demo --timeout=120s')
  const [container] = await containersOf(cluster, 'demo')
  await kill(container!.Id)
  await eventually('another container runs and the pod is ready', async () => {
    const [now] = (await containersOf(cluster, 'demo')).filter(({ State }) => State === 'running')
    const live = (await pods()).filter(pod => pod.status?.phase === 'Running')
    return now !== undefined && now.Id !== container!.Id && live.length === 1 && ready(live[0]!)
  })
  await cluster.kubectl('delete deployment demo')
  await eventually('no container is left', async () => (await containersOf(cluster)).length === 0)
})

test('an agent killed by hand: the pod does not stay as it was', async () => {
  await cluster.kubectl('create deployment demo --image=zeroplane/demo:1')
  await cluster.kubectl('rollout status deployment/demo --timeout=120s')
  const [agent] = await containersOf(cluster, '_agent')
  await kill(agent!.Id)
  await eventually('a pod with a living agent is ready', async () => {
    const agents = (await containersOf(cluster, '_agent')).filter(({ State }) => State === 'running')
    const live = (await pods()).filter(pod => pod.status?.phase === 'Running')
    return agents.length === 1 && agents[0]!.Id !== agent!.Id && live.length === 1 && ready(live[0]!)
  })
  await cluster.kubectl('delete deployment demo')
  await eventually('no container is left', async () => (await containersOf(cluster)).length === 0)
})

/** It ends every container on this machine, also those of others: only where that is asked for. */
describe.runIf(process.env.ZEROPLANE_TEST_DOCKER_RESTART)('the Docker Engine restarted under it', () => {
  test('the API stays up, and pods come back', async () => {
    await cluster.kubectl('create deployment demo --image=zeroplane/demo:1 --replicas=2')
    await cluster.kubectl('rollout status deployment/demo --timeout=120s')
    const { restartEngine } = await import('../tools/docker.ts')
    const restarting = restartEngine()
    for (let n = 0; n < 20; n++) {
      expect(await cluster.kubectl('get namespace default -o name')).toBe('namespace/default\n')
      await sleep(100)
    }
    await restarting
    await eventually('two pods are ready', async () => (await pods()).filter(ready).length === 2)
    await cluster.kubectl('delete deployment demo')
    await eventually('no container is left', async () => (await containersOf(cluster)).length === 0)
  })
})
