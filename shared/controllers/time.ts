// Kubernetes times: RFC 3339 in whole seconds.

export const timestamp = (milliseconds: number): string => `${new Date(milliseconds).toISOString().slice(0, 19)}Z`

/** With six digits, as MicroTime wants them. */
export const microTimestamp = (milliseconds: number): string => `${new Date(milliseconds).toISOString().slice(0, 23)}000Z`

export const parseTime = (time: string): number => Date.parse(time)

/** What an Outcome wants, from a point in time: never negative, a little late rather than early. Undefined stays undefined. */
export function requeueAt(due: number | undefined, now: number): { requeueAfter: number } | undefined {
  return due === undefined ? undefined : { requeueAfter: Math.max(due - now, 0) / 1000 }
}

export function earliest(...times: readonly (number | undefined)[]): number | undefined {
  let first: number | undefined
  for (const time of times) if (time !== undefined && (first === undefined || time < first)) first = time
  return first
}
