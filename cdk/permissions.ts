// What each function may do, and no more. One statement per reason; no action is a wildcard, and a resource is one only where
// AWS knows no finer one (said beside it).
import { Stack } from 'aws-cdk-lib'
import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import { type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { ILogGroup } from 'aws-cdk-lib/aws-logs'
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
export function grantStore(table: Table, grantee: IGrantable): void {
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
  const arn = (resource: string) => stack.formatArn({ service: 'ecs', resource, resourceName: '*' })
  allow(grantee, 'RunTasks', ['ecs:RunTask'], [arn('task-definition')], inCluster)
  allow(grantee, 'StopAndDescribeTasks', ['ecs:StopTask', 'ecs:DescribeTasks', 'ecs:TagResource'], [arn('task')], inCluster)
  // ListTasks is granted on container instances, of which Fargate has none: only the condition narrows it.
  allow(grantee, 'ListTasks', ['ecs:ListTasks', 'ecs:ListContainerInstances', 'ecs:DescribeContainerInstances'], ['*'], inCluster)
  // AWS knows no resource for these two.
  allow(grantee, 'TaskDefinitions', ['ecs:RegisterTaskDefinition', 'ecs:DescribeTaskDefinition'], ['*'])
  allow(grantee, 'PassPodRoles', ['iam:PassRole'], [cluster.executionRole.roleArn, cluster.taskRole.roleArn], {
    StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' },
  })
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
