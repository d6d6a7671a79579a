import { CfnOutput, RemovalPolicy } from 'aws-cdk-lib'
import { Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import {
  AwsLogDriver,
  CfnService,
  ContainerImage,
  CpuArchitecture,
  FargateTaskDefinition,
  OperatingSystemFamily,
} from 'aws-cdk-lib/aws-ecs'
import { CfnListener, CfnLoadBalancer, CfnTargetGroup } from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import type { IGrantable } from 'aws-cdk-lib/aws-iam'
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import type { PodCluster } from './cluster.ts'
import type { ZeroplaneConfig } from './config.ts'
import type { Network } from './network.ts'

export interface GatewayProps {
  readonly config: ZeroplaneConfig
  readonly network: Network
  readonly cluster: PodCluster
  /** The full name of the gateway's image. */
  readonly image: string
  readonly architecture: 'amd64' | 'arm64'
  /** What it reads (docs/gateway.md). */
  readonly environment: Record<string, string>
}

const PORT = 8080
/** As small as Fargate has them. */
const SIZE = { cpu: 256, memoryLimitMiB: 512 }

/**
 * The gateway of exec, attach and port-forward: one task on Fargate that always runs, behind a Network Load Balancer that ends TLS. It is the
 * only kind that lets both WebSocket and SPDY through, and API requests beside them: kubectl has one address for all of it. The certificate
 * is the owner's, for a name of his: no authority gives one for a load balancer's own name, and plain HTTP would show tokens.
 */
export class Gateway extends Construct {
  readonly url: string
  /** The role of its task. */
  readonly role: IGrantable

  constructor(scope: Construct, id: string, { config, network, cluster, image, architecture, environment }: GatewayProps) {
    super(scope, id)
    const { vpc } = network
    const { certificate, host } = config.gateway
    this.url = `https://${host}`

    const front = new SecurityGroup(this, 'Front', { vpc, description: 'Zeroplane gateway: HTTPS from anywhere', allowAllOutbound: false })
    front.addIngressRule(Peer.anyIpv4(), Port.tcp(443), 'kubectl and the agents of pods')
    const inside = new SecurityGroup(this, 'Inside', { vpc, description: 'Zeroplane gateway: its load balancer alone' })
    inside.addIngressRule(front, Port.tcp(PORT), 'from the load balancer')
    front.addEgressRule(inside, Port.tcp(PORT), 'to the gateway')

    const subnets = vpc.publicSubnets.map(({ subnetId }) => subnetId)
    const balancer = new CfnLoadBalancer(this, 'Balancer', {
      type: 'network',
      scheme: 'internet-facing',
      subnets,
      securityGroups: [front.securityGroupId],
      // There is one task: whichever zone a client comes in by must reach it.
      loadBalancerAttributes: [{ key: 'load_balancing.cross_zone.enabled', value: 'true' }],
    })
    const targets = new CfnTargetGroup(this, 'Targets', {
      vpcId: vpc.vpcId,
      protocol: 'TCP',
      port: PORT,
      targetType: 'ip',
      healthCheckProtocol: 'HTTP',
      healthCheckPath: '/zeroplane/gateway/healthz',
      healthCheckIntervalSeconds: 10,
      healthyThresholdCount: 2,
      unhealthyThresholdCount: 2,
      targetGroupAttributes: [{ key: 'deregistration_delay.timeout_seconds', value: '10' }],
    })
    const listener = new CfnListener(this, 'Listener', {
      loadBalancerArn: balancer.ref,
      protocol: 'TLS',
      port: 443,
      certificates: [{ certificateArn: certificate }],
      sslPolicy: 'ELBSecurityPolicy-TLS13-1-2-2021-06',
      // HTTP/1.1 alone: what is upgraded to WebSocket or SPDY begins as that.
      alpnPolicy: ['None'],
      defaultActions: [{ type: 'forward', targetGroupArn: targets.ref }],
    })

    const definition = new FargateTaskDefinition(this, 'Task', {
      ...SIZE,
      executionRole: cluster.executionRole.withoutPolicyUpdates(),
      runtimePlatform: {
        cpuArchitecture: architecture === 'arm64' ? CpuArchitecture.ARM64 : CpuArchitecture.X86_64,
        operatingSystemFamily: OperatingSystemFamily.LINUX,
      },
    })
    this.role = definition.taskRole
    const logGroup = new LogGroup(this, 'Logs', {
      retention: config.logRetentionDays as RetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    })
    logGroup.grantWrite(cluster.executionRole)
    definition.addContainer('gateway', {
      image: ContainerImage.fromRegistry(image),
      environment: { ...environment, GATEWAY_PORT: String(PORT) },
      portMappings: [{ containerPort: PORT }],
      logging: new AwsLogDriver({ logGroup, streamPrefix: 'gateway' }),
      readonlyRootFilesystem: true,
    })
    const service = new CfnService(this, 'Service', {
      cluster: cluster.clusterArn,
      taskDefinition: definition.taskDefinitionArn,
      desiredCount: 1,
      launchType: 'FARGATE',
      // One at a time: an agent waits at the very task that its client asks.
      deploymentConfiguration: { minimumHealthyPercent: 0, maximumPercent: 100 },
      networkConfiguration: {
        awsvpcConfiguration: { subnets, securityGroups: [inside.securityGroupId], assignPublicIp: 'ENABLED' },
      },
      loadBalancers: [{ containerName: 'gateway', containerPort: PORT, targetGroupArn: targets.ref }],
    })
    service.addResourceDependency(listener)
    new CfnOutput(this, 'GatewayAddress', { value: balancer.attrDnsName, description: `${host} must be a CNAME of this.` })
  }
}
