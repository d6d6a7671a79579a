// What a failed TransactWriteItems means for the write: done, not done and why, or unknown.
import { TransactionCanceledException } from '@aws-sdk/client-dynamodb'
import type { Item } from './items.ts'

export type Outcome =
  /** The object is not as expected; what is there instead. */
  | { readonly kind: 'object'; readonly current: Item | undefined; readonly slot: Item | undefined }
  /** The slot is taken, by a fence or by this very write whose reply was lost; what is there. */
  | { readonly kind: 'slot'; readonly slot: Item | undefined }
  /** Nothing was written, and the same can be tried again. */
  | { readonly kind: 'again' }
  /** The request itself is at fault: nothing was written, and never will be. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'unknown' }

/** Errors with which DynamoDB says that it did not carry out the request. */
const NOT_DONE = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'RequestLimitExceeded',
  'TransactionInProgressException',
  'LimitExceededException',
])
const REFUSED = new Set([
  'ValidationException',
  'AccessDeniedException',
  'ResourceNotFoundException',
  'ItemCollectionSizeLimitExceededException',
  'UnrecognizedClientException',
])

/** Whether the endpoint said that the request itself is wrong; otherwise it may succeed another time. */
export const isRefusal = (error: unknown): boolean => error instanceof Error && REFUSED.has(error.name)

/** The object comes first in the transaction, its log slot second. */
export function outcomeOf(error: unknown): Outcome {
  if (error instanceof TransactionCanceledException) {
    const [object, slot] = error.CancellationReasons ?? []
    const failed = (reason: { Code?: string } | undefined) => reason?.Code === 'ConditionalCheckFailed'
    if (failed(object)) return { kind: 'object', current: object?.Item, slot: failed(slot) ? (slot?.Item ?? {}) : undefined }
    if (failed(slot)) return { kind: 'slot', slot: slot?.Item }
    const codes = (error.CancellationReasons ?? []).map(reason => reason.Code)
    return codes.some(code => code === 'ValidationError' || code === 'ItemCollectionSizeLimitExceeded')
      ? { kind: 'refused' }
      : { kind: 'again' }
  }
  const name = error instanceof Error ? error.name : ''
  if (NOT_DONE.has(name)) return { kind: 'again' }
  return isRefusal(error) ? { kind: 'refused' } : { kind: 'unknown' }
}
