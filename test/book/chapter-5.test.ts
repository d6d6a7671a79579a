// ReplicaSets, of 2018 and of today.
import { expect } from 'vitest'
import type { ReplicaSet } from '../../shared/api/apps/v1.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import { chapter, eventually, type Reader } from './book.ts'

const { row } = chapter(5)

const SELECTOR = `  selector:
    matchLabels:
      app: kuard
      version: "2"
`

const replicaSet = (apiVersion: string, { replicas = 1, selector = '' } = {}) => `apiVersion: ${apiVersion}
kind: ReplicaSet
metadata:
  name: kuard
spec:
  replicas: ${replicas}
${selector}  template:
    metadata:
      labels:
        app: kuard
        version: "2"
    spec:
      containers:
        - name: kuard
          image: "gcr.io/kuar-demo/kuard-amd64:2"
`
const today = (replicas = 1) => replicaSet('apps/v1', { replicas, selector: SELECTOR })

const kuards = (reader: Reader, count: number) =>
  eventually(`${count} pods of kuard are ready, and no others there`, async () => {
    const pods = await reader.pods('app=kuard')
    const ready = await reader.readyPods('app=kuard')
    return pods.length === count && ready.length === count && ready
  })

row(
  'apply a ReplicaSet in extensions/v1beta1 without selector: it has one, and is seen in apps/v1',
  async reader => {
    const { code, stdout, stderr } = await reader.try('apply -f -', { input: replicaSet('extensions/v1beta1') })
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'replicaset.extensions/kuard created\n' })
    expect(stderr).toContain('extensions/v1beta1 ReplicaSet is deprecated in v1.8+, unavailable in v1.16+; use apps/v1 ReplicaSet')
    await kuards(reader, 1)
    expect(await reader.kubectl('get rs -o wide')).toMatch(
      /^NAME +DESIRED +CURRENT +READY +AGE +CONTAINERS +IMAGES +SELECTOR\nkuard +1 +1 +1 +\d+s +kuard +gcr\.io\/kuar-demo\/kuard-amd64:2 +app=kuard,version=2\n$/,
    )
    const { apiVersion, metadata, spec } = await reader.json<ReplicaSet>('get rs kuard')
    expect({ apiVersion, labels: metadata.labels, selector: spec?.selector }).toEqual({
      apiVersion: 'apps/v1',
      labels: { app: 'kuard', version: '2' },
      selector: { matchLabels: { app: 'kuard', version: '2' } },
    })
    expect((await reader.json<ReplicaSet>('get replicasets.v1beta1.extensions kuard')).metadata.uid).toBe(metadata.uid)
    expect(await reader.kubectl('apply -f -', { input: replicaSet('extensions/v1beta1') })).toBe('replicaset.extensions/kuard unchanged\n')
    // Once each, though two groups serve it.
    expect(await reader.kubectl('get all')).toMatch(/^NAME[^\n]+\npod\/kuard-\w+ [^\n]+\n\nNAME[^\n]+\nreplicaset\.apps\/kuard [^\n]+\n$/)
  },
  { both: true },
)

row('apply one in apps/v1; describe rs says what it wants and what it did', async reader => {
  expect(await reader.apply(today())).toBe('replicaset.apps/kuard created\n')
  const [pod] = await kuards(reader, 1)
  await reader.see('get rs kuard', /kuard +1 +1 +1 /)
  const described = await reader.kubectl('describe rs kuard')
  expect(described).toMatch(/^Name: +kuard$/m)
  expect(described).toMatch(/^Selector: +app=kuard,version=2$/m)
  expect(described).toMatch(/^Replicas: +1 current \/ 1 desired$/m)
  expect(described).toMatch(/^Pods Status: +1 Running \/ 0 Waiting \/ 0 Succeeded \/ 0 Failed$/m)
  expect(described).toMatch(/^ +Image: +gcr\.io\/kuar-demo\/kuard-amd64:2$/m)
  expect(described).toMatch(new RegExp(`Normal +SuccessfulCreate +\\S+ +replicaset-controller +Created pod: ${pod?.metadata.name}`))
})

row(
  "a pod's ReplicaSet is its owner, and its pods are found by label",
  async reader => {
    await reader.apply(today(2))
    const pods = await kuards(reader, 2)
    const [{ metadata }] = pods as [Pod]
    expect(
      await reader.kubectl(`get pods ${metadata.name} -o jsonpath={.metadata.ownerReferences[0].kind}/{.metadata.ownerReferences[0].name}`),
    ).toBe('ReplicaSet/kuard')
    expect(await reader.kubectl(`describe pod ${metadata.name}`)).toMatch(/^Controlled By: +ReplicaSet\/kuard$/m)
    expect((await reader.kubectl('get pods -l app=kuard,version=2 -o name')).trim().split('\n').sort()).toEqual(
      pods.map(pod => `pod/${pod.metadata.name}`).sort(),
    )
    expect(await reader.kubectl('get pods -l app=kuard,version=1 --ignore-not-found')).toBe('')
  },
  { slow: true },
)

row('a relabelled pod leaves and goes on running, another takes its place; put back, one of them goes', async reader => {
  await reader.apply(today(2))
  const before = await kuards(reader, 2)
  const { name, uid } = before[0]!.metadata
  expect(await reader.kubectl(`label pod ${name} app=sick --overwrite`)).toBe(`pod/${name} labeled\n`)
  await kuards(reader, 2)
  const [sick, ...more] = await reader.readyPods('app=sick')
  expect(more).toEqual([])
  expect({ name: sick?.metadata.name, uid: sick?.metadata.uid, owners: sick?.metadata.ownerReferences }).toEqual({ name, uid })
  expect(sick?.status?.containerStatuses?.[0]?.restartCount).toBe(0)

  await reader.kubectl(`label pod ${name} app=kuard --overwrite`)
  await eventually('two are left, and one of three went', async () => (await reader.pods()).length === 2)
  await kuards(reader, 2)
  expect(await reader.events('kuard')).toContain('SuccessfulDelete')
})

row(
  'scale rs up at once, and down by the manifest',
  async reader => {
    await reader.apply(today(1))
    await kuards(reader, 1)
    expect(await reader.kubectl('scale rs kuard --replicas=4')).toBe('replicaset.apps/kuard scaled\n')
    await kuards(reader, 4)
    await reader.see('get rs kuard', /kuard +4 +4 +4 /)
    expect(await reader.apply(today(3))).toBe('replicaset.apps/kuard configured\n')
    await eventually('three are left', async () => (await reader.pods()).length === 3)
  },
  { slow: true },
)

row(
  'scale and edit through extensions/v1beta1',
  async reader => {
    await reader.apply(replicaSet('extensions/v1beta1'))
    expect(await reader.kubectl('scale replicasets.v1beta1.extensions/kuard --replicas=2')).toBe('replicaset.extensions/kuard scaled\n')
    await kuards(reader, 2)
    expect(
      await reader.kubectl('edit replicasets.v1beta1.extensions kuard', { env: { KUBE_EDITOR: "sed -i 's/replicas: 2$/replicas: 1/'" } }),
    ).toBe('replicaset.extensions/kuard edited\n')
    await eventually('one is left', async () => (await reader.pods()).length === 1)
    expect(await reader.kubectl('get rs kuard -o jsonpath={.apiVersion},{.spec.replicas}')).toBe('apps/v1,1')
  },
  { slow: true, both: true },
)

row(
  'delete rs removes its pods',
  async reader => {
    await reader.apply(today(2))
    await kuards(reader, 2)
    expect(await reader.kubectl('delete rs kuard')).toContain('replicaset.apps "kuard" deleted')
    await eventually('its pods are gone', async () => (await reader.pods()).length === 0)
  },
  { slow: true },
)

row(
  'delete rs without cascade leaves the pods, which a new one adopts',
  async reader => {
    await reader.apply(today(2))
    const before = (await kuards(reader, 2)).map(pod => pod.metadata.uid).sort()
    // The book's --cascade=false is what today's kubectl calls orphan.
    expect(await reader.kubectl(`delete rs kuard --cascade=${reader.isOld ? 'false' : 'orphan'}`)).toContain('"kuard" deleted')
    await eventually('the ReplicaSet is gone, the pods have no owner', async () => {
      if ((await reader.lines('get rs')).length > 0) return false
      return (await reader.pods()).every(pod => pod.metadata.ownerReferences === undefined)
    })
    expect((await kuards(reader, 2)).map(pod => pod.metadata.uid).sort()).toEqual(before)
    await reader.apply(today(2))
    await eventually('they have an owner again', async () =>
      (await reader.pods()).every(pod => pod.metadata.ownerReferences?.[0]?.name === 'kuard'),
    )
    expect((await reader.pods()).map(pod => pod.metadata.uid).sort()).toEqual(before)
  },
  { both: true },
)

row(
  'autoscale rs: under load it grows to the maximum and no further, and is as small as it may be afterwards',
  async reader => {
    const busy = replicaSet('apps/v1', { selector: SELECTOR }).replace(
      /image: .*/,
      `$&
          args: ["--keygen-enable", "--keygen-time-to-run=110"]
          resources:
            requests: { cpu: 50m }
            limits: { cpu: 150m }`,
    )
    await reader.apply(busy)
    await kuards(reader, 1)
    expect(await reader.kubectl('autoscale rs kuard --min=2 --max=5 --cpu-percent=80')).toBe(
      'horizontalpodautoscaler.autoscaling/kuard autoscaled\n',
    )
    // Five minutes of caution are for those who have the time.
    await reader.kubectl(`patch hpa kuard --type=merge -p '{"spec":{"behavior":{"scaleDown":{"stabilizationWindowSeconds":15}}}}'`)
    let most = 0
    const replicas = async () => {
      const { spec } = await reader.json<ReplicaSet>('get rs kuard')
      most = Math.max(most, spec?.replicas ?? 0)
      return spec?.replicas
    }
    await eventually('it has grown to five', async () => (await replicas()) === 5, 180_000)
    expect(await reader.kubectl('get hpa')).toMatch(
      /^NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE\nkuard +ReplicaSet\/kuard +cpu: \d+%\/80% +2 +5 +\d +\S+\n$/,
    )
    expect(await reader.kubectl('top pods')).toMatch(/^NAME +CPU\(cores\) +MEMORY\(bytes\) *\n(kuard-\w+ +\d+m +\d+Mi *\n){1,5}$/)
    await eventually('it has shrunk to two', async () => (await replicas()) === 2, 300_000)
    await kuards(reader, 2)
    expect(most).toBe(5)
    expect(await reader.kubectl('describe hpa kuard')).toMatch(/SuccessfulRescale .*New size: 2; reason: All metrics below target/)
  },
  { slow: true },
)
