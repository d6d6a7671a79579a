// The calls that the store makes, on one table. Everything read is read strongly unless it says otherwise.
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  type QueryCommandOutput,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { UnavailableError } from '../types.ts'
import { type Item, pad, S } from './items.ts'
import { isRefusal } from './outcome.ts'

export type Values = Record<string, AttributeValue>

export interface Range {
  /** Sort keys greater than this... */
  readonly after?: string
  /** ... and not greater than this. */
  readonly upTo?: string
  /** Sort keys that begin with this. */
  readonly prefix?: string
}

/** The request was not sent this time; an earlier try may have arrived. */
export class TooLateError extends Error {
  override readonly name = 'TooLateError'
}

export class Table {
  readonly name: string
  readonly #client: DynamoDBClient

  constructor(client: DynamoDBClient, name: string) {
    this.#client = client
    this.name = name
  }

  async get(pk: string, sk: string): Promise<Item | undefined> {
    const { Item } = await available(
      this.#client.send(new GetItemCommand({ TableName: this.name, Key: { pk: S(pk), sk: S(sk) }, ConsistentRead: true })),
    )
    return Item
  }

  /** Changes one item; answers what it was before. */
  async update(pk: string, sk: string, expression: string, values: Values, names?: Record<string, string>): Promise<Item | undefined> {
    const update = this.#client.send(
      new UpdateItemCommand({
        TableName: this.name,
        Key: { pk: S(pk), sk: S(sk) },
        UpdateExpression: expression,
        ExpressionAttributeValues: values,
        ExpressionAttributeNames: names,
        ReturnValues: 'ALL_OLD',
      }),
    )
    return (await available(update)).Attributes
  }

  /** Puts an item where there is none. Answers the one that is there already, or undefined when it was put. */
  async putIfAbsent(item: Item): Promise<Item | undefined> {
    try {
      await this.#client.send(
        new PutItemCommand({
          TableName: this.name,
          Item: item,
          ConditionExpression: 'attribute_not_exists(pk)',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      )
      return undefined
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error
      // An endpoint that does not return the item makes it a second call.
      return error.Item ?? (await this.get(item.pk?.S ?? '', item.sk?.S ?? ''))
    }
  }

  async put(item: Item): Promise<void> {
    await available(this.#client.send(new PutItemCommand({ TableName: this.name, Item: item })))
  }

  async delete(pk: string, sk: string): Promise<void> {
    await available(this.#client.send(new DeleteItemCommand({ TableName: this.name, Key: { pk: S(pk), sk: S(sk) } })))
  }

  /**
   * @param isTooLate asked before each time the request is sent, also by the SDK's own retries: a function that was frozen in the middle
   * of them would otherwise send it hours later
   * @throws TooLateError
   */
  async transact(items: TransactWriteItem[], token: string, isTooLate: () => boolean): Promise<void> {
    const command = new TransactWriteItemsCommand({ TransactItems: items, ClientRequestToken: token })
    command.middlewareStack.add(
      next => async request => {
        if (isTooLate()) throw new TooLateError()
        return next(request)
      },
      { step: 'finalizeRequest', priority: 'low', name: 'refuseWhenTooLate' },
    )
    await this.#client.send(command)
  }

  /** Pages of items in sort key order. `limit` is how many are read in all; `weak` costs half and may lack the last second's writes. */
  async *query(pk: string, range: Range = {}, limit?: number, { weak = false } = {}): AsyncGenerator<Item[]> {
    let start: Item | undefined
    let left = limit
    do {
      const page: QueryCommandOutput = await available(
        this.#client.send(new QueryCommand({ ...this.#range(pk, range), ConsistentRead: !weak, Limit: left, ExclusiveStartKey: start })),
      )
      const items = page.Items ?? []
      yield items
      start = page.LastEvaluatedKey
      if (left !== undefined) left -= items.length
    } while (start !== undefined && (left === undefined || left > 0))
  }

  /** How many items of a range lack an attribute, as far as one page (1 MB) tells; undefined when there are more. Read weakly: it is an estimate. */
  async countWithout(attribute: string, pk: string, range: Range): Promise<number | undefined> {
    const filter = { FilterExpression: 'attribute_not_exists(#without)', ExpressionAttributeNames: { '#without': attribute } }
    const { Count, LastEvaluatedKey } = await this.#client.send(new QueryCommand({ ...this.#range(pk, range), ...filter, Select: 'COUNT' }))
    return LastEvaluatedKey === undefined ? Count : undefined
  }

  #range(pk: string, { after, upTo, prefix }: Range): QueryCommandInput {
    const values: Values = { ':pk': S(pk) }
    // DynamoDB takes one condition on the sort key, and BETWEEN includes both ends: '\u0000' and '\uffff' make them what is meant.
    let condition = ''
    if (after !== undefined || (prefix !== undefined && prefix !== '')) {
      values[':low'] = S(after === undefined ? prefix! : `${after}\u0000`)
      values[':high'] = S(upTo ?? (prefix !== undefined && prefix !== '' ? `${prefix}\uffff` : '\uffff'))
      condition = ' AND sk BETWEEN :low AND :high'
    } else if (upTo !== undefined) {
      values[':high'] = S(upTo)
      condition = ' AND sk <= :high'
    }
    return { TableName: this.name, KeyConditionExpression: `pk = :pk${condition}`, ExpressionAttributeValues: values }
  }
}

/** @throws UnavailableError for what may succeed another time: throttled, timed out, out of reach */
async function available<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (isRefusal(error)) throw error
    throw new UnavailableError(`DynamoDB does not answer: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** The slots after a revision. */
export const slotsAfter = (revision: number, upTo?: number): Range => ({
  after: pad(revision),
  upTo: upTo === undefined ? undefined : pad(upTo),
})
