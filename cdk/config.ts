// What a deployment may choose. Every value has a default that costs nothing per hour; override with a file named by
// `-c config=FILE` (JSON of this shape) or with single `-c key=value` pairs.
import { readFileSync } from 'node:fs'
import type { Node } from 'constructs'

export type CapacityProvider = 'FARGATE' | 'FARGATE_SPOT'

export interface ZeroplaneConfig {
  /** Name of the CloudFormation stack, and the prefix of what it creates. */
  readonly stackName: string
  /** Name of the cluster that paths without a name mean. The others are objects in it (docs/clusters.md). [a-z0-9-], at most 32 characters. */
  readonly cluster: string
  /** Log retention of functions and pods, in days (a value that CloudWatch Logs accepts). */
  readonly logRetentionDays: number
  /** new: a VPC with public subnets and no NAT gateway; default: the account's default VPC; vpc-...: an existing one. */
  readonly vpc: string
  /** Capacity providers that pods may run on. Pods that do not ask run on the first; the others take those that ask for their node. */
  readonly capacity: readonly CapacityProvider[]
  /** Architecture of pods, and so of the agent's image. Empty: that of the machine that deploys. */
  readonly architecture: '' | 'amd64' | 'arm64'
  /** The agent's image in a registry. Empty: it is made on the machine that deploys (Linux with a Docker CLI) and pushed to ECR as an asset. */
  readonly agentImage: string
  /** Refuses to delete the table (a second line of defence; point-in-time recovery is always on). */
  readonly deletionProtection: boolean
  /** ARN of the stream of a table that exists, e.g. one that `npm run restore` made: it is served instead of the stack's own, which stays. */
  readonly existingTable: string
  /** ARN of a customer managed KMS key for the table; empty: a key that AWS owns, which costs nothing. */
  readonly kmsKey: string
  /** CloudFront in front of the Function URL, which then answers to nobody else. Billed by use. */
  readonly cloudFront: boolean
  /**
   * A small container that always runs, for exec, attach and port-forward, billed by the hour (docs/gateway.md): the name under which it
   * is reached and the ARN of its certificate in ACM. Both empty: there is none.
   */
  readonly gateway: { readonly host: string; readonly certificate: string }
  /** The gateway's image in a registry. Empty: it is made as the agent's is. */
  readonly gatewayImage: string
  /** ARNs of IAM roles or users, separated by commas, that are cluster administrators. `npm run deploy` names its caller when this is empty. */
  readonly admin: string
  /** Alarms and a dashboard. An alarm costs $0.10 a month each after the first ten. */
  readonly observability: boolean
  /** Monthly budget in US dollars with an e-mail at 80 %; 0 for none. */
  readonly budget: { readonly dollars: number; readonly email: string }
  /** Name of an existing EventBridge bus on which every object change is published ("default" is one); empty for none. docs/events.md */
  readonly eventBus: string
  /** Pods may receive and delete the messages of the queues that WorkQueue objects own, all of them; otherwise pods have no AWS rights. */
  readonly podsUseWorkQueues: boolean
  /** A file system for volumes that are made for claims, and the default StorageClass for it. Billed by what lies in it; it stays when the stack goes. */
  readonly storage: boolean
  /** Also serve the API versions of 2018 (extensions/v1beta1, apps/v1beta1 ...). docs/decisions/0040-versions-of-2018.md */
  readonly legacyApis: boolean
  /** At most so many reconcile environments at once: few and warm beats many and cold. At least 2. */
  readonly reconcileConcurrency: number
}

/** What the names of the queues that WorkQueues own begin with. 80 characters are all that SQS gives a name; 45 of them are the WorkQueue's own. */
export const queuePrefixOf = (stackName: string): string => `${stackName.slice(0, 20)}-workqueue-`

export const DEFAULTS: ZeroplaneConfig = {
  stackName: 'zeroplane',
  cluster: 'default',
  logRetentionDays: 14,
  vpc: 'new',
  capacity: ['FARGATE', 'FARGATE_SPOT'],
  architecture: '',
  agentImage: '',
  deletionProtection: false,
  existingTable: '',
  kmsKey: '',
  cloudFront: false,
  gateway: { host: '', certificate: '' },
  gatewayImage: '',
  admin: '',
  observability: false,
  budget: { dollars: 0, email: '' },
  eventBus: '',
  podsUseWorkQueues: false,
  storage: true,
  legacyApis: true,
  reconcileConcurrency: 4,
}

/** Reads the configuration from CDK context. @throws Error that names the key and what it may be. */
export function readConfig(node: Node): ZeroplaneConfig {
  const file = node.tryGetContext('config') as string | undefined
  const fromFile = file ? (JSON.parse(readFileSync(file, 'utf8')) as Partial<ZeroplaneConfig>) : {}
  const fromContext = Object.fromEntries(
    Object.entries(DEFAULTS).flatMap(([key, standard]) => {
      const given: unknown = node.tryGetContext(key)
      return given === undefined ? [] : [[key, typeof standard === 'string' || typeof given !== 'string' ? given : JSON.parse(given)]]
    }),
  ) as Partial<ZeroplaneConfig>
  return checked({ ...DEFAULTS, ...fromFile, ...fromContext })
}

function checked(config: ZeroplaneConfig): ZeroplaneConfig {
  for (const key of Object.keys(config)) {
    if (!(key in DEFAULTS)) throw new Error(`config: unknown key "${key}"; known are ${Object.keys(DEFAULTS).join(', ')}`)
  }
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(config.cluster))
    throw new Error(`config: cluster is "${config.cluster}"; it must be a-z, 0-9 and -, at most 32 characters`)
  if (!/^(new|default|vpc-[0-9a-f]+)$/.test(config.vpc))
    throw new Error(`config: vpc is "${config.vpc}"; it must be new, default or an id such as vpc-0123456789abcdef0`)
  if (!/^[.\-_A-Za-z0-9]{0,256}$/.test(config.eventBus))
    throw new Error(`config: eventBus is "${config.eventBus}"; it must be the name of a bus, not its ARN, or empty`)
  if (config.capacity.length === 0 || config.capacity.some(provider => !/^FARGATE(_SPOT)?$/.test(provider)))
    throw new Error(
      `config: capacity is ${JSON.stringify(config.capacity)}; it must list FARGATE, FARGATE_SPOT or both, the preferred one first`,
    )
  if (!['', 'amd64', 'arm64'].includes(config.architecture))
    throw new Error(`config: architecture is "${config.architecture}"; it must be amd64, arm64 or empty`)
  if (config.existingTable !== '' && !/^arn:[^:]+:dynamodb:[^:]+:\d{12}:table\/[^/]+\/stream\/.+$/.test(config.existingTable))
    throw new Error(
      `config: existingTable is "${config.existingTable}"; it must be the ARN of the table's stream, which ends in /stream/<time>`,
    )
  if (config.kmsKey !== '' && !/^arn:[^:]+:kms:[^:]+:\d{12}:key\/.+$/.test(config.kmsKey))
    throw new Error(`config: kmsKey is "${config.kmsKey}"; it must be the ARN of a key (not of an alias)`)
  const { host, certificate } = config.gateway
  if ((host === '') !== (certificate === '') || !/^([a-z0-9-]+(\.[a-z0-9-]+)+)?$/.test(host) || !/^(arn:[^:]+:acm:.+)?$/.test(certificate))
    throw new Error(
      `config: gateway is ${JSON.stringify(config.gateway)}; it must have a host (api.example.com) and the ARN of its certificate in ACM, or neither`,
    )
  if (config.reconcileConcurrency < 2)
    throw new Error('config: reconcileConcurrency must be at least 2 (the least that an SQS event source accepts)')
  if (config.budget.dollars > 0 && !config.budget.email.includes('@')) throw new Error('config: a budget needs an e-mail address to warn')
  return config
}
