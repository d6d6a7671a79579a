// What was said of an object.
import type { KubeObject } from '../../shared/apimachinery/types.ts'
import type { TestCluster } from './cluster.ts'

const EVENTS = { group: '', resource: 'events' }

interface Told extends KubeObject {
  type: string
  reason: string
  message?: string
  note?: string
  involvedObject?: { name: string }
  regarding?: { name: string }
}

/** "Warning FailedCreate: Error creating: ..." of the object of this name, in whatever namespace, without repetition, sorted. */
export async function eventsOf(cluster: TestCluster, name: string, ...reasons: readonly string[]): Promise<string[]> {
  const told = (await cluster.store.list(EVENTS)).items.map(({ object }) => object as Told)
  const own = told.filter(event => (event.involvedObject ?? event.regarding)?.name === name)
  const wanted = own.filter(({ reason }) => reasons.length === 0 || reasons.includes(reason))
  return [...new Set(wanted.map(({ type, reason, message, note }) => `${type} ${reason}: ${message ?? note}`))].sort()
}
