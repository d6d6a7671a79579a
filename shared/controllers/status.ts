// Statuses are written only when they say something new.
import type { GroupResource, KubeObject } from '../apimachinery/types.ts'
import { equal } from './equality.ts'
import type { ControllerContext } from './types.ts'

/** Numbers of zero are left out of a status, as absent ones are zero. */
export const count = (n: number): number | undefined => (n === 0 ? undefined : n)

/** Without members that are undefined. */
export function compact<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T
}

/** Writes the status unless the object has it already. Answers the object as it is afterwards. */
export async function writeStatus<T extends KubeObject & { status?: object }>(
  { client }: ControllerContext,
  resource: GroupResource,
  object: T,
  status: T['status'],
): Promise<T> {
  if (equal(object.status, status)) return object
  return client.updateStatus<T>(resource, { ...object, status: compact(status ?? {}) })
}
