// Deployments as kubectl shows them: scale, rollout, history, undo, and the other way of describing them, from 2018.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Deployment, ReplicaSet } from '../../shared/api/apps/v1.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import { Cluster } from '../tools/cluster.ts'
import { eventually } from '../tools/wait.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await Cluster.prepare()
  await cluster.start()
})
afterAll(() => cluster?.destroy())
afterEach(async () => {
  await cluster.kubectl('delete deployments,replicasets,pods --all --now --wait=true --ignore-not-found')
})

const pods = async (selector = 'app=demo') => (await cluster.json<{ items: Pod[] }>(`get pods -l ${selector}`)).items
const images = async () => [...new Set((await pods()).map(pod => pod.spec!.containers[0]!.image))]

test('apply, rollout status, scale up and down', async () => {
  expect(await cluster.kubectl('apply -f examples/deployment.yaml')).toBe('deployment.apps/demo created\n')
  expect(await cluster.kubectl('rollout status deployment/demo --timeout=120s')).toContain('deployment "demo" successfully rolled out')
  expect((await cluster.kubectl('get deployments')).split('\n')).toEqual([
    expect.stringMatching(/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE$/),
    expect.stringMatching(/^demo +3\/3 +3 +3 +\d+s$/),
    '',
  ])
  const [replicaSet] = (await cluster.json<{ items: ReplicaSet[] }>('get replicasets -l app=demo')).items
  for (const pod of await pods()) {
    expect(pod.metadata.name).toMatch(new RegExp(`^${replicaSet!.metadata.name}-[a-z0-9]{5}$`))
    expect(pod.metadata.ownerReferences).toMatchObject([{ kind: 'ReplicaSet', name: replicaSet!.metadata.name, controller: true }])
  }
  // Nodes mean something: three replicas are on three of them.
  expect(new Set((await pods()).map(pod => pod.spec!.nodeName)).size).toBe(3)

  expect(await cluster.kubectl('scale deployment demo --replicas=5')).toBe('deployment.apps/demo scaled\n')
  await cluster.kubectl("wait deployment/demo --for=jsonpath='{.status.readyReplicas}'=5 --timeout=120s")
  await cluster.kubectl('scale deployment demo --replicas=1')
  await eventually('one pod is left', async () => (await pods()).length === 1)
  const described = await cluster.kubectl('describe deployment demo')
  expect(described).toMatch(/Replicas: +1 desired \| 1 updated \| 1 total \| 1 available \| 0 unavailable/)
  expect(described).toContain(`Scaled up replica set ${replicaSet!.metadata.name} from 3 to 5`)
})

test('set image rolls over without ever having less than asked for; history and undo', async () => {
  await cluster.kubectl('apply -f examples/deployment.yaml')
  await cluster.kubectl('rollout status deployment/demo --timeout=120s')
  let fewest = Number.POSITIVE_INFINITY
  let over = false
  const watching = (async () => {
    while (!over) {
      const { status } = await cluster.json<Deployment>('get deployment demo')
      fewest = Math.min(fewest, status?.availableReplicas ?? 0)
    }
  })()
  await cluster.kubectl('set image deployment/demo demo=zeroplane/demo:2')
  await cluster.kubectl("annotate deployment demo kubernetes.io/change-cause='version two'")
  const rollout = await cluster.kubectl('rollout status deployment/demo --timeout=120s')
  over = true
  await watching
  expect(rollout).toContain('new replicas have been updated')
  expect(fewest).toBeGreaterThanOrEqual(3) // maxUnavailable: 0
  await eventually('only version two is left', async () => (await images()).join() === 'zeroplane/demo:2' && (await pods()).length === 3)
  expect(await cluster.kubectl('rollout history deployment/demo')).toMatch(/REVISION +CHANGE-CAUSE\n1 +<none>\n2 +version two\n/)

  expect(await cluster.kubectl('rollout undo deployment/demo')).toBe('deployment.apps/demo rolled back\n')
  await cluster.kubectl('rollout status deployment/demo --timeout=120s')
  await eventually('only version one is left', async () => (await images()).join() === 'zeroplane/demo:1')
})

test('a bad image stops a rollout, and what runs goes on running', async () => {
  await cluster.kubectl('create deployment web --image=zeroplane/demo:1 --replicas=2')
  await cluster.kubectl('rollout status deployment/web --timeout=120s')
  await cluster.kubectl('set image deployment/web demo=zeroplane/no-such-image:1')
  await eventually('a new pod waits for its image', async () =>
    /(ErrImagePull|ImagePullBackOff)/.test(await cluster.kubectl('get pods --no-headers -l app=web')),
  )
  expect((await cluster.json<Deployment>('get deployment web')).status?.availableReplicas).toBe(2)
})

test('a deleted pod is replaced; a deleted deployment takes everything along; orphans stay', async () => {
  await cluster.kubectl('create deployment demo --image=zeroplane/demo:1 --replicas=2')
  await cluster.kubectl('rollout status deployment/demo --timeout=120s')
  const [first] = await pods()
  await cluster.kubectl(`delete pod ${first!.metadata.name} --now`)
  await eventually('another pod is ready', async () => {
    const now = await pods()
    return now.length === 2 && now.every(pod => pod.metadata.uid !== first!.metadata.uid && pod.status?.containerStatuses?.[0]?.ready)
  })
  await cluster.kubectl('delete deployment demo --cascade=orphan')
  const { items } = await cluster.json<{ items: ReplicaSet[] }>('get replicasets -l app=demo')
  expect(items).toHaveLength(1)
  await eventually(
    "the replica set is nobody's",
    async () => (await cluster.json<ReplicaSet>(`get replicaset ${items[0]!.metadata.name}`)).metadata.ownerReferences === undefined,
  )
  await cluster.kubectl(`delete replicaset ${items[0]!.metadata.name}`)
  await eventually('its pods are gone', async () => (await pods()).length === 0)
})

test('a namespace takes what is in it along', async () => {
  await cluster.kubectl('create namespace away')
  await cluster.kubectl('create deployment demo --image=zeroplane/demo:1 -n away')
  await cluster.kubectl('rollout status deployment/demo -n away --timeout=120s')
  await cluster.kubectl('delete namespace away --timeout=120s')
  expect(await cluster.kubectl('get pods -A --ignore-not-found -o name')).toBe('')
})

test('kubectl of 2021 does it all, too', async () => {
  const old = async (line: string) => {
    const { code, stdout, stderr } = await cluster.try('1.22', line.split(' '), { timeout: 120_000 })
    expect({ line, code, stderr }).toMatchObject({ code: 0 })
    return stdout
  }
  expect(await old('create deployment demo --image=zeroplane/demo:1 --replicas=2')).toBe('deployment.apps/demo created\n')
  expect(await old('rollout status deployment/demo')).toContain('successfully rolled out')
  await old('scale deployment demo --replicas=3')
  await old('set image deployment/demo demo=zeroplane/demo:2')
  expect(await old('rollout status deployment/demo')).toContain('successfully rolled out')
  expect(await old('get deployment demo --no-headers')).toMatch(/^demo +3\/3 +3 +3 +\d+s\n$/)
  expect(await old('describe deployment demo')).toMatch(/NewReplicaSet: +demo-/)
  expect(await old('delete deployment demo')).toBe('deployment.apps "demo" deleted\n')
})
