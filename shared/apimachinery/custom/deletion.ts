// A definition goes after its objects: they are deleted, and when the last of them is gone so is the definition.
import type { CustomResourceDefinition } from '../../api/apiextensions/v1.ts'
import type { Machinery } from '../machinery.ts'
import { equal, formatTime } from '../objects.ts'
import { isStatus } from '../status-error.ts'
import { CLEANUP } from './cleanup.ts'
import { DEFINITIONS } from './kinds.ts'
import { withCondition } from './names.ts'

/** So many objects are deleted by whoever looks; a controller does not stop there, because it looks again. */
const AT_ONCE = 200

/** Answers whether it changed the definition. */
export async function finishDeletion(machinery: Machinery, definition: CustomResourceDefinition): Promise<boolean> {
  const { client, store, registry } = machinery
  const collection = { group: definition.spec.group, resource: definition.spec.names.plural }
  const isServed = registry.storage(collection) !== undefined
  const { items } = isServed ? await store.list(collection, { limit: AT_ONCE }) : { items: [] }
  if (items.length === 0) return write(() => remove(machinery, definition))
  for (const { object } of items) {
    const { namespace, name, uid, deletionTimestamp } = object.metadata
    if (deletionTimestamp !== undefined) continue
    try {
      await client.delete(collection, namespace, name ?? '', { preconditions: { uid } })
    } catch (error) {
      if (!isStatus(error, 'Conflict')) throw error
    }
  }
  const status = {
    ...definition.status,
    conditions: withCondition(definition.status?.conditions ?? [], {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionInProgress',
      message: 'CustomResource deletion is in progress',
      lastTransitionTime: formatTime(machinery.now()),
    }),
  }
  if (!equal(status, definition.status)) {
    await write(() => client.updateStatus(DEFINITIONS, { ...definition, status }))
    return true
  }
  // What was just deleted may have been the last.
  const left = await store.list(collection, { limit: 1 })
  return left.items.length === 0 ? write(() => remove(machinery, definition)) : false
}

function remove({ client }: Machinery, definition: CustomResourceDefinition): Promise<unknown> {
  const finalizers = definition.metadata.finalizers?.filter(finalizer => finalizer !== CLEANUP)
  return client.update(DEFINITIONS, { ...definition, metadata: { ...definition.metadata, finalizers } })
}

async function write(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action()
  } catch (error) {
    if (!isStatus(error, 'Conflict') && !isStatus(error, 'NotFound')) throw error
  }
  return true
}
