// One write, in two steps: take a number from the head; then, in one transaction, change the object if it is as expected and fill
// the log slot of that number if it is empty. The slot decides: whoever fills it first, the write or a fence, has said for ever
// whether the write happened.
//
//   writer A: take 7 ............................... transact(7): slot 7 is fenced -> takes 9, tries again
//   writer B:         take 8, transact(8): done
//   reader  :                 sees 8, not 7; waits; fences 7
import { randomUUID } from 'node:crypto'
import type { Put, TransactWriteItem } from '@aws-sdk/client-dynamodb'
import type { GroupResource, KubeObject } from '../../apimachinery/types.ts'
import { type Clock, sleep } from '../../clock.ts'
import { stamp, timeToLive } from '../revisions.ts'
import type { Change, ChangeType } from '../types.ts'
import { ConflictError, ExistsError, NotFoundError, UnavailableError } from '../types.ts'
import { cut, LARGEST_BODY, pack, packPair, refuseTooLarge } from './body.ts'
import type { Head } from './head.ts'
import {
  B,
  GONE_ATTRIBUTE,
  type Item,
  LOG_FIELDS,
  logItem,
  N,
  numberOf,
  pad,
  partition,
  partKey,
  partsPartition,
  S,
  seconds,
  skipItem,
  TTL_ATTRIBUTE,
} from './items.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import type { Known } from './recent.ts'
import type { Table } from './table.ts'
import { ABANDON_MS, LOG_TTL_MS } from './times.ts'

export interface WriteOptions {
  readonly table: Table
  readonly cluster: string
  readonly clock: Clock
  /** Makes an object of an object item. */
  readonly decode: (collection: GroupResource, item: Item) => Promise<Known>
}

export interface Intent {
  readonly type: ChangeType
  readonly collection: GroupResource
  readonly key: string
  readonly object: KubeObject
  /** What the object must be for the write to happen; undefined: it must not exist. */
  readonly expected: Known | undefined
}

export interface Committed {
  readonly change: Change
  readonly known: Known
  readonly bytes: number
}

/** How often a write takes a new number before it gives up. Each time it lost its slot to a fence or its reply to the network. */
const MOST_NUMBERS = 5
const LONGEST_PAUSE_MS = 200

/** @throws ExistsError, NotFoundError, ConflictError, TooLargeError, UnavailableError */
export async function write(options: WriteOptions, head: Head, intent: Intent): Promise<Committed> {
  refuseTooLarge(intent.object) // before it costs a number
  let last: unknown
  for (let tried = 0; tried < MOST_NUMBERS; tried++) {
    const taken = options.clock.now()
    const attempt = prepare(options, intent, await head.next())
    const result = await commit(options, attempt, taken)
    if (result === true) {
      await retireParts(options, intent)
      return attempt.committed
    }
    if (result.kind === 'object' && !cameTooLate(intent, attempt, result.current)) throw await refusal(options, intent, result.current)
    last = result.error
  }
  throw new UnavailableError(`${intent.type} of ${intent.key}: no attempt of ${MOST_NUMBERS} could be completed`, { cause: last })
}

interface Attempt {
  readonly revision: number
  readonly txn: string
  /** Partition of the log. */
  readonly log: string
  readonly items: TransactWriteItem[]
  readonly committed: Committed
}

type Failure =
  | { readonly kind: 'object'; readonly current: Item | undefined; readonly error?: unknown }
  | { readonly kind: 'lost'; readonly error: unknown }

/** True when the write has happened; otherwise it has not and never will under this number. */
async function commit(options: WriteOptions, attempt: Attempt, taken: number): Promise<true | Failure> {
  const { table, clock } = options
  const isTooLate = () => clock.now() - taken > ABANDON_MS
  let pause = 5
  for (;;) {
    // Readers rely on old numbers being dead.
    if (isTooLate()) return lostSlot(options, attempt, new Error(`number ${attempt.revision} grew too old`))
    try {
      await table.transact(attempt.items, randomUUID(), isTooLate)
      return true
    } catch (error) {
      const outcome: Outcome = outcomeOf(error)
      switch (outcome.kind) {
        case 'again':
          await sleep(clock, pause * (0.5 + Math.random()))
          pause = Math.min(2 * pause, LONGEST_PAUSE_MS)
          continue
        case 'object':
          // Our own write, whose reply was lost, makes both conditions fail.
          if (outcome.slot !== undefined) {
            const slot = await slotOf(options, attempt, outcome.slot)
            if (slot?.txn?.S === attempt.txn) return true
          } else if (await closeSlot(options, attempt)) return true
          return { kind: 'object', current: outcome.current }
        case 'slot':
          return (await slotOf(options, attempt, outcome.slot))?.txn?.S === attempt.txn ? true : { kind: 'lost', error }
        case 'refused':
          await closeSlot(options, attempt)
          throw error
        default:
          return lostSlot(options, attempt, error)
      }
    }
  }
}

/** The reply was lost, or it is too late to go on: close the slot, and learn by that whether the write is in it. */
async function lostSlot(options: WriteOptions, attempt: Attempt, error: unknown): Promise<true | Failure> {
  return (await closeSlot(options, attempt)) ? true : { kind: 'lost', error }
}

/** Fences the slot if it is empty. Answers whether this very write is in it. */
async function closeSlot({ table, clock }: WriteOptions, { log, revision, txn }: Attempt): Promise<boolean> {
  try {
    return (await table.putIfAbsent(skipItem(log, revision, clock.now())))?.txn?.S === txn
  } catch (error) {
    throw new UnavailableError(`whether revision ${revision} was written cannot be found out`, { cause: error })
  }
}

/** What is in the slot; endpoints that do not return it with the failure are asked for it. */
async function slotOf({ table }: WriteOptions, { log, revision }: Attempt, returned: Item | undefined): Promise<Item | undefined> {
  return returned !== undefined && 'sk' in returned ? returned : table.get(log, pad(revision))
}

function prepare({ table, cluster, clock }: WriteOptions, intent: Intent, revision: number): Attempt {
  const { type, collection, key, expected } = intent
  const TableName = table.name
  const object = stamp(intent.object, revision)
  const previous = expected?.object
  const txn = randomUUID()
  const log = partition(cluster, 'l', collection)
  const time = clock.now()

  const body = type === 'deleted' ? undefined : pack(object)
  const pair = packPair([object, previous ?? null])
  const inItems = pair.length <= LARGEST_BODY && (body === undefined || body.length <= LARGEST_BODY)
  const parts = inItems ? [] : cut(body ?? pack(object))
  const content: Item = inItems
    ? { [LOG_FIELDS.body]: B(pair) }
    : {
        [LOG_FIELDS.parts]: N(parts.length),
        ...(expected === undefined
          ? {}
          : expected.parts === 0
            ? { [LOG_FIELDS.before]: B(pack(expected.object)) }
            : { [LOG_FIELDS.beforeParts]: N(expected.parts), [LOG_FIELDS.beforeRevision]: N(expected.revision) }),
      }

  const ttl = timeToLive(collection)
  const objectItem: Item = {
    pk: S(partition(cluster, 'o', collection)),
    sk: S(key),
    rev: N(revision),
    ...(body === undefined ? { [GONE_ATTRIBUTE]: N(1) } : inItems ? { body: B(body) } : { parts: N(parts.length) }),
    ...(body === undefined
      ? { [TTL_ATTRIBUTE]: N(seconds(time + LOG_TTL_MS)) }
      : ttl === undefined
        ? {}
        : { [TTL_ATTRIBUTE]: N(seconds(time) + ttl) }),
  }
  const returning = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const

  const items: TransactWriteItem[] = [
    { Put: { TableName, Item: objectItem, ...conditionOf(expected, revision, time), ...returning } },
    {
      Put: {
        TableName,
        Item: logItem(log, revision, time, { type, key, txn }, content),
        ConditionExpression: 'attribute_not_exists(pk)',
        ...returning,
      },
    },
    ...parts.map((part, index) => ({
      Put: {
        TableName,
        Item: {
          pk: S(partsPartition(cluster, collection, key)),
          sk: S(partKey(revision, index)),
          body: B(part),
          // Only the log needs the last state of what is deleted.
          ...(type === 'deleted' ? { [TTL_ATTRIBUTE]: N(seconds(time + LOG_TTL_MS)) } : {}),
        },
      },
    })),
  ]
  const known: Known = { key, revision, object, parts: parts.length }
  const change: Change = { type, collection, key, revision, object, previous }
  return { revision, txn, log, items, committed: { change, known, bytes: body?.length ?? 0 } }
}

type Condition = Required<Pick<Put, 'ConditionExpression' | 'ExpressionAttributeValues'>> & Pick<Put, 'ExpressionAttributeNames'>

function conditionOf(expected: Known | undefined, revision: number, time: number): Condition {
  if (expected !== undefined) {
    return { ConditionExpression: 'rev = :expected', ExpressionAttributeValues: { ':expected': N(expected.revision) } }
  }
  // Nothing, or what was deleted before this number, or what has expired and waits to be swept away.
  return {
    ConditionExpression: 'attribute_not_exists(pk) OR (attribute_exists(#gone) AND rev < :number) OR (#expires < :now AND rev < :number)',
    ExpressionAttributeNames: { '#gone': GONE_ATTRIBUTE, '#expires': TTL_ATTRIBUTE },
    ExpressionAttributeValues: { ':now': N(time / 1000), ':number': N(revision) },
  }
}

/** The parts of the state that was replaced are needed by the log alone from now on. */
async function retireParts({ table, cluster, clock }: WriteOptions, { collection, key, expected }: Intent): Promise<void> {
  if (expected === undefined || expected.parts === 0) return
  const pk = partsPartition(cluster, collection, key)
  const values = { ':expires': N(seconds(clock.now() + LOG_TTL_MS)) }
  const retire = Array.from({ length: expected.parts }, (_, index) =>
    table.update(pk, partKey(expected.revision, index), 'SET #expires = :expires', values, { '#expires': TTL_ATTRIBUTE }),
  )
  // The write has happened; parts that stay behind cost some cents a year.
  await Promise.allSettled(retire)
}

/** The object is as the writer wants it to be, but became so after the writer's number: another number will do. */
function cameTooLate({ type }: Intent, { revision }: Attempt, current: Item | undefined): boolean {
  return type === 'created' && current !== undefined && GONE_ATTRIBUTE in current && (numberOf(current, 'rev') ?? 0) > revision
}

/** Why the object's condition failed, as the port tells it. */
async function refusal({ decode }: WriteOptions, { type, collection, key }: Intent, current: Item | undefined): Promise<Error> {
  if (type === 'created') return new ExistsError(key)
  if (current === undefined || !('rev' in current) || GONE_ATTRIBUTE in current) return new NotFoundError(key)
  return new ConflictError(key, await decode(collection, current))
}
