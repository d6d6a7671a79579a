// What the pods of one deployment have in common.
export interface PodSettings {
  /** Id of the Kubernetes cluster (shared/cluster-name.ts): several may share one ECS cluster. */
  readonly cluster: string
  /** Image of the agent. */
  readonly agentImage: string
  /** https://host[:port] of the API as pods reach it. */
  readonly apiUrl: string
  /** PEM of the CA that signed the API's certificate, when it is not a public one. */
  readonly apiCa?: string
  /** CloudWatch Logs group of containers' output. */
  readonly logGroup: string
  readonly region: string
  readonly executionRoleArn?: string
  readonly taskRoleArn?: string
  readonly subnets: readonly Subnet[]
  readonly securityGroups: readonly string[]
  /** Looking an image up brings it to the machine that runs it. */
  readonly imagesPresent?: boolean
  /** Each node is an ECS container instance; otherwise nodes stand for Fargate capacity. */
  readonly containerInstances: boolean
  /** Of nodes that stand for Fargate capacity. */
  readonly fargate: FargateSettings
}

export interface FargateSettings {
  /** Capacity providers; the first takes pods that do not ask. */
  readonly providers: readonly string[]
  readonly architecture: 'amd64' | 'arm64'
}

export interface Subnet {
  readonly id: string
  /** Availability zone, where it is known. */
  readonly zone?: string
}

/** "subnet-1@us-east-1a,subnet-2" */
export function parseSubnets(text: string): Subnet[] {
  return text
    .split(',')
    .map(entry => entry.trim())
    .filter(entry => entry !== '')
    .map(entry => {
      const [id = '', zone] = entry.split('@')
      return zone === undefined ? { id } : { id, zone }
    })
}

/** awslogs-stream-prefix: a container's stream is "pod/<container>/<task id>". */
export const LOG_STREAM_PREFIX = 'pod'

export const logStream = (container: string, taskId: string) => `${LOG_STREAM_PREFIX}/${container}/${taskId}`
