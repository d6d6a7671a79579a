// Counts what the SDK is asked to do: calls by operation, and DynamoDB's capacity units. For bench/ and tests of what a verb costs.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'

export interface Usage {
  /** Calls by operation, e.g. "GetItem". */
  readonly calls: Record<string, number>
  readonly readUnits: number
  readonly writeUnits: number
}

export interface Meter {
  /** What was used since the last call of this. */
  take(): Usage
}

interface ConsumedCapacity {
  readonly CapacityUnits?: number
}

const READS = new Set(['GetItem', 'Query', 'BatchGetItem'])

/** Asks DynamoDB for consumed capacity with every call from now on. */
export function meterDynamoDb(client: DynamoDBClient): Meter {
  let calls: Record<string, number> = {}
  let readUnits = 0
  let writeUnits = 0
  client.middlewareStack.add(
    (next, context) => async args => {
      const operation = (context.commandName ?? '').replace(/Command$/, '')
      calls[operation] = (calls[operation] ?? 0) + 1
      const reply = await next({ ...args, input: { ...args.input, ReturnConsumedCapacity: 'TOTAL' } })
      const consumed = (reply.output as { ConsumedCapacity?: ConsumedCapacity | ConsumedCapacity[] }).ConsumedCapacity ?? []
      const units = [consumed].flat().reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0)
      if (READS.has(operation)) readUnits += units
      else writeUnits += units
      return reply
    },
    { step: 'initialize', name: 'meter' },
  )
  return {
    take() {
      const usage: Usage = { calls, readUnits, writeUnits }
      calls = {}
      readUnits = 0
      writeUnits = 0
      return usage
    },
  }
}
