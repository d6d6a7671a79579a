// ReplicaSets, of 2018 and of today.
import { expect } from 'vitest'
import type { ReplicaSet } from '../../shared/api/apps/v1.ts'
import { eventually } from '../tools/wait.ts'
import { chapter, type Reader } from './book.ts'

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
  },
  { both: true },
)

row('delete rs removes its pods', async reader => {
  expect(await reader.apply(replicaSet('apps/v1', { replicas: 2, selector: SELECTOR }))).toBe('replicaset.apps/kuard created\n')
  await kuards(reader, 2)
  expect(await reader.kubectl('delete rs kuard')).toContain('replicaset.apps "kuard" deleted')
  await eventually('its pods are gone', async () => (await reader.pods()).length === 0, 90_000)
})
