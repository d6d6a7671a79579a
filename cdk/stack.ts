import { ArnFormat, CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib'
import { Key } from 'aws-cdk-lib/aws-kms'
import { FunctionUrlAuthType, InvokeMode } from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'
import type { FunctionName } from '../scripts/bundle.ts'
import type { Environment } from '../shared/aws/environment.ts'
import { PodCluster } from './cluster.ts'
import { queuePrefixOf, type ZeroplaneConfig } from './config.ts'
import { Edge } from './edge.ts'
import { ControlPlaneFunction } from './function.ts'
import { Gateway } from './gateway.ts'
import { type ImageSource, imageUri, podArchitecture } from './images.ts'
import { Network } from './network.ts'
import { monthlyBudget, Observability } from './observability.ts'
import {
  grantFindSchedules,
  grantFindTasks,
  grantKey,
  grantOwnQueues,
  grantPublish,
  grantReadImages,
  grantReadParts,
  grantReadPodLogs,
  grantScheduleWork,
  grantStore,
  grantTasks,
  grantUseQueues,
} from './permissions.ts'
import { Pipeline, RECONCILE_TIMEOUT } from './pipeline.ts'
import { Storage } from './storage.ts'
import { ObjectTable } from './table.ts'

export interface ZeroplaneStackProps extends StackProps {
  readonly config: ZeroplaneConfig
  /** Folder of each function's bundle (scripts/bundle.ts). */
  readonly bundles: Record<FunctionName, string>
  readonly agentImage: ImageSource
  /** Absent: there is no gateway. */
  readonly gatewayImage?: ImageSource | undefined
}

/** Everything one deployment is. docs/deploy.md walks through it. */
export class ZeroplaneStack extends Stack {
  constructor(scope: Construct, id: string, props: ZeroplaneStackProps) {
    super(scope, id, props)
    const { config } = props
    const key = config.kmsKey === '' ? undefined : Key.fromKeyArn(this, 'Key', config.kmsKey)
    const { table } = new ObjectTable(this, 'Objects', config, key)
    const network = new Network(this, 'Network', config)
    const cluster = new PodCluster(this, 'Pods', config)
    const storage = config.storage ? new Storage(this, 'Storage', { network, taskRole: cluster.taskRole }) : undefined
    const pipeline = new Pipeline(this, 'Pipeline')

    // The name is given, not generated: tick makes schedules that invoke tick, which would otherwise be a cycle.
    const tickName = `${config.stackName}-tick`
    const tickArn = this.formatArn({
      service: 'lambda',
      resource: 'function',
      resourceName: tickName,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    })

    const namespace = config.observability ? `Zeroplane/${config.stackName}` : ''
    const common = { TABLE_NAME: table.tableName, CLUSTER_NAME: config.cluster, METRICS_NAMESPACE: namespace }
    const queues = { WORK_QUEUE_URL: pipeline.work.queueUrl, DELAY_QUEUE_URL: pipeline.delay.queueUrl }
    const later = {
      SCHEDULER_GROUP: pipeline.scheduleGroup,
      SCHEDULER_ROLE_ARN: pipeline.schedulerRole.roleArn,
      TICK_FUNCTION_ARN: tickArn,
    }
    const pods = {
      ECS_CLUSTER: cluster.clusterName,
      POD_SUBNETS: network.subnets,
      POD_SECURITY_GROUPS: network.podSecurityGroup.securityGroupId,
      EXECUTION_ROLE_ARN: cluster.executionRole.roleArn,
      TASK_ROLE_ARN: cluster.taskRole.roleArn,
      POD_LOG_GROUP: cluster.logGroup.logGroupName,
      EFS_FILE_SYSTEM: storage?.fileSystemId ?? '',
      AGENT_IMAGE: imageUri(this, 'AgentImage', props.agentImage),
      REGISTRY_MIRROR: '',
      API_CA: '',
      CONTAINER_INSTANCES: 'false',
      CAPACITY_PROVIDERS: config.capacity.join(','),
      POD_ARCHITECTURE: podArchitecture(config),
    }
    const queuePrefix = queuePrefixOf(config.stackName)
    if (config.podsUseWorkQueues) grantUseQueues(this, queuePrefix, cluster.taskRole)

    const make = (name: FunctionName, memoryMiB: number, timeout: Duration, environment: Partial<Environment>, functionName?: string) =>
      new ControlPlaneFunction(this, name[0]!.toUpperCase() + name.slice(1), {
        name,
        ...(functionName ? { functionName } : {}),
        code: props.bundles[name],
        memoryMiB,
        timeout,
        logRetentionDays: config.logRetentionDays,
        environment: {
          ...common,
          SERVICE_CIDR: '127.128.0.0/9',
          LEGACY_APIS: String(config.legacyApis),
          POD_METRICS: 'true',
          ...environment,
        },
      }).lambda

    // A watch holds its environment: the longest one Lambda allows, ended a little earlier by the server's own clock.
    const api = make('api', 512, Duration.minutes(15), {
      ...queues,
      ADMIN_TOKEN: '', // administrators prove an IAM identity: there is no secret to keep
      ADMIN_PRINCIPALS: config.admin,
      POD_LOG_GROUP: pods.POD_LOG_GROUP,
      EFS_FILE_SYSTEM: pods.EFS_FILE_SYSTEM,
      ECS_CLUSTER: pods.ECS_CLUSTER,
      AGENT_HOLD_SECONDS: '0',
      ...(config.cloudFront ? Edge.environment(this) : Edge.NONE),
      GATEWAY_URL: config.gateway.host === '' ? '' : `https://${config.gateway.host}`,
    })
    const url = api.addFunctionUrl({ authType: FunctionUrlAuthType.NONE, invokeMode: InvokeMode.RESPONSE_STREAM })
    const endpoint = config.cloudFront ? new Edge(this, 'Edge', url).url : url.url
    grantStore(table, api)
    grantFindTasks(cluster, api)
    grantReadPodLogs(cluster.logGroup, api)

    const dispatch = make('dispatch', 256, Duration.minutes(1), { ...queues, EVENT_BUS: config.eventBus })
    if (config.eventBus !== '') grantPublish(pipeline, config.eventBus, dispatch)
    grantReadParts(table, dispatch)
    pipeline.work.grantSendMessages(dispatch)
    pipeline.connectStream(table, dispatch)
    pipeline.connectDelay(dispatch)

    const reconcile = make('reconcile', 1024, RECONCILE_TIMEOUT, {
      ...queues,
      ...later,
      ...pods,
      API_URL: endpoint,
      QUEUE_PREFIX: queuePrefix,
      POD_SQS_ENDPOINT: '',
    })
    grantStore(table, reconcile)
    grantOwnQueues(this, queuePrefix, reconcile)
    grantTasks(cluster, reconcile)
    storage?.grantProvision(reconcile)
    grantReadImages(reconcile)
    grantScheduleWork(pipeline, reconcile)
    grantFindSchedules(reconcile)
    pipeline.connectWork(reconcile, config.reconcileConcurrency)

    const tasks = make('tasks', 512, Duration.minutes(1), {})
    grantStore(table, tasks)
    pipeline.connectTaskEvents(cluster.clusterArn, tasks)

    const tick = make('tick', 512, Duration.minutes(2), { ...queues, ...later }, tickName)
    grantStore(table, tick)
    grantScheduleWork(pipeline, tick)
    pipeline.connectTick(tick)

    if (props.gatewayImage !== undefined) {
      const gateway = new Gateway(this, 'Gateway', {
        config,
        network,
        cluster,
        image: imageUri(this, 'GatewayImage', props.gatewayImage),
        architecture: podArchitecture(config),
        environment: {
          ...common,
          ADMIN_TOKEN: '',
          ADMIN_PRINCIPALS: config.admin,
          POD_LOG_GROUP: pods.POD_LOG_GROUP,
          API_URL: endpoint,
          API_CA: '',
        },
      })
      grantStore(table, gateway.role)
      grantReadPodLogs(cluster.logGroup, gateway.role)
      if (key) grantKey(key, gateway.role)
    }
    if (key) for (const fn of [api, dispatch, reconcile, tasks, tick]) grantKey(key, fn)
    if (config.observability)
      new Observability(this, 'Observability', { pipeline, namespace, functions: { api, dispatch, reconcile, tasks, tick } })
    if (config.budget.dollars > 0) monthlyBudget(this, config.budget)

    new CfnOutput(this, 'Endpoint', {
      value: config.gateway.host === '' ? endpoint : `https://${config.gateway.host}`,
      description: 'The Kubernetes API. npm run kubeconfig writes a kubeconfig for it.',
    })
    new CfnOutput(this, 'ApiFunction', { value: api.functionName })
    new CfnOutput(this, 'DispatchFunction', { value: dispatch.functionName })
    new CfnOutput(this, 'ReconcileFunction', { value: reconcile.functionName })
    new CfnOutput(this, 'TasksFunction', { value: tasks.functionName })
    new CfnOutput(this, 'TickFunction', { value: tick.functionName })
    new CfnOutput(this, 'ScheduleGroup', { value: pipeline.scheduleGroup })
    new CfnOutput(this, 'FailuresQueue', { value: pipeline.failures.queueUrl })
    new CfnOutput(this, 'EcsCluster', { value: cluster.clusterName })
  }
}
