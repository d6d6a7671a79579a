// Variables of Services in pods that listen on the same port themselves.
import { expect, it } from 'vitest'
import type { Pod, Service } from '../../shared/api/core/v1.ts'
import { createReader } from '../../shared/apimachinery/machinery.ts'
import type { KubeObject } from '../../shared/apimachinery/types.ts'
import { SERVICES } from '../../shared/controllers/collections.ts'
import { podPlan } from '../../shared/pods/plan.ts'
import { MemoryStore } from '../../shared/store/memory.ts'

async function variables(container: object, more: object = {}): Promise<Record<string, string>> {
  const store = new MemoryStore()
  const service = (name: string, clusterIP: string, port: number, spec: object = {}) =>
    store.create(SERVICES, `default/${name}`, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'default' },
      spec: { clusterIP, ports: [{ port }], ...spec },
    } as Service as unknown as KubeObject)
  await service('kubernetes', '127.128.0.1', 443)
  await service('web', '127.128.0.7', 80)
  await service('db', '127.128.0.8', 5432)
  await service('mine', '127.128.0.9', 9000, { selector: { app: 'client' } })
  const pod = {
    metadata: { name: 'client', namespace: 'default', uid: 'u', labels: { app: 'client' } },
    spec: { containers: [{ name: 'app', image: 'x', ...container }], ...more },
  } as unknown as Pod
  const plan = await podPlan(pod, createReader(store), ['10.0.0.7'])
  return Object.fromEntries(plan.containers[0]!.env.map(({ name, value }) => [name, value]))
}

it('have its address where that is reached, and its name where it is not', async () => {
  expect(await variables({})).toMatchObject({
    WEB_SERVICE_HOST: '127.128.0.7',
    WEB_PORT_80_TCP: 'tcp://127.128.0.7:80',
    KUBERNETES_SERVICE_HOST: '127.128.0.1',
    KUBERNETES_SERVICE_PORT: '6443',
    MINE_SERVICE_HOST: 'mine.default.svc.cluster.local',
  })
  expect(await variables({ ports: [{ containerPort: 80 }] })).toMatchObject({
    WEB_SERVICE_HOST: 'web.default.svc.cluster.local',
    WEB_SERVICE_PORT: '80',
    WEB_PORT_80_TCP: 'tcp://web.default.svc.cluster.local:80',
    DB_SERVICE_HOST: '127.128.0.8',
  })
  expect(await variables({ readinessProbe: { tcpSocket: { port: 5432 } } })).toMatchObject({
    DB_SERVICE_HOST: 'db.default.svc.cluster.local',
  })
})

it('have its address in a pod that has no cluster DNS', async () => {
  expect(await variables({ ports: [{ containerPort: 80 }] }, { dnsPolicy: 'Default' })).toMatchObject({ WEB_SERVICE_HOST: '127.128.0.7' })
})
