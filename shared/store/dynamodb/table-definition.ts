// The table as the store needs it. cdk/ defines the same for AWS; here it is for endpoints on this machine.
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  ResourceInUseException,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb'
import { CHANGE_ATTRIBUTE, TTL_ATTRIBUTE } from './items.ts'

export const tableDefinition = {
  AttributeDefinitions: [
    { AttributeName: 'pk', AttributeType: 'S' },
    { AttributeName: 'sk', AttributeType: 'S' },
  ],
  KeySchema: [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ],
  BillingMode: 'PAY_PER_REQUEST',
  // A log item says what was before and what is now, so the stream need not.
  StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' },
} as const satisfies Omit<CreateTableCommandInput, 'TableName'>

/** Lambda event filter for the stream: log items that are changes, and nothing else of the table. */
export const changeFilter = { dynamodb: { NewImage: { [CHANGE_ATTRIBUTE]: { S: [{ exists: true }] } } } }

/** Creates the table if there is none, and waits until it can be used. */
export async function ensureTable(client: DynamoDBClient, name: string): Promise<void> {
  try {
    await client.send(new CreateTableCommand({ TableName: name, ...definition() }))
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error
  }
  await waitUntilTableExists({ client, maxWaitTime: 60, minDelay: 1 }, { TableName: name })
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: name }))
  if (TimeToLiveDescription?.TimeToLiveStatus === 'ENABLED' || TimeToLiveDescription?.TimeToLiveStatus === 'ENABLING') return
  await client.send(
    new UpdateTimeToLiveCommand({ TableName: name, TimeToLiveSpecification: { AttributeName: TTL_ATTRIBUTE, Enabled: true } }),
  )
}

const definition = (): Omit<CreateTableCommandInput, 'TableName'> => ({
  ...tableDefinition,
  AttributeDefinitions: [...tableDefinition.AttributeDefinitions],
  KeySchema: [...tableDefinition.KeySchema],
})
