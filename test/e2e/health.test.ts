// Containers that do badly: crash loops, memory, probes. What kubectl shows is what Kubernetes would show.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ContainerStatus, Pod } from '../../shared/api/core/v1.ts'
import { Cluster } from '../tools/cluster.ts'
import { eventually } from '../tools/wait.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await Cluster.prepare()
  await cluster.start()
})
afterAll(() => cluster?.destroy())

const status = async (name: string, container?: string): Promise<ContainerStatus | undefined> => {
  const pod = await cluster.json<Pod>(`get pod ${name}`)
  return pod.status?.containerStatuses?.find(one => container === undefined || one.name === container)
}

test('a crash loop: CrashLoopBackOff, restarts counted, waits that grow, logs --previous', async () => {
  await cluster.kubectl('apply -f examples/crash-loop.yaml')
  const seen = new Set<string>()
  await eventually(
    'it has been restarted twice and waits again',
    async () => {
      seen.add((await cluster.kubectl('get pod crash-loop --no-headers')).split(/ +/)[2] ?? '')
      const now = await status('crash-loop')
      return (now?.restartCount ?? 0) >= 2 && now?.state?.waiting?.reason === 'CrashLoopBackOff'
    },
    90_000,
  )
  expect(seen).toContain('CrashLoopBackOff')
  const now = await status('crash-loop')
  // The second wait is twice as long as the first.
  expect(now?.state?.waiting?.message).toMatch(/back-off [24]0s restarting failed container=main/)
  expect(now?.lastState?.terminated).toMatchObject({ exitCode: 3, reason: 'Error' })
  const previous = await cluster.kubectl('logs crash-loop --previous')
  expect(previous).toMatch(/^attempt at \d\d:\d\d:\d\d\n$/)
  const described = await cluster.kubectl('describe pod crash-loop')
  expect(described).toMatch(/Restart Count: +[23]/)
  expect(described).toMatch(/Warning +BackOff .*Back-off restarting failed container/)
  await cluster.kubectl('delete pod crash-loop --now')
})

test('more memory than its limit: OOMKilled with 137, restarted in place, the neighbour undisturbed', async () => {
  await cluster.kubectl('apply -f examples/limits.yaml')
  const ended = await eventually('the greedy container was killed', async () => {
    const now = await status('limits', 'greedy')
    return now?.lastState?.terminated ?? now?.state?.terminated
  })
  expect(ended).toMatchObject({ exitCode: 137, reason: 'OOMKilled' })
  await eventually('kubectl shows it', async () =>
    /(OOMKilled|CrashLoopBackOff)/.test(await cluster.kubectl('get pod limits --no-headers')),
  )
  expect(await status('limits', 'demo')).toMatchObject({ restartCount: 0, ready: true })
  await cluster.kubectl('delete pod limits --now')
})

describe('probes', () => {
  // The demo image obeys PUT /healthy/api and /ready/api; a neighbour in the pod asks it to fail when a file of the test says so.
  const manifest = (name: string, path: string, after: number) => `
apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: demo
      image: zeroplane/demo:1
      livenessProbe: { httpGet: { path: /healthy, port: 8080 }, periodSeconds: 1, failureThreshold: 2 }
      readinessProbe: { httpGet: { path: /ready, port: 8080 }, periodSeconds: 1, failureThreshold: 1 }
    - name: saboteur
      image: zeroplane/demo:1
      command:
        - node
        - -e
        - |
          const put = n => fetch('http://127.0.0.1:8080${path}/api', { method: 'PUT', body: JSON.stringify({ failNext: n }) })
          setTimeout(() => put(-1), ${after})
          setInterval(() => {}, 1000)
`

  test('a failing liveness probe restarts the container in place: same address, neighbour untouched', async () => {
    await cluster.apply(manifest('unhealthy', '/healthy', 4000))
    const before = await eventually('it is ready', async () => {
      const pod = await cluster.json<Pod>('get pod unhealthy')
      return pod.status?.containerStatuses?.every(one => one.ready) ? pod : undefined
    })
    await eventually('the demo container was restarted and is ready again', async () => {
      const now = await status('unhealthy', 'demo')
      return now?.restartCount === 1 && now.ready
    })
    const after = await cluster.json<Pod>('get pod unhealthy')
    expect(after.status?.podIP).toBe(before.status?.podIP)
    expect(await status('unhealthy', 'saboteur')).toMatchObject({ restartCount: 0 })
    const described = await cluster.kubectl('describe pod unhealthy')
    expect(described).toMatch(/Unhealthy .*Liveness probe failed: HTTP probe failed with statuscode: 500/)
    expect(described).toMatch(/Killing .*Container demo failed liveness probe, will be restarted/)
    await cluster.kubectl('delete pod unhealthy --now')
  })

  test('a failing readiness probe takes the pod out of Ready, without a restart', async () => {
    await cluster.apply(manifest('unready', '/ready', 4000))
    await eventually('it is ready', async () => (await status('unready', 'demo'))?.ready)
    await eventually('kubectl shows 1/2', async () =>
      /^unready +1\/2 +Running +0 /.test(await cluster.kubectl('get pod unready --no-headers')),
    )
    const pod = await cluster.json<Pod>('get pod unready')
    expect(pod.status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'False', reason: 'ContainersNotReady' })
    expect(await cluster.kubectl('describe pod unready')).toMatch(
      /Unhealthy .*Readiness probe failed: HTTP probe failed with statuscode: 500/,
    )
    await cluster.kubectl('delete pod unready --now')
  })

  test('all kinds of probes pass, and startup comes before the others', async () => {
    await cluster.kubectl('apply -f examples/probes.yaml')
    await eventually('it is ready', async () => (await status('probes'))?.ready)
    expect(await status('probes')).toMatchObject({ started: true, restartCount: 0 })
    await cluster.kubectl('delete pod probes --now')
  })
})
