import { afterAll, beforeAll, expect, test } from 'vitest'
import { Cluster } from '../tools/cluster.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await Cluster.prepare({ flags: ['--no-controllers', '--store', 'memory'] })
  await cluster.start()
})
afterAll(() => cluster?.destroy())

test('kubectl of today and of 2021 talk to it', async () => {
  expect(await cluster.kubectl('get namespaces -o name')).toContain('namespace/default')
  const old = await cluster.try('1.22', ['get', 'namespaces', '-o', 'name'])
  expect(old).toMatchObject({ code: 0 })
  expect(old.stdout).toContain('namespace/kube-system')
})
