// What a deployment may choose. Every value has a default that costs nothing per hour; override with a file named by
// `-c config=FILE` (JSON of this shape) or with single `-c key=value` pairs.
import { readFileSync } from 'node:fs'
import type { Node } from 'constructs'

export interface ZeroplaneConfig {
  /** Name of the CloudFormation stack, and the prefix of what it creates. */
  readonly stackName: string
  /** Clusters that one deployment serves; the first is the default. [a-z0-9-], at most 32 characters each. */
  readonly clusters: readonly string[]
  /** Log retention of functions and pods, in days (a value that CloudWatch Logs accepts). */
  readonly logRetentionDays: number
  /** new: a VPC with public subnets and no NAT gateway; default: the account's default VPC; vpc-...: an existing one. */
  readonly vpc: string
  /** Where pods run when they do not ask: share of Fargate and of Fargate Spot. */
  readonly capacity: { readonly onDemandWeight: number; readonly spotWeight: number }
  /** Refuses to delete the table (a second line of defence; point-in-time recovery is always on). */
  readonly deletionProtection: boolean
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
  /** At most so many reconcile environments at once: few and warm beats many and cold. At least 2. */
  readonly reconcileConcurrency: number
}

export const DEFAULTS: ZeroplaneConfig = {
  stackName: 'zeroplane',
  clusters: ['default'],
  logRetentionDays: 14,
  vpc: 'new',
  capacity: { onDemandWeight: 1, spotWeight: 0 },
  deletionProtection: false,
  admin: '',
  observability: false,
  budget: { dollars: 0, email: '' },
  eventBus: '',
  podsUseWorkQueues: false,
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
  if (config.clusters.length === 0) throw new Error('config: clusters must name at least one cluster')
  for (const name of config.clusters) {
    if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name))
      throw new Error(`config: cluster name "${name}" must be a-z, 0-9 and -, at most 32 characters`)
  }
  if (!/^(new|default|vpc-[0-9a-f]+)$/.test(config.vpc))
    throw new Error(`config: vpc is "${config.vpc}"; it must be new, default or an id such as vpc-0123456789abcdef0`)
  if (!/^[.\-_A-Za-z0-9]{0,256}$/.test(config.eventBus))
    throw new Error(`config: eventBus is "${config.eventBus}"; it must be the name of a bus, not its ARN, or empty`)
  if (config.reconcileConcurrency < 2)
    throw new Error('config: reconcileConcurrency must be at least 2 (the least that an SQS event source accepts)')
  if (config.budget.dollars > 0 && !config.budget.email.includes('@')) throw new Error('config: a budget needs an e-mail address to warn')
  return config
}
