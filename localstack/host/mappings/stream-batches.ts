// What Lambda does with a batch of stream records until it is done with it: partial failures, halving, retries, giving up.
// Source of the rules: Lambda developer guide, "Process DynamoDB records with Lambda" and "Configuring partial batch response".
import { setTimeout as sleep } from 'node:timers/promises'
import type { DynamoDBRecord } from 'aws-lambda'
import { failedItems } from './invoke.ts'

export interface BatchOptions {
  /** Resolves to the function's answer, rejects when it failed. */
  readonly invoke: (records: readonly DynamoDBRecord[]) => Promise<unknown>
  readonly bisectOnError: boolean
  readonly retryAttempts: number
  /** Records that were tried often enough. */
  readonly discard: (records: readonly DynamoDBRecord[], reason: unknown) => Promise<void>
  /** Ends waiting between retries. */
  readonly signal: AbortSignal
}

const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 10_000

/** Resolves when every record was processed or discarded; rejects with AbortError when the signal ended it. */
export async function processBatch(records: readonly DynamoDBRecord[], options: BatchOptions, attempts = 0): Promise<void> {
  if (records.length === 0) return
  let remaining = records
  let reason: unknown
  let threw = false
  try {
    const answer = await options.invoke(records)
    const first = firstFailure(records, answer)
    if (first < 0) return
    remaining = records.slice(first)
    reason = new Error(`the function named record ${remaining[0]?.dynamodb?.SequenceNumber} as failed`)
  } catch (error) {
    reason = error
    threw = true
  }
  // Halving finds the bad record; it does not count as an attempt.
  if (options.bisectOnError && threw && remaining.length > 1) {
    const middle = Math.ceil(remaining.length / 2)
    await processBatch(remaining.slice(0, middle), options, attempts)
    await processBatch(remaining.slice(middle), options, attempts)
    return
  }
  if (attempts >= options.retryAttempts) return options.discard(remaining, reason)
  // Progress starts the count anew: another record is the first now.
  const made = remaining.length < records.length ? 0 : attempts
  await sleep(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** made), undefined, { signal: options.signal })
  await processBatch(remaining, options, made + 1)
}

/** Index of the first record named as failed; -1 when none. Everything before it counts as processed. */
function firstFailure(records: readonly DynamoDBRecord[], answer: unknown): number {
  const numbers = records.map(record => record.dynamodb?.SequenceNumber ?? '')
  const failed = failedItems(answer, new Set(numbers))
  return numbers.findIndex(number => failed.has(number))
}
