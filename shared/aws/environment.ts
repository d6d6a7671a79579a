// The environment of the functions, by name: what cdk/ sets on AWS and the local process host sets here. One list, so that
// the three cannot drift apart. AWS_REGION and AWS_ENDPOINT_URL belong to the SDK and are read by nothing else.

export interface Environment {
  /** DynamoDB table of objects, heads and logs. */
  readonly TABLE_NAME: string
  /** The cluster that a path without /clusters/<name> means. */
  readonly CLUSTER_NAME: string
  /** Bearer token of the cluster's administrator, beside IAM identities; empty: there is none. */
  readonly ADMIN_TOKEN: string
  /** IAM principals that are administrators, separated by commas; empty: there is none. */
  readonly ADMIN_PRINCIPALS: string
  /** SQS FIFO queue of work items; message group = namespace (shared/pipeline/work.ts). */
  readonly WORK_QUEUE_URL: string
  /** SQS standard queue for work that is due within 15 minutes. */
  readonly DELAY_QUEUE_URL: string
  /** What the names of the queues that WorkQueue objects own begin with; up to 35 characters. */
  readonly QUEUE_PREFIX: string
  /** Where pods reach SQS, where that is not where AWS has it ("http://172.18.0.1:4566"); empty on AWS. */
  readonly POD_SQS_ENDPOINT: string
  /** EventBridge bus on which object changes are published; empty: they are not. */
  readonly EVENT_BUS: string
  /** EventBridge Scheduler group of work that is due later. */
  readonly SCHEDULER_GROUP: string
  /** Role that Scheduler assumes to invoke the tick function. */
  readonly SCHEDULER_ROLE_ARN: string
  /** The tick function, as the target of schedules. */
  readonly TICK_FUNCTION_ARN: string
  /** ECS cluster that runs pods. */
  readonly ECS_CLUSTER: string
  /** Comma-separated subnets and security groups of pods (awsvpc networking). */
  readonly POD_SUBNETS: string
  readonly POD_SECURITY_GROUPS: string
  /** Role that ECS uses to pull images and write logs, and the role that pods' containers have. */
  readonly EXECUTION_ROLE_ARN: string
  readonly TASK_ROLE_ARN: string
  /** CloudWatch Logs group of containers' output. */
  readonly POD_LOG_GROUP: string
  /** EFS file system for volumes of claims whose StorageClass names none; empty: there is none. */
  readonly EFS_FILE_SYSTEM: string
  /** Image of the agent. */
  readonly AGENT_IMAGE: string
  /** Base URL of the API as pods reach it. */
  readonly API_URL: string
  /** PEM of the CA that signed the API's certificate; empty where it is a public one. */
  readonly API_CA: string
  /** How long an agent's call may be held open until its pod changes, in seconds; 0 where an open call costs money. */
  readonly AGENT_HOLD_SECONDS: string
  /** Base URL of the gateway as agents and kubectl reach it (docs/gateway.md); empty: there is none. */
  readonly GATEWAY_URL: string
  /** Base URL of a registry that answers for all images, instead of each image's own; empty on AWS. */
  readonly REGISTRY_MIRROR: string
  /** Range of cluster IPs. */
  readonly SERVICE_CIDR: string
  /** "true" when the API also serves the versions of 2018 (extensions/v1beta1 ...), "false" when exactly what upstream serves. */
  readonly LEGACY_APIS: string
  /** "true" when metrics.k8s.io is served, from what agents report; "false" where there are no agents. */
  readonly POD_METRICS: string
  /** CloudWatch namespace of the functions' own metrics; empty: they write none. */
  readonly METRICS_NAMESPACE: string
  /** What the header x-zeroplane-origin must say, where only CloudFront may call the API; empty: anybody may. */
  readonly ORIGIN_SECRET: string
  /** A watch that has nothing to tell says so this often, in seconds, for proxies that take silence for death; 0: never. */
  readonly HEARTBEAT_SECONDS: string
  /** Fargate's capacity providers, separated by commas, the preferred one first. */
  readonly CAPACITY_PROVIDERS: string
  /** Of pods on Fargate: amd64 or arm64. */
  readonly POD_ARCHITECTURE: string
  /** "true" when each node is an ECS container instance, "false" when nodes stand for Fargate capacity. */
  readonly CONTAINER_INSTANCES: string
}

export type EnvironmentName = keyof Environment

/**
 * Reads the named variables. A function asks for those that it uses, so that a missing one is found at start-up.
 * @throws Error that names every missing variable.
 */
export function readEnvironment<N extends EnvironmentName>(
  names: readonly N[],
  from: NodeJS.ProcessEnv = process.env,
): Pick<Environment, N> {
  const missing = names.filter(name => from[name] === undefined)
  if (missing.length > 0) throw new Error(`environment variables are not set: ${missing.join(', ')}`)
  return Object.fromEntries(names.map(name => [name, from[name]])) as Pick<Environment, N>
}
