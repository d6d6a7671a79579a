// One pod's life as kubectl shows it: run, look, log, label, delete. Real containers.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Pod } from '../../shared/api/core/v1.ts'
import { Cluster } from '../tools/cluster.ts'
import { inspectOne } from '../tools/docker.ts'
import { eventually } from '../tools/wait.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await Cluster.prepare()
  await cluster.start()
})
afterAll(() => cluster?.destroy())
afterEach(async () => {
  await cluster.kubectl('delete pods --all --now --wait=true --ignore-not-found', { timeout: 90_000 })
  await cluster.kubectl('delete configmaps,secrets --field-selector metadata.name!=kube-root-ca.crt --ignore-not-found')
})

const running = (name: string) =>
  eventually(`pod ${name} is Running and Ready`, async () => {
    const pod = await cluster.json<Pod>(`get pod ${name}`)
    return pod.status?.phase === 'Running' && pod.status.conditions?.some(c => c.type === 'Ready' && c.status === 'True') ? pod : undefined
  })

const reasons = async (name: string) =>
  (
    await cluster.kubectl(`get events --field-selector involvedObject.name=${name} --sort-by=.lastTimestamp -o jsonpath={.items[*].reason}`)
  ).split(' ')

describe('a pod that runs', () => {
  test('run, get in every form, describe, events in order', async () => {
    expect(await cluster.kubectl('run demo --image=zeroplane/demo:1 --labels=app=demo,tier=web --port=8080')).toBe('pod/demo created\n')
    const pod = await running('demo')
    expect(pod.status?.podIP).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
    expect(pod.status?.containerStatuses?.[0]).toMatchObject({
      name: 'demo',
      ready: true,
      started: true,
      restartCount: 0,
      image: expect.stringContaining('demo:1'),
    })

    const wide = (await cluster.kubectl('get pods -o wide')).split('\n')
    expect(wide[0]).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES$/)
    expect(wide[1]).toMatch(new RegExp(`^demo +1/1 +Running +0 +\\d+s +${pod.status?.podIP} +${pod.spec?.nodeName} +<none> +<none>$`))
    expect(await cluster.kubectl('get pod demo -o yaml')).toContain('  image: zeroplane/demo:1\n')
    expect(await cluster.kubectl('get pods -l app=demo,tier!=db -o name')).toBe('pod/demo\n')
    expect(await cluster.kubectl('get pods --show-labels --no-headers')).toContain('app=demo,tier=web')
    const old = await cluster.try('1.22', ['get', 'pods', '--no-headers'])
    expect(old.stdout).toMatch(/^demo +1\/1 +Running +0 +\d+s\n$/)

    const described = await cluster.kubectl('describe pod demo')
    expect(described).toMatch(/Status: +Running/)
    expect(described).toMatch(/Container ID: +\S+/)
    expect(described).toMatch(/Ready +True/)
    expect(await reasons('demo')).toEqual(['Scheduled', 'Pulled', 'Created', 'Started'])
  })

  test('apply tells created, unchanged and configured apart; label, annotate, and watch see it', async () => {
    expect(await cluster.kubectl('apply -f examples/pod.yaml')).toBe('pod/demo created\n')
    expect(await cluster.kubectl('apply -f examples/pod.yaml')).toBe('pod/demo unchanged\n')
    let seen = ''
    const stop = new AbortController()
    const watching = cluster.try('1.36', ['get', 'pods', '--watch', '--show-labels', '--no-headers'], {
      signal: stop.signal,
      onOutput: text => {
        seen += text
      },
    })
    try {
      await eventually('the watch shows the pod', () => seen.includes('demo'))
      expect(await cluster.kubectl('label pod demo canary=true')).toBe('pod/demo labeled\n')
      await eventually('the watch shows the label', () => seen.includes('canary=true'))
      expect(await cluster.kubectl('label pod demo canary-')).toBe('pod/demo unlabeled\n')
      expect(await cluster.kubectl('annotate pod demo note=x')).toBe('pod/demo annotated\n')
      await running('demo')
      await eventually('the watch shows Running', () => /demo +1\/1 +Running/.test(seen))
    } finally {
      stop.abort()
      await watching
    }
    const { code, stderr } = await cluster.try('1.36', ['label', 'pod', 'demo', 'app=other'])
    expect(code).toBe(1)
    expect(stderr).toContain("'app' already has a value (demo), and --overwrite is false")
  })

  test('logs, -f, --tail, --since, --timestamps', async () => {
    await cluster.apply(
      pod('talker', `command: [sh, -c, 'for i in 1 2 3; do echo line $i; done; while true; do sleep 1; echo more; done']`),
    )
    await running('talker')
    await eventually('the first lines are logged', async () =>
      (await cluster.kubectl('logs talker')).startsWith('line 1\nline 2\nline 3\n'),
    )
    expect((await cluster.kubectl('logs talker --tail=1')).trim().split('\n')).toHaveLength(1)
    expect(await cluster.kubectl('logs talker --timestamps --limit-bytes=100')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z line 1\n/)
    await eventually(
      'the first lines are more than a second old',
      async () => (await cluster.kubectl('logs talker')).split('more\n').length > 3,
    )
    let followed = ''
    const stop = new AbortController()
    const following = cluster.try('1.36', ['logs', '-f', 'talker', '--since=1s'], {
      signal: stop.signal,
      onOutput: text => {
        followed += text
      },
    })
    try {
      await eventually('three more lines while following', () => followed.split('more\n').length > 3)
    } finally {
      stop.abort()
      await following
    }
    expect(followed).not.toContain('line 1')
    const { code, stderr } = await cluster.try('1.36', ['logs', 'talker', '-c', 'nobody'])
    expect(code).toBe(1)
    expect(stderr).toContain('container nobody is not valid for pod talker')
  })

  test('delete gives the grace period: TERM, Terminating shown, then gone', async () => {
    await cluster.apply(
      pod(
        'slow',
        `command: [sh, -c, 'trap "echo told; sleep 3; echo done; exit 0" TERM; while true; do sleep 0.1; done']`,
        'terminationGracePeriodSeconds: 20',
      ),
    )
    await running('slow')
    const following = cluster.try('1.36', ['logs', '-f', 'slow'])
    expect(await cluster.kubectl('delete pod slow --wait=false')).toContain('pod "slow" deleted')
    const pods = await cluster.kubectl('get pods --no-headers')
    expect(pods).toMatch(/^slow +1\/1 +Terminating /)
    await cluster.kubectl('wait --for=delete pod/slow --timeout=60s')
    expect((await following).stdout).toBe('told\ndone\n')
    expect(await cluster.kubectl('get pods --ignore-not-found')).toBe('')
  })

  test('a program that ignores TERM is killed when the grace period is over', async () => {
    await cluster.apply(pod('stubborn', `command: [sh, -c, 'trap "" TERM; while true; do sleep 1; done']`))
    await running('stubborn')
    await cluster.kubectl('delete pod stubborn --grace-period=2')
    expect(await cluster.kubectl('get pods --ignore-not-found')).toBe('')
  })

  test('restartPolicy Never: Completed with 0, Error with the exit code, and logs stay', async () => {
    await cluster.apply(
      `${pod('good', `command: [sh, -c, 'echo fine']`, 'restartPolicy: Never')}---\n${pod('bad', `command: [sh, -c, 'echo no >&2; exit 7']`, 'restartPolicy: Never')}`,
    )
    await eventually('both have ended', async () =>
      /^bad +0\/1 +Error .*\ngood +0\/1 +Completed /.test(await cluster.kubectl('get pods --no-headers')),
    )
    const bad = await cluster.json<Pod>('get pod bad')
    expect(bad.status).toMatchObject({ phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 7, reason: 'Error' } } }] })
    expect(await cluster.kubectl('logs good')).toBe('fine\n')
    expect(await cluster.kubectl('logs bad')).toBe('no\n')
  })

  test('init containers run one after the other before the app; neighbours share the network', async () => {
    await cluster.apply(`
apiVersion: v1
kind: Pod
metadata: { name: trio }
spec:
  restartPolicy: Never
  volumes: [{ name: notes, emptyDir: {} }]
  initContainers:
    - { name: first, image: 'zeroplane/demo:1', command: [sh, -c, 'echo one >> /notes/log'], volumeMounts: [{ name: notes, mountPath: /notes }] }
    - { name: second, image: 'zeroplane/demo:1', command: [sh, -c, 'echo two >> /notes/log'], volumeMounts: [{ name: notes, mountPath: /notes }] }
  containers:
    - { name: server, image: 'zeroplane/demo:1', command: [sh, -c, 'cat /notes/log | nc -l -p 9999'], volumeMounts: [{ name: notes, mountPath: /notes }] }
    - { name: client, image: 'zeroplane/demo:1', command: [sh, -c, 'until nc 127.0.0.1 9999 2>/dev/null; do sleep 0.2; done'] }
`)
    await eventually('the pod has succeeded', async () => (await cluster.json<Pod>('get pod trio')).status?.phase === 'Succeeded')
    expect(await cluster.kubectl('logs trio -c client')).toBe('one\ntwo\n')
  })
})

describe('environment', () => {
  test('from a ConfigMap, a Secret, the pod and its resources; no secret in the task definition or describe', async () => {
    await cluster.kubectl('apply -f examples/env.yaml')
    await eventually('it has ended', async () => (await cluster.json<Pod>('get pod env-demo')).status?.phase === 'Succeeded')
    const node = (await cluster.json<Pod>('get pod env-demo')).spec?.nodeName
    expect(await cluster.kubectl('logs env-demo')).toBe(`hello, env-demo on ${node}, password of 28 letters, cpu 1\n`)
    expect(await cluster.kubectl('describe pod env-demo')).not.toContain('correct horse')
  })

  test('a missing key keeps the container waiting, and says which', async () => {
    await cluster.apply(
      pod(
        'waits',
        `env: [{ name: A, valueFrom: { configMapKeyRef: { name: later, key: a } } }]\n      command: [sh, -c, 'echo got $A; sleep 1000']`,
      ),
    )
    await eventually('CreateContainerConfigError is shown', async () =>
      (await cluster.kubectl('get pods --no-headers')).includes('CreateContainerConfigError'),
    )
    expect(await cluster.kubectl('describe pod waits')).toContain('configmap "later" not found')
    await cluster.kubectl('create configmap later --from-literal=a=value')
    await running('waits')
    expect(await cluster.kubectl('logs waits')).toBe('got value\n')
  })
})

describe('a pod that cannot run', () => {
  test('an image that nobody has: ErrImagePull, then ImagePullBackOff, with an event', async () => {
    await cluster.kubectl('apply -f examples/bad-image.yaml')
    const seen = new Set<string>()
    await eventually('it backs off', async () => {
      const status = (await cluster.kubectl('get pods --no-headers')).split(/ +/)[2] ?? ''
      seen.add(status)
      return status === 'ImagePullBackOff'
    })
    expect(await reasons('bad-image')).toEqual(expect.arrayContaining(['Scheduled', 'Failed', 'BackOff']))
    const { stdout } = await cluster.try('1.36', ['describe', 'pod', 'bad-image'])
    expect(stdout).toMatch(/Failed to pull image "zeroplane\/no-such-image:1"/)
    expect(stdout).toMatch(/Back-off pulling image "zeroplane\/no-such-image:1"/)
  })

  test('a command that is not there: the reason is the status', async () => {
    await cluster.apply(pod('lost', 'command: [/no/such/program]'))
    const pod_ = await eventually('the container has failed to start', async () => {
      const found = await cluster.json<Pod>('get pod lost')
      const status = found.status?.containerStatuses?.[0]
      return status?.lastState?.terminated || status?.state?.terminated ? found : undefined
    })
    const status = pod_.status!.containerStatuses![0]!
    const ended = status.lastState?.terminated ?? status.state?.terminated
    expect(ended?.exitCode).not.toBe(0)
    expect(await cluster.kubectl('describe pod lost')).toContain('/no/such/program')
  })

  test('larger than any node: Pending, and FailedScheduling says why', async () => {
    await cluster.apply(pod('huge', "resources: { requests: { cpu: '500' } }"))
    await eventually('an event says why', async () => (await cluster.kubectl('describe pod huge')).includes('FailedScheduling'))
    expect(await cluster.kubectl('get pods --no-headers')).toMatch(/^huge +0\/1 +Pending +0 /)
    expect(await cluster.kubectl('describe pod huge')).toMatch(/0\/3 nodes are available: 3 Insufficient cpu/)
  })
})

test("limits are the kernel's: docker inspect shows them on the container", async () => {
  await cluster.kubectl('apply -f examples/limits.yaml')
  await eventually('the demo container runs', async () => {
    const { status } = await cluster.json<Pod>('get pod limits')
    return status?.containerStatuses?.find(c => c.name === 'demo')?.state?.running !== undefined
  })
  const { HostConfig } = await inspectOne(cluster, 'demo')
  expect(HostConfig.Memory).toBe(128 * 1024 * 1024)
  expect(HostConfig.MemoryReservation).toBe(64 * 1024 * 1024)
  expect(HostConfig.CpuShares).toBe(256)
})

function pod(name: string, container: string, spec = ''): string {
  return `
apiVersion: v1
kind: Pod
metadata:
  name: ${name}
spec:
  ${spec}
  containers:
    - name: main
      image: zeroplane/demo:1
      ${container}
`
}
