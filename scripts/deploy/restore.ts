// npm run restore: the stack's table as it was at some second, as a table of its own, made ready to be served: stream, time to live,
// continuous backup. The stack changes only when it is deployed with the new table.
import { setTimeout as sleep } from 'node:timers/promises'
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import {
  DescribeTableCommand,
  DynamoDBClient,
  RestoreTableToPointInTimeCommand,
  type TableDescription,
  UpdateContinuousBackupsCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { Command } from 'commander'
import { tableDefinition } from '../../shared/store/dynamodb/table-definition.ts'

interface Options {
  stack: string
  to?: string
  at: string
  profile?: string
}

const program = new Command('restore')
  .description("Restores the stack's table to a point in time, as a new table, and says how to deploy with it.")
  .option('--stack <name>', 'name of the stack', 'zeroplane')
  .option('--at <time>', 'the second to go back to, e.g. 2026-11-28T17:00:00Z, or latest', 'latest')
  .option('--to <table>', 'name of the new table')
  .option('--profile <name>', 'AWS profile to use')
  .parse()
const options = program.opts<Options>()
if (options.profile) process.env.AWS_PROFILE = options.profile

const dynamodb = new DynamoDBClient({})
const source = await tableOf(options.stack)
const TableName = options.to ?? `${source.slice(0, 200)}-${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}`
const at = options.at === 'latest' ? { UseLatestRestorableTime: true } : { RestoreDateTime: timeOf(options.at) }

console.log(
  `Restores ${source} (${options.at}) as ${TableName}. Takes minutes, more for large tables; nothing is changed until you deploy.`,
)
await dynamodb.send(new RestoreTableToPointInTimeCommand({ SourceTableName: source, TargetTableName: TableName, ...at }))
await active()
await dynamodb.send(new UpdateTableCommand({ TableName, StreamSpecification: tableDefinition.StreamSpecification }))
const { LatestStreamArn } = await active()
await dynamodb.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: { AttributeName: 'expires', Enabled: true } }))
await dynamodb.send(
  new UpdateContinuousBackupsCommand({ TableName, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } }),
)
console.log(`Restored. To serve it:  npm run deploy -- --stack ${options.stack} -c existingTable=${LatestStreamArn}`)
console.log("The stack's own table stays as it is. Clients list anew; pods that the restored cluster does not know are stopped.")

async function tableOf(stack: string): Promise<string> {
  const { Stacks } = await new CloudFormationClient({}).send(new DescribeStacksCommand({ StackName: stack }))
  const name = Stacks?.[0]?.Outputs?.find(({ OutputKey }) => OutputKey?.includes('TableName'))?.OutputValue
  if (!name) throw new Error(`stack ${stack} has no output with its table's name: is it deployed in this account and region?`)
  return name
}

async function active(): Promise<TableDescription> {
  for (;;) {
    const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName }))
    if (Table?.TableStatus === 'ACTIVE') return Table
    await sleep(2000)
  }
}

function timeOf(text: string): Date {
  const time = new Date(text)
  if (Number.isNaN(time.getTime())) throw new Error(`--at is "${text}"; it must be a time such as 2026-11-28T17:00:00Z, or latest`)
  return time
}
