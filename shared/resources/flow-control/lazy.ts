// What the two kinds of flow control do besides being stored. Few clusters ever look at them, so it is loaded when somebody does.
import type { Client } from '../../apimachinery/client.ts'
import type { RequestContext } from '../../apimachinery/context.ts'

export const FLOW_SCHEMAS = { group: 'flowcontrol.apiserver.k8s.io', resource: 'flowschemas' }
export const PRIORITY_LEVELS = { group: 'flowcontrol.apiserver.k8s.io', resource: 'prioritylevelconfigurations' }

const made = new WeakMap<Client, Promise<void>>()

/** Once for each cluster in this process. */
export function firstObjects(context: RequestContext): Promise<void> {
  const { client } = context
  let making = made.get(client)
  if (making === undefined) {
    making = import('./first-objects.ts').then(({ makeFirstObjects }) => makeFirstObjects(context))
    made.set(client, making)
    making.catch(() => made.delete(client))
  }
  return making
}

export const settleSchema = async (name: string, context: RequestContext): Promise<void> =>
  (await import('./dangling.ts')).settleSchema(name, context)

export const settleSchemasOf = async (level: string, context: RequestContext): Promise<void> =>
  (await import('./dangling.ts')).settleSchemasOf(level, context)
