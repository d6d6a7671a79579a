// Changes applied to items: forward, and backward.
import type { OrderedItems } from './ordered-items.ts'
import type { Change } from './types.ts'

export function redo(items: OrderedItems, { type, key, revision, object }: Change): void {
  if (type === 'deleted') items.remove(key)
  else items.set({ key, revision, object })
}

/** Takes a change back; the newest must be taken back first. */
export function undo(items: OrderedItems, { key, previous }: Change): void {
  if (previous === undefined) items.remove(key)
  else items.set({ key, revision: Number(previous.metadata.resourceVersion), object: previous })
}
