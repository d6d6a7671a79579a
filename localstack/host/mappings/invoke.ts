import type { SQSBatchResponse } from 'aws-lambda'

/** Invokes a function by name with an event and waits for its answer; rejects when it failed. */
export type Invoke = (functionName: string, event: unknown) => Promise<unknown>

/** Items that the function named as failed; everything when the answer cannot be trusted, as Lambda does with invalid ones. */
export function failedItems(answer: unknown, known: ReadonlySet<string>): ReadonlySet<string> {
  const failures = (answer as Partial<SQSBatchResponse> | null | undefined)?.batchItemFailures
  if (failures === undefined || failures === null) return new Set()
  if (!Array.isArray(failures)) return known
  const failed = new Set<string>()
  for (const { itemIdentifier } of failures) {
    if (!known.has(itemIdentifier)) return known
    failed.add(itemIdentifier)
  }
  return failed
}
