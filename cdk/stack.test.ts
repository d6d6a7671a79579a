import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { App } from 'aws-cdk-lib'
import { Match, type Template } from 'aws-cdk-lib/assertions'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FUNCTIONS } from '../scripts/bundle.ts'
import { DEFAULTS, readConfig } from './config.ts'
import { idleCost, total } from './cost.ts'
import { costPage } from './cost-page.ts'
import { emptyBundles, synthesise } from './template.ts'

interface Statement {
  Sid?: string
  Effect: string
  Action: string | string[]
  Resource: unknown
  Principal?: unknown
}
interface Resource {
  Type: string
  Properties: Record<string, unknown>
}

/** What AWS bills by the hour, idle or not; none may appear unless an option asks for it. */
const BILLED_BY_THE_HOUR = [
  'AWS::EC2::NatGateway',
  'AWS::EC2::EIP',
  'AWS::EC2::Instance',
  'AWS::ElasticLoadBalancing::LoadBalancer',
  'AWS::ElasticLoadBalancingV2::LoadBalancer',
  'AWS::ECS::Service',
  'AWS::RDS::DBInstance',
  'AWS::ElastiCache::CacheCluster',
  'AWS::EKS::Cluster',
  'AWS::EFS::MountTarget',
  'AWS::KMS::Key',
  'AWS::SecretsManager::Secret',
  'AWS::Route53::HostedZone',
  'AWS::ServiceDiscovery::PrivateDnsNamespace',
]

let folder: string
let template: Template
let resources: Record<string, Resource>

beforeAll(() => {
  folder = emptyBundles()
  template = synthesise(folder)
  resources = template.toJSON().Resources as Record<string, Resource>
}, 60_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const ofType = (type: string) => Object.entries(resources).filter(([, r]) => r.Type === type)
const list = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value])

function statements(): [policy: string, Statement][] {
  return ofType('AWS::IAM::Policy').flatMap(([id, r]) =>
    (r.Properties.PolicyDocument as { Statement: Statement[] }).Statement.map((s): [string, Statement] => [id, s]),
  )
}

/** The actions that the role of one function has. */
function actionsOf(name: string): string[] {
  return statements()
    .filter(([policy]) => policy.startsWith(name))
    .flatMap(([, s]) => list(s.Action))
}

describe('the table', () => {
  test('has the keys, the stream, the time to live and the backups that the store relies on', () => {
    template.hasResourceProperties('AWS::DynamoDB::Table', {
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
      StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
      TimeToLiveSpecification: { AttributeName: 'expires', Enabled: true },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    })
  })

  test('is kept when the owner asked for protection', () => {
    const kept = synthesise(folder, { ...DEFAULTS, deletionProtection: true })
    kept.hasResource('AWS::DynamoDB::Table', { DeletionPolicy: 'Retain', Properties: { DeletionProtectionEnabled: true } })
  })
})

describe('the triggers', () => {
  const mappings = () => ofType('AWS::Lambda::EventSourceMapping').map(([, r]) => r.Properties)

  test('the stream gives up on a poison record and says where it went', () => {
    const stream = mappings().find(m => m.StartingPosition !== undefined)!
    expect(stream).toMatchObject({
      StartingPosition: 'TRIM_HORIZON',
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    })
    expect(stream.DestinationConfig).toHaveProperty('OnFailure.Destination')
  })

  test('the work queue is ordered, held back to few environments, and has a dead-letter queue', () => {
    template.hasResourceProperties('AWS::SQS::Queue', {
      FifoQueue: true,
      DeduplicationScope: 'messageGroup',
      VisibilityTimeout: 120,
      RedrivePolicy: Match.objectLike({ maxReceiveCount: 5 }),
    })
    expect(mappings().find(m => m.ScalingConfig)).toMatchObject({
      ScalingConfig: { MaximumConcurrency: 4 },
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    })
  })

  test('task events of our cluster only, with a place for those that cannot be delivered', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.ecs'],
        'detail-type': ['ECS Task State Change'],
        detail: { clusterArn: [Match.anyValue()], lastStatus: ['STOPPED'] },
      },
      Targets: [
        Match.objectLike({ DeadLetterConfig: Match.anyValue(), RetryPolicy: { MaximumRetryAttempts: 20, MaximumEventAgeInSeconds: 7200 } }),
      ],
    })
  })

  test('the API streams its answers', () => {
    template.hasResourceProperties('AWS::Lambda::Url', { InvokeMode: 'RESPONSE_STREAM', AuthType: 'NONE' })
  })

  test('every function runs on arm64 and Node 24, and has a log group that forgets', () => {
    for (const [, { Properties }] of ofType('AWS::Lambda::Function'))
      expect(Properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] })
    for (const [, { Properties }] of ofType('AWS::Logs::LogGroup')) expect(Properties.RetentionInDays).toBe(14)
  })
})

describe('the roles', () => {
  test('no statement allows a wildcard action', () => {
    for (const [policy, { Action }] of statements()) {
      for (const action of list(Action)) expect(action, policy).not.toContain('*')
    }
  })

  test('a wildcard resource stands only where AWS knows none or a condition narrows it', () => {
    const wild = statements().filter(([, s]) => s.Effect === 'Allow' && list(s.Resource).includes('*'))
    const known = new Set([
      'ecr:GetAuthorizationToken',
      'ecr:BatchGetImage',
      'ecr:BatchCheckLayerAvailability',
      'ecr:GetDownloadUrlForLayer',
      'ecs:RegisterTaskDefinition',
      'ecs:DescribeTaskDefinition',
      'ecs:ListTasks',
      'ecs:ListContainerInstances',
      'ecs:DescribeContainerInstances',
      'dynamodb:ListStreams',
      'xray:PutTraceSegments',
      'xray:PutTelemetryRecords',
    ])
    for (const [policy, { Action }] of wild) for (const action of list(Action)) expect(known, `${policy}: ${action}`).toContain(action)
  })

  test('each function has its own, with what it needs', () => {
    expect(actionsOf('Dispatch')).not.toContain('dynamodb:PutItem')
    expect(actionsOf('Dispatch')).toContain('sqs:SendMessage')
    expect(actionsOf('Api')).not.toContain('ecs:RunTask')
    expect(actionsOf('Api')).not.toContain('iam:PassRole')
    expect(actionsOf('Reconcile')).toEqual(
      expect.arrayContaining(['ecs:RunTask', 'ecs:StopTask', 'iam:PassRole', 'scheduler:CreateSchedule']),
    )
    expect(actionsOf('Tick')).not.toContain('ecs:RunTask')
    for (const name of FUNCTIONS) expect(actionsOf(name[0]!.toUpperCase() + name.slice(1)), name).not.toContain('dynamodb:Scan')
  })

  test('passing a role is limited to the roles of pods and of schedules, and to the service that takes them', () => {
    const passing = statements().filter(([, s]) => list(s.Action).includes('iam:PassRole'))
    expect(passing.length).toBeGreaterThan(0)
    for (const [, s] of passing) {
      expect(list(s.Resource)).not.toContain('*')
      expect(s).toHaveProperty('Condition.StringEquals.iam:PassedToService')
    }
  })
})

test('nothing is billed by the hour', () => {
  const types = new Set(Object.values(resources).map(r => r.Type))
  expect(types.has('AWS::Lambda::Function')).toBe(true)
  for (const type of BILLED_BY_THE_HOUR) expect(types.has(type), type).toBe(false)
  for (const [id, { Properties }] of ofType('AWS::EC2::VPCEndpoint')) expect(Properties.VpcEndpointType ?? 'Gateway', id).toBe('Gateway')
})

test('a month in which nobody uses it costs less than a dollar, without any free tier', () => {
  const lines = idleCost(template.toJSON() as Parameters<typeof idleCost>[0])
  expect(lines.length).toBeGreaterThan(0) // the queues' polling is never free
  expect(total(lines)).toBeLessThan(1)
})

test('alarms, dashboard and budget come when asked for, and their price is told', () => {
  const asked = synthesise(folder, { ...DEFAULTS, observability: true, budget: { dollars: 20, email: 'ops@example.com' } })
  asked.resourceCountIs('AWS::CloudWatch::Alarm', 7)
  asked.resourceCountIs('AWS::CloudWatch::Dashboard', 1)
  asked.hasResourceProperties('AWS::Budgets::Budget', { Budget: { BudgetLimit: { Amount: 20, Unit: 'USD' } } })
  const plain = total(idleCost(template.toJSON() as Parameters<typeof idleCost>[0]))
  expect(total(idleCost(asked.toJSON() as Parameters<typeof idleCost>[0])) - plain).toBeCloseTo(3.7, 5)
  template.resourceCountIs('AWS::CloudWatch::Alarm', 0)
})

test('docs/cost.md says what is computed (node scripts/cost.ts writes it)', () => {
  const lines = idleCost(template.toJSON() as Parameters<typeof idleCost>[0])
  expect(readFileSync(join(import.meta.dirname, '../docs/cost.md'), 'utf8')).toBe(costPage(lines))
})

describe('the configuration', () => {
  const read = (context: Record<string, unknown>) => readConfig(new App({ context }).node)

  test('takes single values from the command line, where everything is text', () => {
    expect(read({ logRetentionDays: '30', clusters: '["a","b"]', vpc: 'default' })).toMatchObject({
      logRetentionDays: 30,
      clusters: ['a', 'b'],
      vpc: 'default',
    })
  })

  test('refuses what cannot work, and says which value', () => {
    expect(() => read({ clusters: ['Not A Name'] })).toThrow(/cluster name "Not A Name"/)
    expect(() => read({ vpc: 'somewhere' })).toThrow(/vpc is "somewhere"/)
    expect(() => read({ reconcileConcurrency: 1 })).toThrow(/reconcileConcurrency/)
  })
})
