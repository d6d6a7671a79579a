import { afterEach, expect, it } from 'vitest'
import type { Service } from '../../shared/api/core/v1.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import { openCluster } from '../../shared/cluster.ts'
import { NAMESPACES, SERVICES } from '../../shared/controllers/collections.ts'
import { silent } from '../../shared/pipeline/log.ts'
import { type Manager, startManager } from '../../shared/pipeline/manager.ts'
import { dnsServiceController } from '../../shared/pods/dns-service.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import { eventually } from '../tools/wait.ts'

let manager: Manager
afterEach(() => manager?.stop())

it('there is a Service of cluster DNS at the address where agents answer, and again when it is deleted', async () => {
  const store = new MemoryStore()
  const machinery = openCluster({ store })
  const client = clientFor(machinery, SYSTEM, 'test')
  manager = await startManager({ store, client, registry: machinery.registry, controllers: [dnsServiceController], log: silent })
  const namespace = (name: string) => client.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  await namespace('kube-system')
  await namespace('default')
  await client.create<Service>(SERVICES, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', namespace: 'default' },
    spec: { clusterIP: '127.128.0.1', ports: [{ port: 443 }] },
  })
  const made = () => client.get<Service>(SERVICES, 'kube-system', 'kube-dns')
  const first = await eventually('it is made', made)
  expect(first.spec?.clusterIP).toBe('127.128.0.10')
  await client.delete(SERVICES, 'kube-system', 'kube-dns')
  await eventually('it is made again', async () => {
    const now = await made()
    return now !== undefined && now.metadata.uid !== first.metadata.uid
  })
})
