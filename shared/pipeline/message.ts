// Work items as messages. One message holds work of one group, so that the queue's own rule (one message of a group at a time)
// keeps two workers off a key.
import { createHash } from 'node:crypto'
import { type WorkItem, workGroup } from './work.ts'

export interface WorkMessage {
  readonly cluster: string
  readonly items: readonly WorkItem[]
}

export interface GroupedMessage {
  /** SQS MessageGroupId. */
  readonly group: string
  readonly body: string
}

/** An SQS request takes 256 KB for certain, for up to ten messages. */
const MOST_ITEMS = 100

/** As few messages as there are groups, unless one has very much work. */
export function messagesOf(cluster: string, items: readonly WorkItem[]): GroupedMessage[] {
  const groups = new Map<string, WorkItem[]>()
  for (const item of items) {
    const group = workGroup(item)
    const known = groups.get(group)
    if (known === undefined) groups.set(group, [item])
    else known.push(item)
  }
  const messages: GroupedMessage[] = []
  for (const [group, items] of groups) {
    for (let start = 0; start < items.length; start += MOST_ITEMS) {
      const message: WorkMessage = { cluster, items: items.slice(start, start + MOST_ITEMS) }
      messages.push({ group: groupId(cluster, group), body: JSON.stringify(message) })
    }
  }
  return messages
}

/** @throws Error for what is not a work message */
export function parseMessage(body: string): WorkMessage {
  const message = JSON.parse(body) as Partial<WorkMessage> | null
  if (typeof message?.cluster !== 'string' || !Array.isArray(message.items) || !message.items.every(isItem)) {
    throw new Error(`not a work message: ${body.slice(0, 200)}`)
  }
  return { cluster: message.cluster, items: message.items }
}

const isItem = (item: Partial<WorkItem> | null) => typeof item?.controller === 'string' && typeof item.key === 'string'

/** A MessageGroupId has up to 128 letters, digits and punctuation: keys of custom controllers may be longer. */
function groupId(cluster: string, group: string): string {
  const id = `${cluster}/${group}`
  return /^[\x21-\x7e]{1,128}$/.test(id) ? id : createHash('sha256').update(id).digest('hex')
}
