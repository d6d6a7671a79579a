import { RemovalPolicy } from 'aws-cdk-lib'
import { CfnCluster } from 'aws-cdk-lib/aws-ecs'
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import type { ZeroplaneConfig } from './config.ts'

/** The ECS cluster whose tasks are pods, and what every task has: a role to start with, a role to run with, a place for its logs. */
export class PodCluster extends Construct {
  readonly clusterName: string
  readonly clusterArn: string
  readonly executionRole: Role
  readonly taskRole: Role
  readonly logGroup: LogGroup

  constructor(scope: Construct, id: string, config: ZeroplaneConfig) {
    super(scope, id)
    // The level-1 construct: the level-2 one insists on a VPC of its own and a log configuration that is billed.
    const cluster = new CfnCluster(this, 'Cluster', {
      clusterSettings: [{ name: 'containerInsights', value: 'disabled' }],
      capacityProviders: [...config.capacity],
      // For tasks that somebody else runs here: a pod's launch names its provider.
      defaultCapacityProviderStrategy: [{ capacityProvider: config.capacity[0], weight: 1 }],
    })
    this.clusterName = cluster.ref
    this.clusterArn = cluster.attrArn

    this.logGroup = new LogGroup(this, 'PodLogs', {
      retention: config.logRetentionDays as RetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    })

    const tasks = new ServicePrincipal('ecs-tasks.amazonaws.com')
    this.executionRole = new Role(this, 'ExecutionRole', { assumedBy: tasks, description: 'Zeroplane: pulls images and writes pod logs' })
    this.logGroup.grantWrite(this.executionRole)
    this.executionRole.addToPolicy(
      new PolicyStatement({
        sid: 'PullImages',
        actions: ['ecr:GetAuthorizationToken', 'ecr:BatchGetImage', 'ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer'],
        resources: ['*'], // GetAuthorizationToken knows no resources; pods may name any repository of the account
      }),
    )
    // Pods have no AWS rights until somebody gives them some; the role exists because ECS Exec and the agent need one to hang on.
    this.taskRole = new Role(this, 'TaskRole', {
      assumedBy: tasks,
      description: 'Zeroplane: what a pod may do on AWS (nothing by default)',
    })
  }
}
