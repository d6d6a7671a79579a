import { RemovalPolicy, Stack } from 'aws-cdk-lib'
import { Peer, Port, SecurityGroup, SubnetType } from 'aws-cdk-lib/aws-ec2'
import { CfnFileSystem, CfnMountTarget } from 'aws-cdk-lib/aws-efs'
import { type IGrantable, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { Construct } from 'constructs'
import type { Network } from './network.ts'

export interface StorageOptions {
  readonly network: Network
  /** Whose tasks mount it: the role of pods. */
  readonly taskRole: IRole
}

/**
 * The file system of volumes that are made for claims. Elastic: what lies in it and what is moved is billed, an empty one is not, nor are its
 * mount targets. It stays when the stack goes, as what people stored in it is not the stack's.
 */
export class Storage extends Construct {
  readonly fileSystemId: string
  readonly #arn: string

  constructor(scope: Construct, id: string, { network, taskRole }: StorageOptions) {
    super(scope, id)
    const { vpc, podSecurityGroup } = network
    const system = new CfnFileSystem(this, 'FileSystem', {
      encrypted: true,
      performanceMode: 'generalPurpose',
      throughputMode: 'elastic',
      backupPolicy: { status: 'DISABLED' }, // AWS Backup is billed by what it keeps; point it here if you want it
      lifecyclePolicies: [{ transitionToIa: 'AFTER_30_DAYS' }, { transitionToPrimaryStorageClass: 'AFTER_1_ACCESS' }],
      // With a policy there is no anonymous access: only tasks with the pods' role come in, encrypted, and as whoever they run as.
      bypassPolicyLockoutSafetyCheck: true,
      fileSystemPolicy: {
        Version: '2012-10-17',
        Statement: [
          {
            Sid: 'PodsMount',
            Effect: 'Allow',
            Principal: { AWS: taskRole.roleArn },
            Action: ['elasticfilesystem:ClientMount', 'elasticfilesystem:ClientWrite', 'elasticfilesystem:ClientRootAccess'],
            Condition: { Bool: { 'elasticfilesystem:AccessedViaMountTarget': 'true', 'aws:SecureTransport': 'true' } },
          },
        ],
      },
    })
    system.applyRemovalPolicy(RemovalPolicy.RETAIN)
    this.fileSystemId = system.ref
    this.#arn = system.attrArn

    const group = new SecurityGroup(this, 'MountTargets', {
      vpc,
      description: 'Zeroplane volumes: NFS from pods, nothing else',
      allowAllOutbound: false,
    })
    // By its id, so that the rule stands in the group: one of its own is a resource that not every CloudFormation knows.
    group.addIngressRule(Peer.securityGroupId(podSecurityGroup.securityGroupId), Port.tcp(2049), 'pods mount volumes')
    vpc.selectSubnets({ subnetType: SubnetType.PUBLIC, onePerAz: true }).subnetIds.forEach((subnetId, index) => {
      new CfnMountTarget(this, `MountTarget${index + 1}`, {
        fileSystemId: system.ref,
        subnetId,
        securityGroups: [group.securityGroupId],
      })
    })
  }

  /** Access points of this file system, and of no other. An access point that exists is known by its own name only. */
  grantProvision(grantee: IGrantable): void {
    const points = Stack.of(this).formatArn({ service: 'elasticfilesystem', resource: 'access-point', resourceName: '*' })
    const allow = (sid: string, actions: string[], resources: string[]) =>
      grantee.grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ sid, actions, resources }))
    allow('MakeVolumes', ['elasticfilesystem:CreateAccessPoint', 'elasticfilesystem:TagResource'], [this.#arn])
    allow('FindVolumes', ['elasticfilesystem:DescribeAccessPoints'], [this.#arn, points])
    allow('RemoveVolumes', ['elasticfilesystem:DeleteAccessPoint'], [points])
  }
}
