// Ranges of cluster addresses: when they are ready, what Services take from them, and that none goes from under a Service.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Service } from '../../shared/api/core/v1.ts'
import type { ServiceCIDR } from '../../shared/api/networking/v1.ts'
import { IP_ADDRESSES, SERVICE_CIDRS, SERVICES } from '../../shared/controllers/collections.ts'
import { serviceCidrController } from '../../shared/controllers/servicecidr.ts'
import { TestCluster } from './cluster.ts'
import { Crash } from './crash.ts'

let cluster: TestCluster
beforeEach(async () => {
  cluster = await TestCluster.start({ controllers: [serviceCidrController] })
})
afterEach(() => cluster.stop())

const range = async (name: string, ...cidrs: string[]) => {
  const object = { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name }, spec: { cidrs } }
  await cluster.client.create(SERVICE_CIDRS, object as ServiceCIDR)
  await cluster.calm()
}
const find = (name: string) => cluster.client.get<ServiceCIDR>(SERVICE_CIDRS, undefined, name)
const ready = async (name: string) =>
  (await find(name))?.status?.conditions?.map(({ type, status, reason, message }) => [type, status, reason, message])
const service = (name: string, clusterIP?: string) =>
  cluster.create<Service>(SERVICES, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { ports: [{ port: 80 }], ...(clusterIP === undefined ? {} : { clusterIP }) },
  })
const drop = async (name: string) => {
  await cluster.client.delete(SERVICE_CIDRS, undefined, name)
  await cluster.calm()
}

const READY = ['Ready', 'True', '', 'Kubernetes Service CIDR is ready']
const TERMINATING = [
  'Ready',
  'False',
  'Terminating',
  'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
]

test('a range is held and ready, and Services may ask for its addresses', async () => {
  await expect(service('early', '10.200.0.9')).rejects.toThrow('the provided network does not match the current range')
  await range('more', '10.200.0.0/24')
  expect((await find('more'))?.metadata.finalizers).toEqual(['networking.k8s.io/service-cidr-finalizer'])
  expect(await ready('more')).toEqual([READY])
  expect((await service('s', '10.200.0.9')).spec?.clusterIP).toBe('10.200.0.9')
  await expect(service('t', '10.200.0.9')).rejects.toThrow('provided IP is already allocated')
  await expect(service('u', '10.201.0.9')).rejects.toThrow('the provided network does not match the current range')
})

test('a range that nobody uses goes after ten seconds', async () => {
  await range('more', '10.200.0.0/24')
  await drop('more')
  expect(await find('more')).toBeDefined()
  await expect(service('s', '10.200.0.9')).rejects.toThrow('the provided network does not match the current range')
  await cluster.pass(11)
  expect(await find('more')).toBeUndefined()
})

test('a range stays while a Service has an address of it, and says why', async () => {
  await range('more', '10.200.0.0/24')
  await service('s', '10.200.0.9')
  await drop('more')
  await cluster.pass(3600)
  expect(await ready('more')).toEqual([TERMINATING])
  await cluster.client.delete(SERVICES, 'default', 's')
  expect(await cluster.client.get(IP_ADDRESSES, undefined, '10.200.0.9')).toBeUndefined()
  await cluster.pass(300)
  expect(await find('more')).toBeUndefined()
})

test('a range that another one covers may go at once, one that is going itself covers nothing', async () => {
  await range('small', '10.200.0.0/24')
  await service('s', '10.200.0.9')
  await drop('small')
  await cluster.pass(60)
  expect(await ready('small')).toEqual([TERMINATING])
  await range('large', '10.200.0.0/16')
  await cluster.calm()
  expect(await find('small')).toBeUndefined()
  await range('again', '10.200.0.0/16')
  await drop('again')
  await drop('large')
  await cluster.pass(3600)
  expect(await ready('large')).toEqual([TERMINATING])
})

test('addresses that others manage keep no range', async () => {
  await range('more', '10.200.0.0/24')
  const parentRef = { group: 'example.com', resource: 'frobs', name: 'f' }
  const address = { apiVersion: 'networking.k8s.io/v1', kind: 'IPAddress', metadata: { name: '10.200.0.9' }, spec: { parentRef } }
  await cluster.client.create(IP_ADDRESSES, address as never)
  await drop('more')
  await cluster.pass(11)
  expect(await find('more')).toBeUndefined()
})

test('it comes out the same, whenever the controller is killed', async () => {
  for (const when of ['before', 'after'] as const) {
    for (let write = 1; ; write++) {
      cluster.stop()
      const crash = new Crash({ write, when })
      cluster = await TestCluster.start({ controllers: [serviceCidrController], wrap: crash.wrap })
      const heal = async () => {
        await cluster.calm()
        if (!crash.dead) return
        await cluster.restart()
        await cluster.pass(30)
      }
      await range('more', '10.200.0.0/24')
      await heal()
      expect(await ready('more'), `killed ${when} write ${write}`).toEqual([READY])
      await drop('more')
      await heal()
      await cluster.pass(11)
      await heal()
      expect(await find('more'), `killed ${when} write ${write}`).toBeUndefined()
      if (!crash.dead) break
    }
  }
})
