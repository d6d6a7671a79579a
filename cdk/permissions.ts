// What each function may do, and no more. One statement per reason; no action is a wildcard, and a resource is one only where
// AWS knows no finer one (said beside it).
import { Stack } from 'aws-cdk-lib'
import type { ITable } from 'aws-cdk-lib/aws-dynamodb'
import { type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { IKey } from 'aws-cdk-lib/aws-kms'
import type { ILogGroup } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import type { PodCluster } from './cluster.ts'
import type { Pipeline } from './pipeline.ts'

function allow(
  grantee: IGrantable,
  sid: string,
  actions: string[],
  resources: string[],
  conditions?: Record<string, Record<string, string>>,
): void {
  grantee.grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ sid, actions, resources, ...(conditions ? { conditions } : {}) }))
}

/** The store: no scan, no table administration. A transaction needs the right to each of its actions. */
export function grantStore(table: ITable, grantee: IGrantable): void {
  allow(
    grantee,
    'Store',
    [
      'dynamodb:GetItem',
      'dynamodb:BatchGetItem',
      'dynamodb:Query',
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
      'dynamodb:DeleteItem',
      'dynamodb:ConditionCheckItem',
    ],
    [table.tableArn],
  )
}

/** What DynamoDB does with a customer's own key in the caller's name, and through DynamoDB only. */
export function grantKey(key: IKey, grantee: IGrantable): void {
  allow(
    grantee,
    'UseKey',
    ['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey', 'kms:ReEncryptFrom', 'kms:ReEncryptTo', 'kms:DescribeKey'],
    [key.keyArn],
    { StringEquals: { 'kms:ViaService': `dynamodb.${Stack.of(key).region}.amazonaws.com` } },
  )
}

/** A log record of an object too large for one item names parts that must be read from the table. */
export function grantReadParts(table: ITable, grantee: IGrantable): void {
  allow(grantee, 'ReadParts', ['dynamodb:Query'], [table.tableArn])
}

export function grantReadPodLogs(group: ILogGroup, grantee: IGrantable): void {
  allow(
    grantee,
    'ReadPodLogs',
    ['logs:GetLogEvents', 'logs:FilterLogEvents', 'logs:DescribeLogStreams'],
    [group.logGroupArn, `${group.logGroupArn}:*`],
  )
}

/** Launch, stop and look at the tasks of our cluster. */
export function grantTasks(cluster: PodCluster, grantee: IGrantable): void {
  const stack = Stack.of(cluster)
  const inCluster = { ArnEquals: { 'ecs:cluster': cluster.clusterArn } }
  const arn = (resource: string, resourceName: string) => stack.formatArn({ service: 'ecs', resource, resourceName })
  // The families that shared/pods/task-definition.ts makes.
  allow(grantee, 'RunTasks', ['ecs:RunTask'], [arn('task-definition', 'zeroplane-*')], inCluster)
  allow(grantee, 'StopAndDescribeTasks', ['ecs:StopTask', 'ecs:DescribeTasks'], [arn('task', '*')], inCluster)
  // RunTask with tags asks for this beside; a condition on the cluster is not known here, so the ARN names it.
  allow(grantee, 'TagTasks', ['ecs:TagResource'], [arn('task', `${cluster.clusterName}/*`)], {
    StringEquals: { 'ecs:CreateAction': 'RunTask' },
  })
  // ListTasks is granted on container instances, of which Fargate has none: only the condition narrows it.
  allow(grantee, 'ListTasks', ['ecs:ListTasks'], ['*'], inCluster)
  // AWS knows no resource for these two.
  allow(grantee, 'TaskDefinitions', ['ecs:RegisterTaskDefinition', 'ecs:DescribeTaskDefinition'], ['*'])
  allow(grantee, 'PassPodRoles', ['iam:PassRole'], [cluster.executionRole.roleArn, cluster.taskRole.roleArn], {
    StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' },
  })
}

/** An agent's first call may come before the launcher has written down which task it is. */
export function grantFindTasks(cluster: PodCluster, grantee: IGrantable): void {
  // ListTasks is granted on container instances, of which Fargate has none: only the condition narrows it.
  allow(grantee, 'FindTasks', ['ecs:ListTasks'], ['*'], { ArnEquals: { 'ecs:cluster': cluster.clusterArn } })
}

/** The launcher asks registries for entry points and digests; of these only ECR wants an AWS identity. */
export function grantReadImages(grantee: IGrantable): void {
  allow(grantee, 'ReadImages', ['ecr:GetAuthorizationToken', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'], ['*'])
}

/** Work for later: messages to both queues and schedules in our own group. */
export function grantScheduleWork(pipeline: Pipeline, grantee: IGrantable): void {
  pipeline.work.grantSendMessages(grantee)
  pipeline.delay.grantSendMessages(grantee)
  const schedules = Stack.of(pipeline).formatArn({
    service: 'scheduler',
    resource: 'schedule',
    resourceName: `${pipeline.scheduleGroup}/*`,
  })
  allow(
    grantee,
    'Schedules',
    ['scheduler:CreateSchedule', 'scheduler:UpdateSchedule', 'scheduler:DeleteSchedule', 'scheduler:GetSchedule'],
    [schedules],
  )
  allow(grantee, 'PassSchedulerRole', ['iam:PassRole'], [pipeline.schedulerRole.roleArn], {
    StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' },
  })
}

/** The schedules of a cluster that is deleted are found by what their names begin with. AWS knows no resource for listing. */
export function grantFindSchedules(grantee: IGrantable): void {
  allow(grantee, 'FindSchedules', ['scheduler:ListSchedules'], ['*'])
}

/** The queues that WorkQueue objects own: any with the prefix, since they come and go with their objects. */
const ownedQueues = (scope: Construct, prefix: string) => [Stack.of(scope).formatArn({ service: 'sqs', resource: `${prefix}*` })]

export function grantOwnQueues(scope: Construct, prefix: string, grantee: IGrantable): void {
  allow(
    grantee,
    'OwnQueues',
    ['sqs:CreateQueue', 'sqs:SetQueueAttributes', 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl', 'sqs:DeleteQueue'],
    ownedQueues(scope, prefix),
  )
}

/** For pods: to work on what is in them, and to put more work in. */
export function grantUseQueues(scope: Construct, prefix: string, grantee: IGrantable): void {
  allow(
    grantee,
    'UseWorkQueues',
    ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', 'sqs:SendMessage', 'sqs:GetQueueAttributes'],
    ownedQueues(scope, prefix),
  )
}

/** Object changes go to this one bus, and those that it does not take wait in the delay queue. */
export function grantPublish(pipeline: Pipeline, bus: string, grantee: IGrantable): void {
  allow(
    grantee,
    'PublishChanges',
    ['events:PutEvents'],
    [Stack.of(pipeline).formatArn({ service: 'events', resource: 'event-bus', resourceName: bus })],
  )
  pipeline.delay.grantSendMessages(grantee)
}
