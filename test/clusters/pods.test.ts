// Pods of several clusters on one ECS cluster: told apart by what their tasks say, and alike in everything that may be shared.
import { expect, test } from 'vitest'
import type { ConfigMap } from '../../shared/api/core/v1.ts'
import { CONFIG_MAPS } from '../../shared/controllers/collections.ts'
import { rootCaPublisher } from '../../shared/controllers/rootca.ts'
import type { StartTask } from '../../shared/pods/ecs.ts'
import { parseGroup } from '../../shared/pods/settle.ts'
import { AGENT } from '../../shared/pods/status.ts'
import { TestCluster } from '../controllers/cluster.ts'
import { PodCluster } from '../pods/pod-cluster.ts'

const PR = 'pr-1.aaaaaaaa'

async function launched(cluster: string) {
  const pods = await PodCluster.start({ cluster, apiUrl: 'https://api.example.com/' })
  const launches: StartTask[] = []
  const start = pods.ecs.startTask.bind(pods.ecs)
  pods.ecs.startTask = launch => {
    launches.push(launch)
    return start(launch)
  }
  await pods.create('web')
  expect(launches).toHaveLength(1)
  const environment = launches[0]!.overrides.find(({ name }) => name === AGENT)!.environment ?? {}
  return { pods, launch: launches[0]!, environment }
}

test('the same pod in two clusters is one task definition, and two tasks whose agents call their own cluster', async () => {
  const [home, pr] = [await launched('default'), await launched(PR)]
  expect([...pr.pods.ecs.definitions.keys()]).toEqual([...home.pods.ecs.definitions.keys()])
  expect(Object.values(home.environment).filter(value => value.startsWith('https://'))).toEqual([])
  expect(Object.values(pr.environment)).toContain('https://api.example.com/clusters/pr-1')
  expect(parseGroup(home.launch.group)).toMatchObject({ cluster: 'default', namespace: 'default', name: 'web' })
  expect(parseGroup(pr.launch.group)).toMatchObject({ cluster: PR, namespace: 'default', name: 'web' })
})

test('an agent of one cluster is nobody in another', async () => {
  const [home, pr] = [await launched('default'), await launched(PR)]
  const token = Object.values(home.environment).find(value => value.startsWith('zp1.'))!
  const body = { sequence: 1, podIPs: [], containers: [], events: [], wantsPlan: false, finished: false }
  expect((await pr.pods.call(token, body)).status).toBe(401)
  expect((await home.pods.call(token, body)).status).toBe(200)
})

test('machines are asked for by the default cluster, and by another only while it has pods', async () => {
  const next = async (cluster: string, names: readonly string[]) => {
    const pods = await PodCluster.start({ cluster })
    for (const name of names) await pods.create(name)
    for (const name of names) await pods.report(name, { sequence: 1, containers: [], finished: true })
    for (const name of names) await pods.delete(name, 0)
    pods.ecs.calls.length = 0
    await pods.pass(3600)
    return pods.ecs.calls.filter(call => call === 'containerInstances').length
  }
  expect(await next('default', [])).toBeGreaterThan(100)
  expect(await next(PR, [])).toBe(0)
})

test('tasks of a cluster that is gone are stopped by whoever looks next; those of others are none of his business', async () => {
  const pods = await PodCluster.start({ cluster: 'default' })
  pods.isThere = async id => id !== PR
  await pods.create('web')
  await pods.report('web', { sequence: 1, taskArn: pods.ecs.running[0]!.taskArn, containers: [] })
  const [own] = pods.ecs.running
  for (const group of [`pod/${PR}/default/web/1`, 'pod/pr-2.bbbbbbbb/default/web/1', 'family:nightly', undefined])
    pods.ecs.put({ ...own!, taskArn: `task of ${group}`, startedBy: 'somebody', group })
  await pods.pass(700)
  expect(pods.ecs.running.map(({ group }) => group).sort()).toEqual(
    ['family:nightly', own!.group, 'pod/pr-2.bbbbbbbb/default/web/1', undefined].sort(),
  )
})

test('pods believe what they see: the API itself in the default cluster, their agents where a path is to be added', async () => {
  const authorities = async (own: string, underPath: boolean) => {
    const cluster = await TestCluster.start({
      controllers: [
        rootCaPublisher(
          () => own,
          async () => '\nagents',
          underPath,
        ),
      ],
    })
    await cluster.calm()
    cluster.stop()
    return (await cluster.get<ConfigMap>(CONFIG_MAPS, 'kube-root-ca.crt')).data!['ca.crt']!
  }
  expect(await authorities('own', false)).toBe('own')
  expect(await authorities('own', true)).toBe('own\nagents')
  const amazons = await authorities('', false)
  expect(amazons).toMatch(/^-----BEGIN CERTIFICATE[\s\S]*\nagents$/)
  expect(await authorities('', true)).toBe(amazons)
})
