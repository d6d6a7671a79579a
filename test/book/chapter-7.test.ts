// DaemonSets.
import { expect, onTestFinished } from 'vitest'
import type { DaemonSet } from '../../shared/api/apps/v1.ts'
import type { Node, Pod } from '../../shared/api/core/v1.ts'
import { chapter, eventually, isReady, type Reader } from './book.ts'

const { row } = chapter(7)

const OLD = 'fluent/fluentd:v0.14.9'
const NEW = 'fluent/fluentd:v0.14.10'

interface Options {
  readonly apiVersion?: string
  readonly namespace?: string
  readonly name?: string
  readonly image?: string
  readonly strategy?: string
  readonly nodeSelector?: string
}

const fluentd = ({
  apiVersion = 'apps/v1',
  namespace,
  name = 'fluentd',
  image = OLD,
  strategy,
  nodeSelector,
}: Options = {}) => `apiVersion: ${apiVersion}
kind: DaemonSet
metadata:
  name: ${name}
${namespace === undefined ? '' : `  namespace: ${namespace}\n`}  labels:
    app: ${name}
spec:
${apiVersion === 'apps/v1' ? `  selector:\n    matchLabels:\n      app: ${name}\n` : ''}${strategy === undefined ? '' : `  updateStrategy: ${strategy}\n`}  template:
    metadata:
      labels:
        app: ${name}
    spec:
${nodeSelector === undefined ? '' : `      nodeSelector: ${nodeSelector}\n`}      terminationGracePeriodSeconds: 1
      containers:
        - name: ${name}
          image: ${image}
          resources:
            limits:
              memory: 200Mi
            requests:
              cpu: 100m
              memory: 100Mi
          readinessProbe:
            httpGet: {path: /ready, port: 8080}
            periodSeconds: 1
`

const nodes = async (reader: Reader) => (await reader.json<{ items: Node[] }>('get nodes')).items.map(({ metadata }) => metadata.name ?? '')
const nodesOf = (pods: readonly Pod[]) => pods.map(pod => pod.spec?.nodeName ?? '').sort()
const rolledOut = (reader: Reader, name = 'fluentd') =>
  reader.kubectl(`rollout status daemonsets ${name} --timeout=240s`, { timeout: 260_000 })

row(
  'fluentd in kube-system runs on every node',
  async reader => {
    onTestFinished(async () => {
      await reader.cluster.try('1.36', ['delete', 'ds', '-n', 'kube-system', 'fluentd', '--ignore-not-found'])
    })
    const manifest = fluentd({ namespace: 'kube-system' })
    expect(await reader.apply(manifest)).toBe('daemonset.apps/fluentd created\n')
    await reader.kubectl('rollout status daemonset/fluentd -n kube-system --timeout=240s', { timeout: 260_000 })
    const described = await reader.kubectl('describe daemonset fluentd --namespace=kube-system')
    expect(described).toMatch(/^Selector: +app=fluentd$/m)
    expect(described).toMatch(/^Node-Selector: +<none>$/m)
    expect(described).toMatch(/^Desired Number of Nodes Scheduled: 3$/m)
    expect(described).toMatch(/^Number of Nodes Scheduled with Available Pods: 3$/m)
    expect(described).toMatch(/^Pods Status: +3 Running \/ 0 Waiting \/ 0 Succeeded \/ 0 Failed$/m)
    expect(described).toMatch(/Normal +SuccessfulCreate +\S+ +daemonset-controller +Created pod: fluentd-\w+/)
    const wide = await reader.lines('get pods -n kube-system -l app=fluentd -o wide')
    expect(wide.map(line => line.split(/ +/)[6]).sort()).toEqual((await nodes(reader)).sort())
    expect(await reader.kubectl('get ds -n kube-system fluentd')).toMatch(
      /^NAME +DESIRED +CURRENT +READY +UP-TO-DATE +AVAILABLE +NODE SELECTOR +AGE\nfluentd +3 +3 +3 +3 +3 +<none> +\d+s\n$/,
    )
  },
  { alone: true },
)

row(
  'nodeSelector ssd: label a node and a pod comes, take the label away and it goes',
  async reader => {
    const [first = '', second = ''] = await nodes(reader)
    onTestFinished(async () => {
      for (const node of [first, second]) await reader.cluster.try('1.36', ['label', 'node', node, 'ssd-'])
    })
    expect(await reader.kubectl(`label nodes ${first} ssd=true`)).toBe(`node/${first} labeled\n`)
    expect(await reader.kubectl('get nodes --selector ssd=true -o name')).toBe(`node/${first}\n`)
    await reader.apply(fluentd({ name: 'nginx-fast-storage', image: 'nginx:1.7.12', nodeSelector: '{ssd: "true"}' }))
    await rolledOut(reader, 'nginx-fast-storage')
    expect(nodesOf(await reader.readyPods())).toEqual([first])
    await reader.see('get ds', /nginx-fast-storage +1 +1 +1 +1 +1 +ssd=true /)
    await reader.kubectl(`label nodes ${second} ssd=true`)
    await eventually('it runs on both', async () => nodesOf(await reader.readyPods()).join() === [first, second].sort().join())
    expect(await reader.kubectl(`label nodes ${first} ssd-`)).toMatch(/ (un)?labeled\n$/)
    await eventually('it runs on the second alone', async () => nodesOf(await reader.pods()).join() === second)
  },
  { alone: true },
)

row(
  'a new node gets one',
  async reader => {
    await reader.apply(fluentd())
    await rolledOut(reader)
    // Nobody plays this node's kubelet: its pod is placed, and waits.
    onTestFinished(async () => {
      await reader.cluster.try('1.36', ['delete', 'node', 'newcomer', '--ignore-not-found'])
    })
    const status = {
      allocatable: { cpu: '4', memory: '4Gi', pods: '10' },
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
    }
    await reader.kubectl('create -f -', {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'newcomer' }, status }),
    })
    await eventually('four pods, one on the newcomer', async () => nodesOf(await reader.pods()).includes('newcomer'))
    await reader.see('get ds fluentd --no-headers', /^fluentd +4 +4 +3 /)
    await reader.kubectl('delete node newcomer')
    await eventually('its pod is gone with it', async () => !nodesOf(await reader.pods()).includes('newcomer'))
    await reader.see('get ds fluentd --no-headers', /^fluentd +3 +3 +3 /)
  },
  { slow: true, alone: true },
)

row(
  'RollingUpdate: one node after the other, and rollout status and history tell',
  async reader => {
    await reader.apply(fluentd())
    await rolledOut(reader)
    expect(
      await reader.kubectl('get ds fluentd -o jsonpath={.spec.updateStrategy.type},{.spec.updateStrategy.rollingUpdate.maxUnavailable}'),
    ).toBe('RollingUpdate,1')
    expect(await reader.kubectl(`set image daemonset/fluentd fluentd=${NEW}`)).toBe('daemonset.apps/fluentd image updated\n')
    const told = await rolledOut(reader)
    expect(told).toMatch(/daemon set "fluentd" rollout to finish: \d out of 3 new pods have been updated/)
    expect(told).toMatch(/daemon set "fluentd" successfully rolled out\n$/)
    expect((await reader.readyPods()).map(pod => pod.spec?.containers[0]?.image)).toEqual([NEW, NEW, NEW])
    expect(await reader.kubectl('rollout history daemonset fluentd')).toMatch(/REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>\n/)
    expect(await reader.kubectl('rollout undo daemonset fluentd')).toBe('daemonset.apps/fluentd rolled back\n')
    await rolledOut(reader)
    expect((await reader.readyPods()).map(pod => pod.spec?.containers[0]?.image)).toEqual([OLD, OLD, OLD])
  },
  { slow: true },
)

row(
  'OnDelete: pods are renewed as they are deleted, one by one with pauses',
  async reader => {
    await reader.apply(fluentd({ strategy: '{type: OnDelete}' }))
    await eventually('it runs on three nodes', async () => (await reader.readyPods()).length === 3)
    await reader.apply(fluentd({ strategy: '{type: OnDelete}', image: NEW }))
    await eventually('the controller has seen the new template', async () => {
      const { metadata, status } = await reader.json<DaemonSet>('get ds fluentd')
      return status?.observedGeneration === metadata.generation
    })
    const before = await reader.readyPods()
    expect(before.map(pod => pod.spec?.containers[0]?.image)).toEqual([OLD, OLD, OLD])
    // for pod in $(kubectl get pods -o jsonpath={.items[*].metadata.name}); do kubectl delete pod $pod; sleep 60; done
    for (const [index, { metadata, spec }] of before.entries()) {
      await reader.kubectl(`delete pods ${metadata.name}`)
      await eventually('the node has a new one', async () => {
        const pods = (await reader.pods()).filter(pod => pod.spec?.nodeName === spec?.nodeName)
        return pods.length === 1 && pods.every(pod => isReady(pod) && pod.spec?.containers[0]?.image === NEW)
      })
      const updated = (await reader.pods()).filter(pod => pod.spec?.containers[0]?.image === NEW)
      expect(updated).toHaveLength(index + 1)
    }
    await reader.see('get ds fluentd --no-headers', /^fluentd +3 +3 +3 +3 +3 /)
  },
  { slow: true },
)

row(
  'a DaemonSet of extensions/v1beta1 waits for its pods to be deleted, and counts its templates',
  async reader => {
    const old = (options: Options = {}) => fluentd({ apiVersion: 'extensions/v1beta1', ...options })
    expect((await reader.try('apply -f -', { input: old() })).stdout).toBe('daemonset.extensions/fluentd created\n')
    await eventually('it runs on three nodes', async () => (await reader.readyPods()).length === 3)
    expect(await reader.apply(old())).toBe('daemonset.extensions/fluentd unchanged\n')
    expect(await reader.kubectl('get ds fluentd -o jsonpath={.spec.updateStrategy.type}')).toBe('OnDelete')
    const generation = 'get daemonsets.v1beta1.extensions fluentd -o jsonpath={.spec.templateGeneration}'
    expect(await reader.kubectl(generation)).toBe('1')
    expect(await reader.apply(old({ image: NEW }))).toBe('daemonset.extensions/fluentd configured\n')
    expect(await reader.kubectl(generation)).toBe('2')
    await reader.see('get ds fluentd --no-headers', /^fluentd +3 +3 +3 +0 +3 /)
    const [pod] = await reader.readyPods()
    await reader.kubectl(`delete pod ${pod?.metadata.name}`)
    await reader.see('get ds fluentd --no-headers', /^fluentd +3 +3 +3 +1 +3 /)
    // What the book's readers had to say to get rolling updates.
    const rolling = '{type: RollingUpdate, rollingUpdate: {maxUnavailable: 1}}'
    await reader.apply(old({ image: NEW, strategy: rolling }))
    await rolledOut(reader)
    expect((await reader.readyPods()).map(({ spec }) => spec?.containers[0]?.image)).toEqual([NEW, NEW, NEW])
  },
  { slow: true, both: true },
)
