// CustomResourceDefinitions: their names, their being served, and the end of those that are deleted. All that is done by whoever looks
// at definitions (apimachinery/custom); this looks when one changes, and goes on looking while one is going.
import type { CustomResourceDefinition } from '../api/apiextensions/v1.ts'
import { parseTime } from './time.ts'
import type { Controller } from './types.ts'
import { own } from './watches.ts'

const DEFINITIONS = { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' }
/** Objects may wait for finalizers, for ever: longer as time goes by. Seconds. */
const SHORTEST_WAIT_S = 0.25
const LONGEST_WAIT_S = 15

export const customResourceDefinitionController: Controller = {
  name: 'customresourcedefinition',
  component: 'customresourcedefinition-controller',
  watches: [own(DEFINITIONS)],
  async reconcile(key, { registry, informer, now }) {
    await registry.refresh()
    const definition = (await informer(DEFINITIONS)).get(key)?.object as CustomResourceDefinition | undefined
    if (definition?.metadata.deletionTimestamp === undefined) return undefined
    const age = (now() - parseTime(definition.metadata.deletionTimestamp)) / 1000
    return { requeueAfter: Math.min(LONGEST_WAIT_S, Math.max(SHORTEST_WAIT_S, age / 4)) }
  },
}
