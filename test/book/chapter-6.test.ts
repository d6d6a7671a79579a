// Deployments.
import { expect } from 'vitest'
import { parse, stringify } from 'yaml'
import type { Deployment, ReplicaSet } from '../../shared/api/apps/v1.ts'
import { chapter, eventually, type Reader } from './book.ts'
import { Film } from './rollout.ts'

const { row } = chapter(6)

const OLD = 'nginx:1.7.12'
const NEW = 'nginx:1.9.10'

interface Options {
  readonly apiVersion?: string
  readonly image?: string
  readonly replicas?: number
  /** YAML lines below spec. */
  readonly spec?: string
  readonly cause?: string
}

const nginx = ({ apiVersion = 'apps/v1', image = OLD, replicas = 3, spec = '', cause }: Options = {}) => `apiVersion: ${apiVersion}
kind: Deployment
metadata:
  name: nginx
  labels:
    app: nginx
${cause === undefined ? '' : `  annotations:\n    kubernetes.io/change-cause: "${cause}"\n`}spec:
  replicas: ${replicas}
${apiVersion === 'apps/v1' ? '  selector:\n    matchLabels:\n      app: nginx\n' : ''}${spec}  template:
    metadata:
      labels:
        app: nginx
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: nginx
          image: ${image}
          readinessProbe:
            httpGet: {path: /ready, port: 8080}
            periodSeconds: 1
`

const rolledOut = (reader: Reader) => reader.kubectl('rollout status deployments nginx --timeout=240s', { timeout: 260_000 })
const replicaSets = async (reader: Reader) =>
  (await reader.json<{ items: ReplicaSet[] }>('get rs -l app=nginx')).items.sort((a, b) => revision(a) - revision(b))
const revision = (replicaSet: ReplicaSet) => Number(replicaSet.metadata.annotations?.['deployment.kubernetes.io/revision'])
const images = async (reader: Reader) => [...new Set((await reader.pods()).map(pod => pod.spec?.containers[0]?.image))]
/** Pods of the former version may still be ending. */
const imagesAre = (reader: Reader, image: string) =>
  eventually(`all pods are of ${image}`, async () => (await images(reader)).join() === image)

row('create deployment; it manages a ReplicaSet, and takes back what is done to it', async reader => {
  expect(await reader.kubectl(`create deployment nginx --image=${OLD}`)).toBe('deployment.apps/nginx created\n')
  expect(await reader.kubectl('get deployments nginx -o jsonpath --template {.spec.selector.matchLabels}')).toBe('{"app":"nginx"}')
  await rolledOut(reader)
  expect(await reader.kubectl('get replicasets --selector=app=nginx')).toMatch(
    /^NAME +DESIRED +CURRENT +READY +AGE\nnginx-[0-9a-z]+ +1 +1 +1 +\d+s\n$/,
  )
  expect(await reader.kubectl('scale deployments nginx --replicas=2')).toBe('deployment.apps/nginx scaled\n')
  await reader.see('get replicasets --selector=app=nginx --no-headers', /^nginx-\w+ +2 +2 +2 /)
  const [{ metadata }] = (await replicaSets(reader)) as [ReplicaSet]
  expect(await reader.kubectl(`scale replicasets ${metadata.name} --replicas=1`)).toContain('scaled')
  await eventually('the Deployment sees to it that there are two again', async () => {
    const [replicaSet] = await replicaSets(reader)
    return (replicaSet?.metadata.generation ?? 0) > 3 && replicaSet?.spec?.replicas === 2
  })
  await reader.see('get deployment nginx --no-headers', /^nginx +2\/2 +2 +2 /)
})

row(
  'get deployments -o yaml, replace --save-config, and then apply',
  async reader => {
    await reader.kubectl(`create deployment nginx --image=${OLD}`)
    await rolledOut(reader)
    const file = await reader.kubectl('get deployments nginx -o yaml')
    expect(await reader.kubectl('replace -f - --save-config', { input: file })).toBe('deployment.apps/nginx replaced\n')
    const saved = await reader.kubectl('get deployments nginx -o yaml')
    expect(saved).toContain('kubectl.kubernetes.io/last-applied-configuration: |')
    const edited = parse(file) as { metadata: { resourceVersion?: string }; spec: { replicas: number } }
    delete edited.metadata.resourceVersion
    edited.spec.replicas = 2
    const { code, stdout, stderr } = await reader.try('apply -f -', { input: stringify(edited) })
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'deployment.apps/nginx configured\n', stderr: '' })
    await reader.see('get deployment nginx --no-headers', /^nginx +2\/2 +2 +2 /)
  },
  { slow: true },
)

row(
  'describe shows what it is, and its old and new ReplicaSets during a rollout',
  async reader => {
    await reader.apply(nginx({ replicas: 2 }))
    await rolledOut(reader)
    const settled = await reader.kubectl('describe deployments nginx')
    expect(settled).toMatch(/^Selector: +app=nginx$/m)
    expect(settled).toMatch(/^Replicas: +2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable$/m)
    expect(settled).toMatch(/^StrategyType: +RollingUpdate$/m)
    expect(settled).toMatch(/^RollingUpdateStrategy: +25% max unavailable, 25% max surge$/m)
    expect(settled).toMatch(/^ +Available +True +MinimumReplicasAvailable$/m)
    expect(settled).toMatch(/^ +Progressing +True +NewReplicaSetAvailable$/m)
    expect(settled).toMatch(/^OldReplicaSets: +<none>$/m)
    expect(settled).toMatch(/^NewReplicaSet: +nginx-\w+ \(2\/2 replicas created\)$/m)
    expect(settled).toMatch(/Normal +ScalingReplicaSet +\S+ +deployment-controller +Scaled up replica set nginx-\w+ (from 0 )?to 2/)
    // A version that never gets ready: the rollout stays half way.
    await reader.apply(nginx({ replicas: 2, image: 'nginx:none' }))
    const halfway = await reader.see(
      'describe deployments nginx',
      /^Replicas: +2 desired \| 1 updated \| 3 total \| 2 available \| 1 unavailable$[\s\S]*^NewReplicaSet: +nginx-\w+ \(1\/1 replicas created\)$/m,
    )
    expect(halfway).toMatch(/^OldReplicaSets: +nginx-\w+ \(2\/2 replicas created\)$/m)
  },
  { both: true },
)

row('set image and change-cause; rollout status, history, history --revision', async reader => {
  await reader.apply(nginx())
  await rolledOut(reader)
  expect(await reader.kubectl(`set image deployments nginx nginx=${NEW}`)).toBe('deployment.apps/nginx image updated\n')
  expect(await reader.kubectl("annotate deployment nginx kubernetes.io/change-cause='Update nginx to 1.9.10'")).toContain('annotated')
  expect(await rolledOut(reader)).toMatch(/deployment "nginx" successfully rolled out\n$/)
  await imagesAre(reader, NEW)
  expect(await reader.kubectl('rollout history deployment nginx')).toBe(
    'deployment.apps/nginx \nREVISION  CHANGE-CAUSE\n1         <none>\n2         Update nginx to 1.9.10\n\n',
  )
  const second = await reader.kubectl('rollout history deployment nginx --revision=2')
  expect(second).toMatch(/^deployment\.apps\/nginx with revision #2\n/)
  expect(second).toMatch(/^ +Image:\s+nginx:1\.9\.10$/m)
  expect(second).toMatch(/^ +Annotations:\s+kubernetes\.io\/change-cause: Update nginx to 1\.9\.10$/m)
  expect(second).toMatch(/^\s+pod-template-hash=\w+$/m)
})

row(
  'rollout pause holds what is changed back until resume',
  async reader => {
    await reader.apply(nginx({ replicas: 2 }))
    await rolledOut(reader)
    expect(await reader.kubectl('rollout pause deployments nginx')).toBe('deployment.apps/nginx paused\n')
    await reader.kubectl(`set image deployments nginx nginx=${NEW}`)
    await reader.kubectl('set env deployments nginx COLOUR=blue')
    await eventually('the controller has seen it, and waits', async () => {
      const { metadata, status } = await reader.json<Deployment>('get deployment nginx')
      return status?.observedGeneration === metadata.generation
    })
    expect(await replicaSets(reader)).toHaveLength(1)
    expect(await reader.kubectl('describe deployment nginx')).toMatch(/^ +Progressing +Unknown +DeploymentPaused$/m)
    expect(await reader.kubectl('rollout resume deployments nginx')).toBe('deployment.apps/nginx resumed\n')
    await rolledOut(reader)
    // Both changes are one revision.
    expect((await replicaSets(reader)).map(revision)).toEqual([1, 2])
    await imagesAre(reader, NEW)
  },
  { slow: true },
)

row(
  'rollout undo in the middle, undo --to-revision, and what becomes of the numbers',
  async reader => {
    await reader.apply(nginx({ replicas: 2, cause: 'first' }))
    await rolledOut(reader)
    await reader.apply(nginx({ replicas: 2, image: NEW, cause: 'second' }))
    await rolledOut(reader)
    await reader.apply(nginx({ replicas: 2, image: 'nginx:none', cause: 'a mistake' }))
    await eventually('the mistake is there', async () => (await replicaSets(reader)).length === 3)
    expect(await reader.kubectl('rollout undo deployments nginx')).toContain('deployment.apps/nginx rolled back\n')
    await rolledOut(reader)
    expect(await reader.kubectl('rollout history deployment nginx')).toMatch(/REVISION +CHANGE-CAUSE\n1 +first\n3 +a mistake\n4 +second\n/)
    expect(await reader.kubectl('rollout undo deployments nginx --to-revision=1')).toContain('rolled back')
    await rolledOut(reader)
    await imagesAre(reader, OLD)
    expect(await reader.kubectl('rollout history deployment nginx')).toMatch(/REVISION +CHANGE-CAUSE\n3 +a mistake\n4 +second\n5 +first\n/)
    await reader.kubectl('rollout pause deployments nginx')
    const paused = await reader.try('rollout undo deployments nginx')
    expect({ code: paused.code, stderr: paused.stderr }).toEqual({ code: 1, stderr: expect.stringContaining('paused') })
    await reader.kubectl('rollout resume deployments nginx')
    const gone = await reader.try('rollout undo deployments nginx --to-revision=1')
    expect({ code: gone.code, stderr: gone.stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('unable to find specified revision 1 in history'),
    })
  },
  { slow: true },
)

row(
  'rollout restart replaces every pod',
  async reader => {
    await reader.apply(nginx({ replicas: 2 }))
    await rolledOut(reader)
    const before = (await reader.pods()).map(pod => pod.metadata.uid)
    expect(await reader.kubectl('rollout restart deployments nginx')).toBe('deployment.apps/nginx restarted\n')
    await rolledOut(reader)
    expect((await reader.readyPods()).filter(pod => before.includes(pod.metadata.uid))).toEqual([])
  },
  { slow: true },
)

row(
  'revisionHistoryLimit keeps so many old ReplicaSets',
  async reader => {
    const spec = '  revisionHistoryLimit: 1\n'
    for (const image of ['gcr.io/kuar-demo/kuard-amd64:1', 'gcr.io/kuar-demo/kuard-amd64:2', 'gcr.io/kuar-demo/kuard-amd64:3']) {
      await reader.apply(nginx({ replicas: 1, image, spec }))
      await rolledOut(reader)
    }
    await eventually('two ReplicaSets are left', async () => (await replicaSets(reader)).map(revision).join() === '2,3')
  },
  { slow: true },
)

row(
  'Recreate: the old pods go before the new ones come',
  async reader => {
    const spec = '  strategy: {type: Recreate}\n'
    await reader.apply(nginx({ replicas: 3, spec }))
    await rolledOut(reader)
    const film = new Film(reader, 'app=nginx')
    await reader.apply(nginx({ replicas: 3, image: NEW, spec }))
    await rolledOut(reader)
    const moments = await eventually('the watch has seen the end', () => {
      const all = film.moments()
      const last = all.at(-1)
      return last?.ready === 3 && last.images.join() === NEW && all
    })
    expect(moments.filter(({ images: seen }) => seen.length > 1)).toEqual([])
    expect(Math.min(...moments.slice(3).map(({ all }) => all))).toBe(0)
  },
  { slow: true },
)

for (const [what, rolling, fewest, most] of [
  ['maxSurge 1, maxUnavailable 0: one more, never one less', '{maxSurge: 1, maxUnavailable: 0}', 5, 6],
  ['maxSurge 0, maxUnavailable 20%: one less, never one more', '{maxSurge: 0, maxUnavailable: 20%}', 4, 5],
  ['maxSurge 100%, maxUnavailable 0: all of the new beside all of the old', '{maxSurge: 100%, maxUnavailable: 0}', 5, 10],
] as const) {
  row(
    `RollingUpdate with ${what}, at every moment`,
    async reader => {
      const spec = `  strategy: {type: RollingUpdate, rollingUpdate: ${rolling}}\n`
      await reader.apply(nginx({ replicas: 5, spec }))
      await rolledOut(reader)
      const film = new Film(reader, 'app=nginx')
      await eventually('the watch has begun', () => film.moments().length >= 5)
      await reader.apply(nginx({ replicas: 5, image: NEW, spec }))
      await rolledOut(reader)
      const moments = await eventually('the watch has seen the end', () => {
        const all = film.moments()
        const last = all.at(-1)
        return last?.ready === 5 && last.images.join() === NEW && all.slice(4)
      })
      expect(Math.min(...moments.map(({ ready }) => ready))).toBeGreaterThanOrEqual(fewest)
      expect(Math.max(...moments.map(({ all }) => all))).toBeLessThanOrEqual(most)
    },
    { slow: true },
  )
}

row(
  'under a constant stream of requests through its Service, a rollout drops none',
  async reader => {
    const spec = '  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}\n'
    const image = (version: number) => `gcr.io/kuar-demo/kuard-amd64:${version}`
    // Who is asked to go still answers what is on its way to it: the time that everybody needs to hear of it.
    const manifest = (version: number) =>
      nginx({ replicas: 2, image: image(version), spec })
        .replace('terminationGracePeriodSeconds: 1\n', 'terminationGracePeriodSeconds: 30\n')
        .replace(`image: ${image(version)}\n`, `image: ${image(version)}\n          lifecycle: {preStop: {sleep: {seconds: 10}}}\n`)
    await reader.apply(manifest(1))
    await rolledOut(reader)
    await reader.kubectl('expose deployment nginx --port=80 --target-port=8080')
    await reader.apply(`apiVersion: v1
kind: Pod
metadata: {name: asker}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: shell
      image: ${image(1)}
      command: [sh, -c, 'while true; do timeout 10 wget -qO- http://nginx/version || echo FAILED; echo; sleep 0.2; done']
`)
    await reader.see('logs asker --tail=50', '"version":"1"')
    await reader.apply(manifest(2))
    await rolledOut(reader)
    await reader.see('logs asker --tail=3', /"version":"2"/)
    await eventually('the old pods are gone', async () => (await reader.pods('app=nginx')).length === 2)
    await reader.see('logs asker --tail=3', /"version":"2"/)
    const answers = (await reader.kubectl('logs asker')).split('\n').filter(Boolean)
    const first = answers.findIndex(line => line.includes('"version":"1"'))
    expect(answers.slice(first).filter(line => !/"version":"[12]"/.test(line))).toEqual([])
  },
  { slow: true },
)

row(
  'minReadySeconds: a pod counts when it was ready for so long',
  async reader => {
    await reader.apply(nginx({ replicas: 1, spec: '  minReadySeconds: 6\n' }))
    await reader.see('get deployment nginx --no-headers', /^nginx +1\/1 +1 +0 /)
    await rolledOut(reader)
    const { status } = await reader.json<Deployment>('get deployment nginx')
    const [pod] = await reader.readyPods()
    const ready = pod?.status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? ''
    const available = status?.conditions?.find(({ type }) => type === 'Available')?.lastTransitionTime ?? ''
    expect(Date.parse(available) - Date.parse(ready)).toBeGreaterThanOrEqual(6000)
  },
  { slow: true },
)

row('progressDeadlineSeconds: a rollout that gets nowhere says so, and rollout status fails', async reader => {
  await reader.apply(nginx({ replicas: 1, image: 'nginx:none', spec: '  progressDeadlineSeconds: 5\n' }))
  const { code, stderr } = await reader.try('rollout status deployments nginx --timeout=240s', { timeout: 260_000 })
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'error: deployment "nginx" exceeded its progress deadline\n' })
  expect(await reader.kubectl('describe deployments nginx')).toMatch(/^ +Progressing +False +ProgressDeadlineExceeded$/m)
})

row(
  'a Deployment of extensions/v1beta1: apply, edit, scale, set image, undo, and a deadline that never comes',
  async reader => {
    const old = (options: Options = {}) => nginx({ apiVersion: 'extensions/v1beta1', replicas: 2, ...options })
    const apply = await reader.try('apply -f -', { input: old() })
    expect(apply.stdout).toBe('deployment.extensions/nginx created\n')
    expect(apply.stderr).toContain('extensions/v1beta1 Deployment is deprecated')
    expect(await reader.apply(old())).toBe('deployment.extensions/nginx unchanged\n')
    await rolledOut(reader)
    const spec =
      '-o jsonpath={.spec.strategy.rollingUpdate.maxSurge},{.spec.strategy.rollingUpdate.maxUnavailable},{.spec.revisionHistoryLimit},{.spec.progressDeadlineSeconds}'
    expect(await reader.kubectl(`get deployment nginx ${spec}`)).toBe('1,1,2147483647,2147483647')
    const name = 'deployments.v1beta1.extensions/nginx'
    expect(await reader.kubectl(`edit ${name}`, { env: { KUBE_EDITOR: `sed -i 's#image: ${OLD}#image: ${NEW}#'` } })).toContain(
      'nginx edited',
    )
    await rolledOut(reader)
    await imagesAre(reader, NEW)
    expect(await reader.kubectl(`scale ${name} --replicas=3`)).toBe('deployment.extensions/nginx scaled\n')
    await reader.see('get deployment nginx --no-headers', /^nginx +3\/3 +3 +3 /)
    expect(await reader.apply(old({ replicas: 3, image: OLD }))).toBe('deployment.extensions/nginx configured\n')
    await rolledOut(reader)
    expect(await reader.kubectl('rollout undo deployment nginx')).toContain('rolled back')
    await rolledOut(reader)
    await imagesAre(reader, NEW)
    const rollback = { kind: 'DeploymentRollback', apiVersion: 'extensions/v1beta1', name: 'nginx', rollbackTo: { revision: 0 } }
    const path = `/apis/extensions/v1beta1/namespaces/${reader.namespace}/deployments/nginx/rollback`
    await reader.kubectl(`create --raw ${path} -f -`, { input: JSON.stringify(rollback) })
    await eventually('the controller rolled back', async () => (await reader.events('nginx')).includes('DeploymentRollback'))
    await rolledOut(reader)
    await imagesAre(reader, OLD)
  },
  { slow: true, both: true },
)
