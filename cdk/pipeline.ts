import { Duration } from 'aws-cdk-lib'
import type { ITable } from 'aws-cdk-lib/aws-dynamodb'
import { Rule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { FilterCriteria, FilterRule, type IFunction, StartingPosition } from 'aws-cdk-lib/aws-lambda'
import { DynamoEventSource, SqsDlq, SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources'
import { CfnScheduleGroup } from 'aws-cdk-lib/aws-scheduler'
import { DeduplicationScope, FifoThroughputLimit, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'

/** A batch of work takes its turn of 20 s, and what has begun by then may take the rest. */
export const RECONCILE_TIMEOUT = Duration.seconds(90)

/**
 * How long a message group waits when the function that held it has died. AWS suggests six times the function's timeout, for the
 * retries of a throttled poller; here a namespace would stand still for so long.
 */
export const WORK_VISIBILITY = Duration.seconds(120)

/** How work travels: stream -> dispatch -> work queue -> reconcile, and the two ways to wait: the delay queue and Scheduler. */
export class Pipeline extends Construct {
  readonly work: Queue
  readonly delay: Queue
  /** Where what cannot be worked ends, for a person to look at: batches of the stream, work items, task events. */
  readonly failures: Queue
  readonly workFailures: Queue
  readonly scheduleGroup: string
  readonly schedulerRole: Role

  constructor(scope: Construct, id: string) {
    super(scope, id)
    this.failures = new Queue(this, 'Failures', {
      encryption: QueueEncryption.SQS_MANAGED,
      retentionPeriod: Duration.days(14),
      enforceSSL: true,
    })
    this.workFailures = new Queue(this, 'WorkFailures', {
      fifo: true,
      encryption: QueueEncryption.SQS_MANAGED,
      retentionPeriod: Duration.days(14),
      enforceSSL: true,
    })
    this.work = new Queue(this, 'Work', {
      fifo: true,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      // A message group is a namespace (shared/pipeline/work.ts): one worker at a time inside it, free beside each other.
      deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
      fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
      visibilityTimeout: WORK_VISIBILITY,
      deadLetterQueue: { queue: this.workFailures, maxReceiveCount: 5 },
    })
    this.delay = new Queue(this, 'Delay', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      visibilityTimeout: Duration.minutes(6),
      deadLetterQueue: { queue: this.failures, maxReceiveCount: 5 },
    })
    this.scheduleGroup = new CfnScheduleGroup(this, 'Schedules').ref
    this.schedulerRole = new Role(this, 'SchedulerRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com'),
      description: 'Zeroplane: Scheduler invokes the tick function',
    })
  }

  /** Log records of the table reach dispatch; heads, objects and body parts are filtered out before anything is billed. */
  connectStream(table: ITable, dispatch: IFunction): void {
    dispatch.addEventSource(
      new DynamoEventSource(table, {
        startingPosition: StartingPosition.TRIM_HORIZON,
        batchSize: 100,
        bisectBatchOnError: true,
        reportBatchItemFailures: true,
        retryAttempts: 10, // the default of -1 lets one bad record block a shard for a day
        onFailure: new SqsDlq(this.failures),
        filters: [
          FilterCriteria.filter({ eventName: FilterRule.isEqual('INSERT'), dynamodb: { NewImage: { type: { S: FilterRule.exists() } } } }),
        ],
      }),
    )
  }

  connectWork(reconcile: IFunction, maxConcurrency: number): void {
    reconcile.addEventSource(new SqsEventSource(this.work, { batchSize: 10, maxConcurrency, reportBatchItemFailures: true }))
  }

  /** Due work of the delay queue goes back to the ordered queue, which alone keeps two workers off one key. */
  connectDelay(dispatch: IFunction): void {
    dispatch.addEventSource(new SqsEventSource(this.delay, { batchSize: 10, reportBatchItemFailures: true }))
  }

  connectTaskEvents(clusterArn: string, tasks: IFunction): void {
    new Rule(this, 'TaskEvents', {
      description: 'Zeroplane: state changes of the tasks that are pods',
      eventPattern: {
        source: ['aws.ecs'],
        detailType: ['ECS Task State Change'],
        // All that comes before, agents tell themselves and sooner.
        detail: { clusterArn: [clusterArn], lastStatus: ['STOPPED'] },
      },
      targets: [new LambdaTarget(tasks, { retryAttempts: 20, maxEventAge: Duration.hours(2), deadLetterQueue: this.failures })],
    })
  }

  connectTick(tick: IFunction): void {
    tick.grantInvoke(this.schedulerRole)
  }
}
