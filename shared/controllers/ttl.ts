// For how long kubelets may keep ConfigMaps and Secrets before they ask again: the more nodes, the longer (pkg/controller/ttl).
import type { KubeObject } from '../apimachinery/types.ts'
import { objectKey } from '../apimachinery/types.ts'
import { all } from './bursts.ts'
import { NODES } from './collections.ts'
import { unlessGone } from './owners.ts'
import type { Controller } from './types.ts'

const ANNOTATION = 'node.alpha.kubernetes.io/ttl'

/** Up to `most` nodes; back below `least` of them the step before holds again. */
const STEPS = [
  { least: 0, most: 100, seconds: 0 },
  { least: 90, most: 500, seconds: 15 },
  { least: 450, most: 1000, seconds: 30 },
  { least: 900, most: 2000, seconds: 60 },
  { least: 1800, most: Number.POSITIVE_INFINITY, seconds: 300 },
]

/** What the node has been told is the memory of the step: it stays where it fits. Pure. */
export function secondsFor(nodes: number, said: string | undefined): number {
  const current = STEPS.find(({ seconds }) => String(seconds) === said)
  if (current !== undefined && nodes >= current.least && nodes <= current.most) return current.seconds
  const isTooMany = current !== undefined && nodes < current.least
  const fitting = STEPS.filter(({ least, most }) => nodes >= least && nodes <= most)
  return (isTooMany ? fitting.at(-1) : fitting[0])!.seconds
}

/** One key for all of them: what holds for one depends on how many there are. */
const ALL = objectKey(undefined, 'nodes:')

const told = ({ metadata }: KubeObject): string | undefined => metadata.annotations?.[ANNOTATION]

export const ttlController: Controller = {
  name: 'ttl',
  component: 'ttl-controller',
  watches: [
    {
      resource: NODES,
      keys: ({ type, object, previous }) => (type === 'deleted' || previous === undefined || told(previous) !== told(object) ? [ALL] : []),
    },
  ],
  async reconcile(_key, { client, informer }) {
    const nodes = (await informer(NODES)).list().map(({ object }) => object)
    await all(nodes, async node => {
      const seconds = String(secondsFor(nodes.length, told(node)))
      if (told(node) === seconds) return
      const body = { metadata: { annotations: { [ANNOTATION]: seconds } } }
      await unlessGone(() => client.patch(NODES, undefined, node.metadata.name, { type: 'strategic', body }))
    })
    return undefined
  },
}
