// What cdk/ deploys, made in the local AWS: table, queues, schedule group, log group, the rule for task events. The settings are those
// of cdk/table.ts and cdk/pipeline.ts. Every call can be repeated, so a start that finds its old data changes nothing.

import { TTL_ATTRIBUTE } from '../../shared/store/dynamodb/items.ts'
import type { LocalAws } from '../aws/index.ts'
import { type JsonCall, JsonCallError, jsonClient } from './json-rpc.ts'
import { functionArn } from './lambda.ts'

/** The Kubernetes cluster that paths without a name mean. */
export const CLUSTER = 'default'

export const NAMES = {
  table: 'zeroplane',
  work: 'zeroplane-work.fifo',
  workFailures: 'zeroplane-work-failures.fifo',
  delay: 'zeroplane-delay',
  failures: 'zeroplane-failures',
  schedules: 'zeroplane',
  logGroup: '/zeroplane/pods',
  rule: 'zeroplane-task-events',
  cluster: 'zeroplane',
  fileSystem: 'zeroplane',
} as const

/** Seconds. Longer than a reconcile may take (functions.ts), as Lambda asks for. */
const WORK_VISIBILITY = '120'
const DELAY_VISIBILITY = '360'
const MAX_RECEIVES = 5

/** Straight to DynamoDB Local: nothing else need be up for it. */
export async function provisionTable(port: number, region: string): Promise<void> {
  // Loaded late: the SDK takes a while, and Java is under way meanwhile.
  const { tableDefinition } = await import('../../shared/store/dynamodb/table-definition.ts')
  const { call, close } = jsonClient(port, { service: 'dynamodb', region })
  const dynamodb: JsonCall = (operation, input) => call(`DynamoDB_20120810.${operation}`, input)
  try {
    await unless('ResourceInUseException', () => dynamodb('CreateTable', { TableName: NAMES.table, ...tableDefinition }))
    // ValidationException: "TimeToLive is already enabled".
    await unless('ValidationException', () =>
      dynamodb('UpdateTimeToLive', { TableName: NAMES.table, TimeToLiveSpecification: { AttributeName: TTL_ATTRIBUTE, Enabled: true } }),
    )
  } finally {
    close()
  }
}

export interface Provisioned {
  readonly workQueueUrl: string
  readonly delayQueueUrl: string
  /** Empty: nothing runs that could mount one. */
  readonly fileSystemId: string
}

/** @param withStorage whether there is a file system for volumes */
export async function provisionPipeline(aws: LocalAws, withStorage: boolean): Promise<Provisioned> {
  const { region, account } = aws.identity
  const { call, close } = jsonClient(aws.port, { service: 'sqs', region })
  try {
    const queue = async (name: string, attributes: Record<string, string>) => {
      const { QueueUrl } = await call('AmazonSQS.CreateQueue', { QueueName: name, Attributes: attributes })
      return String(QueueUrl)
    }
    const dead = (name: string) => JSON.stringify({ deadLetterTargetArn: aws.sqs.arnOf(name), maxReceiveCount: MAX_RECEIVES })
    await queue(NAMES.failures, { MessageRetentionPeriod: '1209600' })
    await queue(NAMES.workFailures, { FifoQueue: 'true', MessageRetentionPeriod: '1209600' })
    const workQueueUrl = await queue(NAMES.work, {
      FifoQueue: 'true',
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
      VisibilityTimeout: WORK_VISIBILITY,
      RedrivePolicy: dead(NAMES.workFailures),
    })
    const delayQueueUrl = await queue(NAMES.delay, { VisibilityTimeout: DELAY_VISIBILITY, RedrivePolicy: dead(NAMES.failures) })
    await unless('ResourceAlreadyExistsException', () => call('Logs_20140328.CreateLogGroup', { logGroupName: NAMES.logGroup }))
    await call('AWSEvents.PutRule', {
      Name: NAMES.rule,
      EventPattern: JSON.stringify({
        source: ['aws.ecs'],
        'detail-type': ['ECS Task State Change'],
        detail: { clusterArn: [clusterArn(aws)], lastStatus: ['STOPPED'] },
      }),
    })
    await call('AWSEvents.PutTargets', {
      Rule: NAMES.rule,
      Targets: [
        {
          Id: 'tasks',
          Arn: functionArn({ name: 'tasks', region, account }),
          RetryPolicy: { MaximumRetryAttempts: 20, MaximumEventAgeInSeconds: 7200 },
          DeadLetterConfig: { Arn: aws.sqs.arnOf(NAMES.failures) },
        },
      ],
    })
    // Scheduler speaks REST, which this client does not.
    await unless('ConflictException', async () => aws.scheduler.operations.CreateScheduleGroup({ Name: NAMES.schedules }))
    return { workQueueUrl, delayQueueUrl, fileSystemId: withStorage ? fileSystemOf(aws) : '' }
  } finally {
    close()
  }
}

/** EFS speaks REST, too. */
function fileSystemOf({ efs }: LocalAws): string {
  const token = { CreationToken: NAMES.fileSystem }
  const known = efs.operations.DescribeFileSystems(token).FileSystems[0]
  return (known ?? efs.operations.CreateFileSystem(token)).FileSystemId
}

export function clusterArn(aws: LocalAws): string {
  return `arn:aws:ecs:${aws.identity.region}:${aws.identity.account}:cluster/${NAMES.cluster}`
}

async function unless(code: string, act: () => Promise<unknown>): Promise<void> {
  try {
    await act()
  } catch (error) {
    const name = error instanceof JsonCallError ? error.name : (error as { code?: string }).code
    if (name !== code) throw error
  }
}
