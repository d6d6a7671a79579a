// The dead letter, as users see it: an Event about the object that a key names.
import type { Client } from '../apimachinery/client.ts'
import { splitKey } from '../apimachinery/types.ts'
import type { Controller } from '../controllers/types.ts'
import type { EventLog } from './event-recorder.ts'

/** Source of a controller's events. */
export const componentOf = ({ component, name }: Controller): string => component ?? `${name}-controller`

/** Never throws: without the object there is nobody to tell. */
export async function tellFailure(client: Client, events: EventLog, controller: Controller, key: string, message: string): Promise<void> {
  const resource = controller.watches[0]?.resource
  if (resource === undefined || resource === '*') return
  const { namespace, name } = splitKey(key)
  try {
    const about = await client.get(resource, namespace || undefined, name)
    if (about !== undefined) await events.recorder(componentOf(controller)).event(about, 'Warning', 'ReconcileFailed', message)
  } catch {
    // What keeps the reconcile from succeeding may keep this from being said.
  }
}
