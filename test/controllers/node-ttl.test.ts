// How long kubelets may keep what they read: by the number of nodes.
import { afterEach, expect, test } from 'vitest'
import type { Node } from '../../shared/api/core/v1.ts'
import { NODES } from '../../shared/controllers/collections.ts'
import { secondsFor, ttlController } from '../../shared/controllers/ttl.ts'
import { TestCluster } from './cluster.ts'
import { readyNode } from './objects.ts'

let cluster: TestCluster
afterEach(() => cluster?.stop())

test.each([
  [1, undefined, 0],
  [100, undefined, 0],
  [101, undefined, 15],
  [2001, undefined, 300],
  // It stays where it is while that fits.
  [95, '15', 15],
  [95, '0', 0],
  [89, '15', 0],
  [101, '0', 15],
  [1, 'nonsense', 0],
  [460, '30', 30],
  [440, '30', 15],
])('%i nodes, of which one was told %s', (nodes, told, seconds) => {
  expect(secondsFor(nodes, told)).toBe(seconds)
})

test('nodes are told when they come, and all of them when there are many', async () => {
  cluster = await TestCluster.start({ controllers: [ttlController] })
  const add = async (from: number, to: number) => {
    for (let i = from; i < to; i++)
      await cluster.client.create<Node>(NODES, { ...readyNode(`n${i}`, 0), metadata: { name: `n${i}` } } as Node)
    await cluster.calm()
  }
  const told = async () => {
    const nodes = (await cluster.store.list(NODES)).items.map(({ object }) => object)
    return [...new Set(nodes.map(({ metadata }) => metadata.annotations?.['node.alpha.kubernetes.io/ttl']))]
  }
  await add(0, 2)
  expect(await told()).toEqual(['0'])
  await add(2, 101)
  expect(await told()).toEqual(['15'])
})
