// DynamoDB as far as the store uses it: one table, strong reads, conditions, transactions with tokens, and a network between that
// loses, delays and repeats. Rules: the DynamoDB developer guide. The suite runs on AWS's own DynamoDB Local as well; what this one adds
// is that every interleaving can be had, and had again.
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  type GetItemCommandInput,
  type PutItemCommandInput,
  type QueryCommandInput,
  TransactionCanceledException,
  type TransactWriteItemsCommandInput,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb'
import type { Simulation } from './simulation.ts'

type Item = Record<string, AttributeValue>

/** Probabilities per request. */
export interface Weather {
  /** The request never arrives. */
  readonly loseRequest: number
  /** It is carried out, and nobody hears of it. */
  readonly loseReply: number
  /** It is carried out after the client has given up. */
  readonly late: number
  readonly throttle: number
  /** A transaction is cancelled for a conflict that is over when it is tried again. */
  readonly conflict: number
}

export const CALM: Weather = { loseRequest: 0, loseReply: 0, late: 0, throttle: 0, conflict: 0 }
export const STORM: Weather = { loseRequest: 0.01, loseReply: 0.02, late: 0.02, throttle: 0.02, conflict: 0.03 }

const CLIENT_TIMEOUT_MS = 1000
const METADATA = { $metadata: {} }

export class SimulatedTable {
  readonly #simulation: Simulation
  readonly #items = new Map<string, Item>()
  readonly #tokens = new Set<string>()
  readonly #asked = new Map<string, number>()
  weather: Weather

  constructor(simulation: Simulation, weather: Weather) {
    this.#simulation = simulation
    this.weather = weather
  }

  /** What DynamoDB does in its own time: deletes items whose time to live is over. */
  sweep(): void {
    const now = this.#simulation.now() / 1000
    for (const [id, item] of this.#items) if (Number(item.expires?.N ?? Number.POSITIVE_INFINITY) < now) this.#items.delete(id)
  }

  /** How often the operation was asked for since the last call of this. */
  take(operation: string): number {
    const count = this.#asked.get(operation) ?? 0
    this.#asked.delete(operation)
    return count
  }

  /** A connection of one process; after crash() nothing that it asks for is ever answered. */
  connect(): { readonly client: DynamoDBClient; crash(): void } {
    let alive = true
    const send = async (command: { readonly input: unknown; readonly constructor: { readonly name: string } }): Promise<unknown> => {
      const name = command.constructor.name
      this.#asked.set(name, (this.#asked.get(name) ?? 0) + 1)
      // Like the SDK's own retries: the same request again, with the same token.
      for (let attempt = 1; ; attempt++) {
        try {
          const reply = await this.#roundTrip(name, structuredClone(command.input), () => alive)
          return alive ? reply : await forever()
        } catch (error) {
          if (!alive) await forever()
          const retried = (error as Error).name === 'TimeoutError' || (error as Error).name === 'ThrottlingException'
          if (!retried || attempt >= 2) throw error
        }
      }
    }
    return {
      client: { send } as unknown as DynamoDBClient,
      crash() {
        alive = false
      },
    }
  }

  async #roundTrip(name: string, input: unknown, isAlive: () => boolean): Promise<unknown> {
    const { random } = this.#simulation
    const { loseRequest, loseReply, late, throttle, conflict } = this.weather
    if (!isAlive()) await forever()
    const fate = random()
    const way = () => random() * (random() < 0.9 ? 4 : random() < 0.7 ? 40 : 900)
    if (fate < loseRequest) {
      await this.#simulation.sleep(CLIENT_TIMEOUT_MS)
      throw timeout()
    }
    if (fate < loseRequest + late) {
      this.#simulation.at(this.#simulation.now() + CLIENT_TIMEOUT_MS + random() * 3000, () => {
        try {
          this.#carryOut(name, input)
        } catch {
          // Nobody hears of it.
        }
      })
      await this.#simulation.sleep(CLIENT_TIMEOUT_MS)
      throw timeout()
    }
    await this.#simulation.sleep(way())
    // What a dead process has sent may be under way for a while.
    if (!isAlive()) await this.#simulation.sleep(random() * 4000)
    if (random() < throttle) throw Object.assign(new Error('slow down'), { name: 'ThrottlingException' })
    if (name === 'TransactWriteItemsCommand' && random() < conflict) throw cancelled([{ Code: 'TransactionConflict' }, { Code: 'None' }])
    let reply: unknown
    let failure: { readonly error: unknown } | undefined
    try {
      reply = this.#carryOut(name, input)
    } catch (error) {
      failure = { error }
    }
    if (random() < loseReply) {
      await this.#simulation.sleep(CLIENT_TIMEOUT_MS)
      throw timeout()
    }
    await this.#simulation.sleep(way())
    if (failure !== undefined) throw failure.error
    return reply
  }

  #carryOut(name: string, input: unknown): unknown {
    switch (name) {
      case 'GetItemCommand':
        return { Item: this.#get((input as GetItemCommandInput).Key!) }
      case 'PutItemCommand':
        return this.#put(input as PutItemCommandInput)
      case 'UpdateItemCommand':
        return this.#update(input as UpdateItemCommandInput)
      case 'TransactWriteItemsCommand':
        return this.#transact(input as TransactWriteItemsCommandInput)
      case 'QueryCommand':
        return this.#query(input as QueryCommandInput)
      default:
        throw new Error(`the simulated table does not know ${name}`)
    }
  }

  #get(key: Item): Item | undefined {
    return this.#items.get(idOf(key))
  }

  #put(input: PutItemCommandInput): object {
    const current = this.#get(input.Item!)
    if (!holds(input, current)) throw new ConditionalCheckFailedException({ message: 'condition', Item: current, ...METADATA })
    this.#items.set(idOf(input.Item!), input.Item!)
    return {}
  }

  #update({
    Key,
    UpdateExpression = '',
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  }: UpdateItemCommandInput): object {
    const old = this.#get(Key!)
    const item: Item = { ...(old ?? Key) }
    for (const assignment of UpdateExpression.replace('SET ', '').split(/, (?=[#\w]+ = )/)) {
      const [, target = '', expression = ''] = /^([#\w]+) = (.*)$/.exec(assignment) ?? []
      const sum = /^if_not_exists\((\w+), (:\w+)\) \+ (:\w+)$/.exec(expression)
      item[names?.[target] ?? target] =
        sum === null ? values![expression]! : { N: String(Number((old?.[sum[1]!] ?? values![sum[2]!]!).N) + Number(values![sum[3]!]!.N)) }
    }
    this.#items.set(idOf(Key!), item)
    return { Attributes: old }
  }

  #transact({ TransactItems = [], ClientRequestToken: token }: TransactWriteItemsCommandInput): object {
    if (token !== undefined && this.#tokens.has(token)) return {}
    const reasons = TransactItems.map(({ Put, Delete }) => {
      const current = this.#get(Put?.Item ?? Delete!.Key!)
      return holds(Put ?? Delete!, current) ? { Code: 'None' } : { Code: 'ConditionalCheckFailed', Item: current }
    })
    if (reasons.some(({ Code }) => Code !== 'None')) throw cancelled(reasons)
    for (const { Put, Delete } of TransactItems) {
      if (Put !== undefined) this.#items.set(idOf(Put.Item!), Put.Item!)
      else this.#items.delete(idOf(Delete!.Key!))
    }
    if (token !== undefined) this.#tokens.add(token)
    return {}
  }

  /** Pages are short, so that much can happen while a query goes on. */
  #query({ KeyConditionExpression = '', ExpressionAttributeValues: values, ExclusiveStartKey, Limit, Select }: QueryCommandInput): object {
    const text = (name: string) => values?.[name]?.S ?? ''
    const low = KeyConditionExpression.includes('BETWEEN') ? text(':low') : ''
    const high = KeyConditionExpression.includes(':high') ? text(':high') : '\uffff'
    if (low > high) throw Object.assign(new Error('the upper bound is below the lower'), { name: 'ValidationException' })
    const start = ExclusiveStartKey?.sk?.S
    const found = [...this.#items.values()]
      .filter(({ pk, sk }) => pk?.S === text(':pk') && sk!.S! >= low && sk!.S! <= high && (start === undefined || sk!.S! > start))
      .sort((a, b) => (a.sk!.S! < b.sk!.S! ? -1 : 1))
    if (Select === 'COUNT') return { Count: found.length }
    const size = Math.min(Limit ?? Number.POSITIVE_INFINITY, 1 + Math.floor(this.#simulation.random() * 6))
    const page = found.slice(0, size)
    const last = page.at(-1)
    return { Items: page, LastEvaluatedKey: page.length < found.length && last !== undefined ? { pk: last.pk, sk: last.sk } : undefined }
  }
}

interface Conditional {
  readonly ConditionExpression?: string
  readonly ExpressionAttributeNames?: Record<string, string>
  readonly ExpressionAttributeValues?: Item
}

function holds(
  { ConditionExpression: expression, ExpressionAttributeNames: names, ExpressionAttributeValues: values }: Conditional,
  item: Item | undefined,
) {
  if (expression === undefined) return true
  const isTrue = (term: string): boolean => {
    const presence = /^attribute_(not_)?exists\(([#\w]+)\)$/.exec(term)
    if (presence !== null) {
      const name = names?.[presence[2]!] ?? presence[2]!
      return (item?.[name] === undefined) === (presence[1] !== undefined)
    }
    const [, name = '', operator, value = ''] = /^([#\w]+) ([=<]) (:\w+)$/.exec(term) ?? []
    if (operator === undefined) throw new Error(`the simulated table does not understand ${term}`)
    const actual = item?.[names?.[name] ?? name]?.N
    if (actual === undefined) return false
    return operator === '=' ? Number(actual) === Number(values?.[value]?.N) : Number(actual) < Number(values?.[value]?.N)
  }
  return expression.split(' OR ').some(option =>
    option
      .replace(/^\((.*)\)$/, '$1')
      .split(' AND ')
      .every(isTrue),
  )
}

const idOf = (key: Item) => `${key.pk?.S} ${key.sk?.S}`
const forever = () => new Promise<never>(() => {})
const timeout = () => Object.assign(new Error('no reply'), { name: 'TimeoutError' })
const cancelled = (reasons: { Code: string; Item?: Item }[]) =>
  new TransactionCanceledException({ message: 'cancelled', CancellationReasons: reasons, ...METADATA })
