import { Fn } from 'aws-cdk-lib'
import {
  GatewayVpcEndpointAwsService,
  IpAddresses,
  type ISecurityGroup,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2'
import { Construct } from 'constructs'

const OWN_CIDR = '10.64.0.0/16'

/** Where pods live. No NAT gateway: pods get a public address to pull images and reach the API, and accept nothing from outside. */
export class Network extends Construct {
  readonly vpc: IVpc
  readonly podSecurityGroup: ISecurityGroup

  constructor(scope: Construct, id: string, options: { vpc: string }) {
    super(scope, id)
    this.vpc =
      options.vpc === 'new'
        ? new Vpc(this, 'Vpc', {
            ipAddresses: IpAddresses.cidr(OWN_CIDR),
            maxAzs: 3,
            natGateways: 0,
            subnetConfiguration: [{ name: 'pods', subnetType: SubnetType.PUBLIC, cidrMask: 18 }],
            restrictDefaultSecurityGroup: false, // it would add a custom resource with a function of its own
            // Gateway endpoints are free; interface endpoints are billed by the hour and therefore absent.
            gatewayEndpoints: { S3: { service: GatewayVpcEndpointAwsService.S3 } },
          })
        : options.vpc === 'default'
          ? Vpc.fromLookup(this, 'Vpc', { isDefault: true })
          : Vpc.fromLookup(this, 'Vpc', { vpcId: options.vpc })
    const group = new SecurityGroup(this, 'Pods', {
      vpc: this.vpc,
      description: 'Zeroplane pods: anything among themselves, nothing from outside',
      allowAllOutbound: true,
    })
    // In a VPC of our own pods are the only residents; elsewhere the group admits itself alone.
    group.addIngressRule(options.vpc === 'new' ? Peer.ipv4(OWN_CIDR) : group, Port.allTraffic(), 'pod to pod')
    this.podSecurityGroup = group
  }

  /** "subnet-1@us-east-1a,...": public subnets with their zones, as the functions' environment has them. */
  get subnets(): string {
    return Fn.join(
      ',',
      this.vpc.publicSubnets.map(({ subnetId, availabilityZone }) => `${subnetId}@${availabilityZone}`),
    )
  }
}
