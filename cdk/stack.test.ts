import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { App } from 'aws-cdk-lib'
import { Match, type Template } from 'aws-cdk-lib/assertions'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FUNCTIONS } from '../scripts/bundle.ts'
import { DEFAULTS, readConfig } from './config.ts'
import { idleCost, total } from './cost.ts'
import { costPage } from './cost-page.ts'
import { optionCosts } from './option-costs.ts'
import { emptyBundles, synthesise, type TemplateJson } from './template.ts'

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

function statements(of = template): [policy: string, Statement][] {
  return Object.entries(of.findResources('AWS::IAM::Policy')).flatMap(([id, r]) =>
    (r.Properties.PolicyDocument as { Statement: Statement[] }).Statement.map((s): [string, Statement] => [id, s]),
  )
}

/** Every option that adds something at once. */
const everything = () =>
  synthesise(folder, {
    ...DEFAULTS,
    existingTable: 'arn:aws:dynamodb:us-east-1:123456789012:table/restored/stream/2026-11-28T00:00:00.000',
    kmsKey: 'arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555',
    cloudFront: true,
    gateway: { host: 'api.example.com', certificate: 'arn:aws:acm:us-east-1:123456789012:certificate/1' },
    eventBus: 'changes',
    podsUseWorkQueues: true,
    observability: true,
    budget: { dollars: 20, email: 'ops@example.com' },
  })

/** The actions that the role of one function has. */
function actionsOf(name: string): string[] {
  return statements()
    .filter(([policy]) => policy.startsWith(name))
    .flatMap(([, s]) => list(s.Action))
}

const idle = (of: Template) => total(idleCost(of.toJSON() as TemplateJson))

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
    for (const [policy, { Action }] of [...statements(), ...statements(everything())]) {
      for (const action of list(Action)) expect(action, policy).not.toContain('*')
    }
  })

  test('a wildcard resource stands only where AWS knows none or a condition narrows it', () => {
    const wild = [...statements(), ...statements(everything())].filter(([, s]) => s.Effect === 'Allow' && list(s.Resource).includes('*'))
    const known = new Set([
      'ecr:GetAuthorizationToken',
      'ecr:BatchGetImage',
      'ecr:BatchCheckLayerAvailability',
      'ecr:GetDownloadUrlForLayer',
      'ecs:RegisterTaskDefinition',
      'ecs:DescribeTaskDefinition',
      'ecs:ListTasks',
      'dynamodb:ListStreams',
      'scheduler:ListSchedules',
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
    expect(actionsOf('Tick').filter(action => action.startsWith('ecs:'))).toEqual([])
    const tasks = actionsOf('Tasks')
    expect(tasks).toContain('dynamodb:PutItem')
    expect(tasks.filter(action => !/^(dynamodb|xray):/.test(action))).toEqual([])
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

test('nothing is of a kind that emulators refuse a template for', () => {
  const types = new Set(Object.values(resources).map(r => r.Type))
  for (const type of ['AWS::EC2::SecurityGroupIngress', 'AWS::EC2::SecurityGroupEgress', 'AWS::CloudFormation::CustomResource'])
    expect(types.has(type), type).toBe(false)
})

test('a month in which nobody uses it costs less than a dollar, without any free tier', () => {
  const lines = idleCost(template.toJSON() as TemplateJson)
  expect(lines.length).toBeGreaterThan(0) // the queues' polling is never free
  expect(total(lines)).toBeLessThan(1)
})

test('alarms, dashboard and budget come when asked for, and their price is told', () => {
  const asked = synthesise(folder, { ...DEFAULTS, observability: true, budget: { dollars: 20, email: 'ops@example.com' } })
  asked.resourceCountIs('AWS::CloudWatch::Alarm', 7)
  asked.resourceCountIs('AWS::CloudWatch::Dashboard', 1)
  asked.hasResourceProperties('AWS::Budgets::Budget', { Budget: { BudgetLimit: { Amount: 20, Unit: 'USD' } } })
  const plain = total(idleCost(template.toJSON() as TemplateJson))
  expect(total(idleCost(asked.toJSON() as TemplateJson)) - plain).toBeCloseTo(3.7, 5)
  template.resourceCountIs('AWS::CloudWatch::Alarm', 0)
})

describe('what a deployment may choose', () => {
  const environmentOf = (of: Template, name: string) =>
    Object.entries(of.findResources('AWS::Lambda::Function')).find(([id]) => id.startsWith(name))![1].Properties.Environment
      .Variables as Record<string, unknown>

  test('CloudFront in front: nothing cached, answers streamed, and nobody may go round it', () => {
    const asked = synthesise(folder, { ...DEFAULTS, cloudFront: true })
    asked.hasResourceProperties('AWS::CloudFront::Distribution', {
      DistributionConfig: {
        DefaultCacheBehavior: Match.objectLike({
          Compress: false,
          ViewerProtocolPolicy: 'https-only',
          AllowedMethods: Match.arrayWith(['PUT', 'PATCH', 'DELETE']),
          CachePolicyId: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad', // CachingDisabled
          OriginRequestPolicyId: 'b689b0a8-53d0-40ab-baf2-68738e2966ac', // AllViewerExceptHostHeader
        }),
        Origins: [
          Match.objectLike({
            OriginCustomHeaders: [{ HeaderName: 'x-zeroplane-origin', HeaderValue: Match.anyValue() }],
            CustomOriginConfig: Match.objectLike({ OriginProtocolPolicy: 'https-only', OriginReadTimeout: 120 }),
          }),
        ],
      },
    })
    const [distribution] = Object.values(asked.findResources('AWS::CloudFront::Distribution'))
    const header = distribution!.Properties.DistributionConfig.Origins[0].OriginCustomHeaders[0].HeaderValue
    expect(environmentOf(asked, 'Api')).toMatchObject({ ORIGIN_SECRET: header, HEARTBEAT_SECONDS: '30' })
    expect(JSON.stringify(header)).toContain('AWS::StackId')
    // Pods and people are told the same address.
    expect(JSON.stringify(environmentOf(asked, 'Reconcile').API_URL)).toContain('DomainName')
    expect(JSON.stringify(asked.findOutputs('Endpoint'))).toContain('DomainName')
    expect(environmentOf(template, 'Api')).toMatchObject({ ORIGIN_SECRET: '', HEARTBEAT_SECONDS: '0' })
    expect(idle(asked)).toBeCloseTo(idle(template), 5)
  })

  test('a table that exists: it is served, and the own one stays where it is', () => {
    const stream = 'arn:aws:dynamodb:us-east-1:123456789012:table/restored/stream/2026-11-28T00:00:00.000'
    const asked = synthesise(folder, { ...DEFAULTS, existingTable: stream })
    asked.resourceCountIs('AWS::DynamoDB::Table', 1)
    for (const name of ['Api', 'Dispatch', 'Reconcile', 'Tasks', 'Tick'])
      expect(environmentOf(asked, name).TABLE_NAME, name).toBe('restored')
    const mappings = Object.values(asked.findResources('AWS::Lambda::EventSourceMapping')).map(({ Properties }) => Properties)
    expect(mappings.find(m => m.StartingPosition)!.EventSourceArn).toBe(stream)
    const policies = JSON.stringify(asked.findResources('AWS::IAM::Policy'))
    expect(policies).toContain('"arn:aws:dynamodb:us-east-1:123456789012:table/restored"')
    // No function keeps a right to the table that it does not serve.
    expect(policies).not.toMatch(/ObjectsTable\w+","Arn"/)
  })

  test("a customer's own key: for the table, used by the functions through DynamoDB alone", () => {
    const key = 'arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555'
    const asked = synthesise(folder, { ...DEFAULTS, kmsKey: key })
    asked.hasResourceProperties('AWS::DynamoDB::Table', { SSESpecification: { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: key } })
    asked.resourceCountIs('AWS::KMS::Key', 0)
    const uses = Object.values(asked.findResources('AWS::IAM::Policy')).flatMap(({ Properties }) =>
      (Properties.PolicyDocument.Statement as (Statement & { Condition?: unknown })[]).filter(({ Sid }) => Sid === 'UseKey'),
    )
    expect(uses).toHaveLength(FUNCTIONS.length)
    for (const { Resource, Condition } of uses) {
      expect(Resource).toBe(key)
      expect(JSON.stringify(Condition)).toContain('kms:ViaService')
    }
  })

  test('where pods run: providers in the order of preference, and one architecture', () => {
    const asked = synthesise(folder, { ...DEFAULTS, capacity: ['FARGATE_SPOT'], architecture: 'arm64' })
    asked.hasResourceProperties('AWS::ECS::Cluster', {
      CapacityProviders: ['FARGATE_SPOT'],
      DefaultCapacityProviderStrategy: [{ CapacityProvider: 'FARGATE_SPOT', Weight: 1 }],
    })
    expect(environmentOf(asked, 'Reconcile')).toMatchObject({ CAPACITY_PROVIDERS: 'FARGATE_SPOT', POD_ARCHITECTURE: 'arm64' })
    // Each subnet says its zone: nodes stand for zones.
    expect(JSON.stringify(environmentOf(asked, 'Reconcile').POD_SUBNETS)).toMatch(/"@"/)
  })

  test('the gateway: a task behind a load balancer with TLS, rights of its own, and a price by the hour that is told', () => {
    const gateway = { host: 'api.example.com', certificate: 'arn:aws:acm:us-east-1:123456789012:certificate/1' }
    const asked = synthesise(folder, { ...DEFAULTS, gateway })
    asked.hasResourceProperties('AWS::ElasticLoadBalancingV2::Listener', {
      Protocol: 'TLS',
      Port: 443,
      Certificates: [{ CertificateArn: gateway.certificate }],
    })
    asked.hasResourceProperties('AWS::ECS::Service', {
      DesiredCount: 1,
      DeploymentConfiguration: { MinimumHealthyPercent: 0, MaximumPercent: 100 },
    })
    const [definition] = Object.values(asked.findResources('AWS::ECS::TaskDefinition'))
    const variables = (definition!.Properties.ContainerDefinitions[0].Environment as { Name: string }[]).map(({ Name }) => Name)
    // What docs/gateway.md says that it reads.
    expect(variables).toEqual(
      expect.arrayContaining([
        'TABLE_NAME',
        'CLUSTER_NAME',
        'POD_LOG_GROUP',
        'ADMIN_TOKEN',
        'ADMIN_PRINCIPALS',
        'API_URL',
        'API_CA',
        'GATEWAY_PORT',
      ]),
    )
    expect(environmentOf(asked, 'Api').GATEWAY_URL).toBe('https://api.example.com')
    expect(Object.values(asked.findOutputs('Endpoint'))[0]!.Value).toBe('https://api.example.com')
    // From the internet to the load balancer, from there to the task, and no other way.
    const open = Object.values(asked.findResources('AWS::EC2::SecurityGroup')).filter(({ Properties }) =>
      JSON.stringify(Properties.SecurityGroupIngress ?? []).includes('0.0.0.0/0'),
    )
    expect(open.map(({ Properties }) => Properties.SecurityGroupIngress)).toEqual([
      [expect.objectContaining({ FromPort: 443, ToPort: 443 })],
    ])
    const hourly = idleCost(asked.toJSON() as TemplateJson).filter(({ why }) => why.startsWith('by the hour'))
    expect(hourly.map(({ what }) => what)).toEqual(['GatewayBalancer', 'GatewayService'].map(name => expect.stringContaining(name)))
    expect(total(hourly)).toBeGreaterThan(30)
    expect(environmentOf(template, 'Api').GATEWAY_URL).toBe('')
  })

  test('the image of the agent: one with a name, or an archive that becomes an asset', () => {
    expect(environmentOf(template, 'Reconcile').AGENT_IMAGE).toBe('agent:1')
    const archive = join(folder, 'agent.tar')
    writeFileSync(archive, 'an image')
    const asked = synthesise(folder, DEFAULTS, { archive })
    expect(JSON.stringify(environmentOf(asked, 'Reconcile').AGENT_IMAGE)).toMatch(/container-assets/)
  })
})

test('docs/cost.md says what is computed (node scripts/cost.ts writes it)', () => {
  const lines = idleCost(template.toJSON() as TemplateJson)
  expect(readFileSync(join(import.meta.dirname, '../docs/cost.md'), 'utf8')).toBe(costPage(lines, optionCosts(folder)))
})

describe('the configuration', () => {
  const read = (context: Record<string, unknown>) => readConfig(new App({ context }).node)

  test('takes single values from the command line, where everything is text', () => {
    expect(read({ logRetentionDays: '30', cluster: 'a', vpc: 'default' })).toMatchObject({
      logRetentionDays: 30,
      cluster: 'a',
      vpc: 'default',
    })
  })

  test('refuses what cannot work, and says which value', () => {
    expect(() => read({ cluster: 'Not A Name' })).toThrow(/cluster is "Not A Name"/)
    expect(() => read({ vpc: 'somewhere' })).toThrow(/vpc is "somewhere"/)
    expect(() => read({ capacity: '["EC2"]' })).toThrow(/capacity is \["EC2"\]/)
    expect(() => read({ architecture: 'riscv' })).toThrow(/architecture is "riscv"/)
    expect(() => read({ existingTable: 'arn:aws:dynamodb:us-east-1:123456789012:table/x' })).toThrow(/existingTable/)
    expect(() => read({ gateway: '{"host":"api.example.com","certificate":""}' })).toThrow(/gateway is .* or neither/)
    expect(() => read({ kmsKey: 'alias/mine' })).toThrow(/kmsKey is "alias\/mine"/)
    expect(() => read({ reconcileConcurrency: 1 })).toThrow(/reconcileConcurrency/)
  })
})
