// What a deployment costs in a month in which nobody uses it, read from its template: so that a resource that costs something
// cannot slip in without the figure (and its test) changing.
import { HOURS_PER_MONTH, IDLE_RECEIVES_PER_QUEUE, PRICES } from './prices.ts'

interface TemplateResource {
  readonly Type: string
  readonly Properties?: Record<string, unknown>
}

export interface CostLine {
  readonly what: string
  readonly dollars: number
  readonly why: string
}

/** Nothing to pay while idle: use is billed, being there is not. */
const FREE_WHEN_IDLE = [
  'AWS::DynamoDB::Table',
  'AWS::Lambda::',
  'AWS::SQS::',
  'AWS::IAM::',
  'AWS::Events::Rule',
  'AWS::Scheduler::',
  'AWS::ECS::Cluster',
  'AWS::ECS::TaskDefinition',
  'AWS::Logs::',
  'AWS::SSM::Parameter',
  'AWS::EC2::VPC',
  'AWS::EC2::Subnet',
  'AWS::EC2::Route',
  'AWS::EC2::InternetGateway',
  'AWS::EC2::SecurityGroup',
  'AWS::CDK::Metadata',
  'AWS::Budgets::Budget',
  'AWS::SNS::',
  'AWS::CloudFront::',
  'AWS::ElasticLoadBalancingV2::TargetGroup',
  'AWS::ElasticLoadBalancingV2::Listener',
  'AWS::EFS::',
]

/** @throws Error for a resource type whose idle price nobody has written down yet. */
export function idleCost(template: { Resources: Record<string, TemplateResource> }): CostLine[] {
  const resources = Object.entries(template.Resources)
  const lines: CostLine[] = []
  for (const [id, { Type, Properties }] of resources) {
    if (Type === 'AWS::Lambda::EventSourceMapping' && !Properties?.StartingPosition) {
      const fifo = isFifo(template.Resources, Properties?.EventSourceArn)
      const million = fifo ? PRICES.sqs.fifoMillion : PRICES.sqs.standardMillion
      lines.push({
        what: id,
        dollars: (IDLE_RECEIVES_PER_QUEUE / 1e6) * million,
        why: `Lambda polls an empty ${fifo ? 'FIFO' : 'standard'} queue`,
      })
    } else if (Type === 'AWS::CloudWatch::Alarm') lines.push({ what: id, dollars: PRICES.alarmMonth, why: 'an alarm' })
    else if (Type === 'AWS::CloudWatch::Dashboard') lines.push({ what: id, dollars: PRICES.dashboardMonth, why: 'a dashboard' })
    else if (Type === 'AWS::KMS::Key') lines.push({ what: id, dollars: PRICES.kmsKeyMonth, why: 'a customer managed key' })
    else if (Type === 'AWS::ECS::Service') {
      const hour = 0.25 * PRICES.fargate.x86.vcpuHour + 0.5 * PRICES.fargate.x86.gibHour + PRICES.publicIpv4Hour
      lines.push({ what: id, dollars: hour * HOURS_PER_MONTH, why: 'by the hour: a task that always runs, with its public address' })
    } else if (Type === 'AWS::ElasticLoadBalancingV2::LoadBalancer') {
      const zones = (Properties?.Subnets as unknown[] | undefined)?.length ?? 1
      const hour = PRICES.networkLoadBalancerHour + zones * PRICES.publicIpv4Hour
      lines.push({ what: id, dollars: hour * HOURS_PER_MONTH, why: `by the hour: a load balancer with an address in ${zones} zones` })
    } else if (!FREE_WHEN_IDLE.some(type => Type === type || Type.startsWith(type)))
      throw new Error(`${id}: the idle price of ${Type} is not known; add it to cdk/cost.ts`)
  }
  return lines
}

export function total(lines: readonly CostLine[]): number {
  return lines.reduce((sum, { dollars }) => sum + dollars, 0)
}

function isFifo(resources: Record<string, TemplateResource>, arn: unknown): boolean {
  const id = (arn as { 'Fn::GetAtt'?: [string, string] } | undefined)?.['Fn::GetAtt']?.[0]
  return id !== undefined && resources[id]?.Properties?.FifoQueue === true
}
