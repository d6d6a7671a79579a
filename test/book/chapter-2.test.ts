// Pods. More of them is in test/e2e/pods.test.ts, with today's kubectl alone.
import { expect } from 'vitest'
import type { Pod } from '../../shared/api/core/v1.ts'
import { chapter, eventually, isReady, type Reader } from './book.ts'

const { row } = chapter(2)

const KUARD = 'gcr.io/kuar-demo/kuard-amd64:1'

/** The book's kuard-pod.yaml, with what a row adds to its container. */
const kuard = (container = '', image = KUARD) => `apiVersion: v1
kind: Pod
metadata:
  name: kuard
spec:
  terminationGracePeriodSeconds: 5
  containers:
    - name: kuard
      image: ${image}
      ports: [{containerPort: 8080, name: http, protocol: TCP}]
${container}`

const ready = (reader: Reader, name = 'kuard') =>
  eventually(`${name} is ready`, async () => {
    const pod = await reader.json<Pod>(`get pod ${name}`)
    return isReady(pod) && pod
  })

row('run, get pods, describe with its events in order, delete', async reader => {
  expect(await reader.kubectl(`run kuard --image=${KUARD}`)).toBe('pod/kuard created\n')
  const pod = await ready(reader)
  expect(await reader.kubectl('get pods')).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE\nkuard +1\/1 +Running +0 +\d+s\n$/)
  const described = await reader.kubectl('describe pods kuard')
  expect(described).toMatch(/^Status: +Running$/m)
  expect(described).toMatch(new RegExp(`^IP: +${pod.status?.podIP}$`, 'm'))
  expect(described).toMatch(new RegExp(`^ +Image: +${KUARD}$`, 'm'))
  expect(described).toMatch(/^ +State: +Running$/m)
  expect(described).toMatch(/^QoS Class: +BestEffort$/m)
  expect(described).toMatch(/Normal +Scheduled[\s\S]*Normal +Pulled[\s\S]*Normal +Created[\s\S]*Normal +Started/)
  const deleting = reader.try('delete pods/kuard', { timeout: 120_000 })
  await reader.see('get pods --ignore-not-found', /Terminating|^$/)
  expect((await deleting).stdout).toContain('pod "kuard" deleted')
  expect(await reader.kubectl('get pods --ignore-not-found')).toBe('')
})

row(
  'apply, apply again, change and apply, delete -f',
  async reader => {
    expect(await reader.apply(kuard())).toBe('pod/kuard created\n')
    expect(await reader.apply(kuard())).toBe('pod/kuard unchanged\n')
    expect(await reader.apply(kuard().replace('name: kuard\nspec', 'name: kuard\n  labels: {a: b}\nspec'))).toBe('pod/kuard configured\n')
    const changed = await reader.try('apply -f -', { input: kuard('      command: [sleep, "5"]\n') })
    expect(changed.code).toBe(1)
    expect(changed.stderr).toContain('spec: Forbidden: pod updates may not change fields other than')
    expect(await reader.kubectl('delete -f -', { input: kuard(), timeout: 120_000 })).toContain('pod "kuard" deleted')
  },
  { both: true },
)

row('a liveness probe that fails restarts the container, and counts', async reader => {
  await reader.apply(
    kuard(`      livenessProbe:
        httpGet: {path: /healthy, port: 8080}
        initialDelaySeconds: 2
        timeoutSeconds: 1
        periodSeconds: 1
        failureThreshold: 3
`),
  )
  const pod = await ready(reader)
  await reader.apply(`apiVersion: v1
kind: Pod
metadata: {name: nurse}
spec:
  restartPolicy: Never
  containers:
    - name: shell
      image: ${KUARD}
      command: [wget, -qO-, --post-data, '{"failNext":-1}', "http://${pod.status?.podIP}:8080/healthy/api"]
`)
  await reader.see('get pod kuard --no-headers', /^kuard +\d\/1 +\S+ +1 /)
  const described = await reader.kubectl('describe pod kuard')
  expect(described).toMatch(/Warning +Unhealthy .*Liveness probe failed: HTTP probe failed with statuscode: 500/)
  expect(described).toMatch(/Normal +Killing .*Container kuard failed liveness probe, will be restarted/)
  expect(described).toMatch(/^ +Liveness: +http-get http:\/\/:8080\/healthy delay=2s timeout=1s period=1s #success=1 #failure=3$/m)
  const restarted = await ready(reader)
  expect({ uid: restarted.metadata.uid, ip: restarted.status?.podIP }).toEqual({ uid: pod.metadata.uid, ip: pod.status?.podIP })
})

row('requests and limits: described, counted, and what is more than the memory limit is OOMKilled', async reader => {
  const resources = `      resources:
        requests: {cpu: 500m, memory: 128Mi}
        limits: {cpu: 1000m, memory: 256Mi}
`
  await reader.apply(kuard(resources))
  const pod = await ready(reader)
  expect(pod.status?.qosClass).toBe('Burstable')
  const described = await reader.kubectl('describe pod kuard')
  expect(described).toMatch(/^ +Limits:\n +cpu: +1\n +memory: +256Mi\n +Requests:\n +cpu: +500m\n +memory: +128Mi$/m)
  expect(await reader.kubectl(`describe node ${pod.spec?.nodeName}`)).toMatch(
    new RegExp(`^ +${reader.namespace} +kuard +500m \\(\\d+%\\) +1 \\(\\d+%\\) +128Mi \\(\\d+%\\) +256Mi \\(\\d+%\\)`, 'm'),
  )
  await reader.apply(`apiVersion: v1
kind: Pod
metadata: {name: eater}
spec:
  restartPolicy: Never
  containers:
    - name: shell
      image: ${KUARD}
      command: [wget, -qO-, --post-data, "", "http://${pod.status?.podIP}:8080/mem/api/alloc?size=500000000"]
`)
  const killed = await eventually('it was killed for it', async () => {
    const { status } = await reader.json<Pod>('get pod kuard')
    return status?.containerStatuses?.[0]?.lastState?.terminated
  })
  expect({ reason: killed.reason, exitCode: killed.exitCode }).toEqual({ reason: 'OOMKilled', exitCode: 137 })
})

row('a pod that is too large for every node stays Pending and says why', async reader => {
  await reader.apply(kuard('      resources: {requests: {cpu: 500}}\n'))
  const told = await reader.see('describe pod kuard', /Warning +FailedScheduling/)
  expect(told).toMatch(/0\/\d+ nodes are available: \d+ Insufficient cpu/)
  expect(await reader.kubectl('get pod kuard --no-headers')).toMatch(/^kuard +0\/1 +Pending +0 /)
})

row('logs, --previous, --tail, --since, --timestamps', async reader => {
  await reader.apply(kuard(`      command: [sh, -c, 'echo one; echo two; sleep 6; exit 1']\n`))
  await reader.see('logs kuard', 'one\ntwo\n')
  expect(await reader.kubectl('logs kuard --tail=1')).toBe('two\n')
  expect(await reader.kubectl('logs kuard --timestamps')).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z one\n/)
  expect(await reader.kubectl('logs kuard -c kuard --since=1h')).toContain('one\n')
  await reader.see('get pod kuard --no-headers', /^kuard +\d\/1 +\S+ +[1-9]/)
  await reader.see('logs kuard --previous', 'one\ntwo\n')
})

row('emptyDir volumes, in memory too, are shared and outlive a container', async reader => {
  await reader.apply(`apiVersion: v1
kind: Pod
metadata: {name: kuard}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: writer
      image: ${KUARD}
      command: [sh, -c, 'if [ -e /disk/note ]; then cat /disk/note /memory/note; sleep 3600; fi; echo disk > /disk/note; echo memory > /memory/note; exit 1']
      volumeMounts: [{name: disk, mountPath: /disk}, {name: memory, mountPath: /memory}]
    - name: reader
      image: ${KUARD}
      command: [sh, -c, 'until [ -e /there/note ]; do sleep 0.2; done; cat /there/note; sleep 3600']
      volumeMounts: [{name: disk, mountPath: /there}]
  volumes:
    - {name: disk, emptyDir: {}}
    - {name: memory, emptyDir: {medium: Memory}}
`)
  await reader.see('logs kuard -c reader', 'disk\n')
  await reader.see('logs kuard -c writer', 'disk\nmemory\n')
  expect(await reader.kubectl('describe pod kuard')).toMatch(
    /^ +Type: +EmptyDir \(a temporary directory that shares a pod's lifetime\)\n +Medium: +Memory$/m,
  )
})
