// The environment that cdk/ gives the functions on AWS, for the functions in this process.
import type { Environment } from '../../shared/aws/environment.ts'
import type { LocalAws } from '../aws/index.ts'
import { functionArn } from './lambda.ts'
import type { HostOptions } from './options.ts'
import { CLUSTER, NAMES, type Provisioned } from './provision.ts'

/** The SDK must see these endpoints and nothing of the user's own account. */
const FOREIGN = [
  'AWS_PROFILE',
  'AWS_SESSION_TOKEN',
  'AWS_DEFAULT_PROFILE',
  'AWS_CONFIG_FILE',
  'AWS_SHARED_CREDENTIALS_FILE',
  'AWS_ROLE_ARN',
]

/** `dynamodb`: where DynamoDB Local itself listens. The SDK asks it directly; the local AWS passes it on for everybody else. */
export function setAwsEnvironment(endpoint: string, region: string, dynamodb: string | undefined): void {
  for (const name of Object.keys(process.env)) if (FOREIGN.includes(name) || name.startsWith('AWS_ENDPOINT_URL')) delete process.env[name]
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: endpoint,
    ...(dynamodb && { AWS_ENDPOINT_URL_DYNAMODB: dynamodb }),
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  })
}

export interface FunctionEnvironmentInput {
  readonly aws: LocalAws
  readonly provisioned: Provisioned
  readonly options: HostOptions
  /** Base URL of the API as containers reach it. */
  readonly apiUrl: string
  /** Base URL of the local AWS as containers reach it, of which they see SQS alone; empty where there are no containers. */
  readonly podAwsUrl: string
  /** PEM of the CA that signed its certificate. */
  readonly apiCa: string
  readonly agentImage: string
  readonly adminToken: string
}

export function setFunctionEnvironment({
  aws,
  provisioned,
  options,
  apiUrl,
  podAwsUrl,
  apiCa,
  agentImage,
  adminToken,
}: FunctionEnvironmentInput): void {
  const { account, region } = aws.identity
  const role = (name: string) => `arn:aws:iam::${account}:role/${name}`
  const environment: Environment = {
    TABLE_NAME: NAMES.table,
    CLUSTER_NAME: CLUSTER,
    ADMIN_TOKEN: adminToken,
    ADMIN_PRINCIPALS: '',
    WORK_QUEUE_URL: provisioned.workQueueUrl,
    DELAY_QUEUE_URL: provisioned.delayQueueUrl,
    QUEUE_PREFIX: 'zeroplane-workqueue-',
    POD_SQS_ENDPOINT: podAwsUrl,
    EVENT_BUS: options.eventBus ?? '',
    SCHEDULER_GROUP: NAMES.schedules,
    SCHEDULER_ROLE_ARN: role('zeroplane-scheduler'),
    TICK_FUNCTION_ARN: functionArn({ name: 'tick', region, account }),
    ECS_CLUSTER: NAMES.cluster,
    POD_SUBNETS: 'subnet-local',
    POD_SECURITY_GROUPS: 'sg-local',
    EXECUTION_ROLE_ARN: role('zeroplane-execution'),
    TASK_ROLE_ARN: role('zeroplane-task'),
    POD_LOG_GROUP: NAMES.logGroup,
    EFS_FILE_SYSTEM: provisioned.fileSystemId,
    AGENT_IMAGE: agentImage,
    API_URL: apiUrl,
    API_CA: apiCa,
    // An open call costs nothing here, and tells the agent at once.
    AGENT_HOLD_SECONDS: '30',
    // The gateway is in this process, behind the API's own port.
    GATEWAY_URL: apiUrl,
    REGISTRY_MIRROR: aws.endpoint,
    SERVICE_CIDR: options.serviceCidr,
    LEGACY_APIS: String(options.legacyApis),
    POD_METRICS: String(options.controllers),
    CONTAINER_INSTANCES: 'true',
    CAPACITY_PROVIDERS: 'FARGATE,FARGATE_SPOT',
    POD_ARCHITECTURE: process.arch === 'arm64' ? 'arm64' : 'amd64',
    METRICS_NAMESPACE: '',
    ORIGIN_SECRET: '',
    HEARTBEAT_SECONDS: '0',
  }
  Object.assign(process.env, environment)
}
