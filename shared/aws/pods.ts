// What the pods' controllers need of AWS, from the functions' environment.

import { Clusters } from '../clusters.ts'
import type { EfsServices } from '../controllers/efsprovisioner.ts'
import type { AccessPoints } from '../controllers/volumes/access-points.ts'
import type { PodServices } from '../pods/controllers.ts'
import type { Ecs } from '../pods/ecs.ts'
import { ImageLookup } from '../pods/images/lookup.ts'
import { Registry } from '../pods/images/registry.ts'
import { parseSubnets } from '../pods/settings.ts'
import { volumeCleaner } from '../pods/volume-cleaner.ts'
import { ecsClient } from './clients.ts'
import { awsEcs } from './ecs.ts'
import { readEnvironment } from './environment.ts'
import { telemetry } from './observed.ts'
import { observedEcs } from './observed-ecs.ts'
import { storeOf } from './providers.ts'

let ecs: Ecs | undefined
let images: ImageLookup | undefined

export function ecsOf(): Ecs {
  ecs ??= observedEcs(awsEcs({ cluster: readEnvironment(['ECS_CLUSTER']).ECS_CLUSTER, client: ecsClient(telemetry) }), telemetry)
  return ecs
}

let accessPoints: Promise<AccessPoints> | undefined

/** Loaded for whoever asks first: most clusters have no volumes, and a cold start is not to wait for EFS's client. */
export function accessPointsOf(): Promise<AccessPoints> {
  accessPoints ??= import('./access-points.ts').then(({ efsAccessPoints }) => efsAccessPoints())
  return accessPoints
}

/** For the provisioner: file systems, and tasks that empty them. */
export async function efsServicesOf(cluster: string): Promise<EfsServices> {
  const { ecs, settings } = podServicesOf(cluster, '')
  return {
    accessPoints: await accessPointsOf(),
    fileSystemId: readEnvironment(['EFS_FILE_SYSTEM']).EFS_FILE_SYSTEM,
    cleaner: volumeCleaner({ ecs, settings, now: Date.now }),
  }
}

export function podServicesOf(cluster: string, version: string): PodServices {
  const environment = readEnvironment([
    'CLUSTER_NAME',
    'POD_SUBNETS',
    'POD_SECURITY_GROUPS',
    'EXECUTION_ROLE_ARN',
    'TASK_ROLE_ARN',
    'POD_LOG_GROUP',
    'AGENT_IMAGE',
    'API_URL',
    'API_CA',
    'REGISTRY_MIRROR',
    'CONTAINER_INSTANCES',
    'CAPACITY_PROVIDERS',
    'POD_ARCHITECTURE',
  ])
  images ??= new ImageLookup({
    // Of the machines that run the image, which this function's need not be.
    registry: new Registry({ mirror: environment.REGISTRY_MIRROR, architecture: environment.POD_ARCHITECTURE }),
    now: Date.now,
    ownCredentials: async domain => (isEcr(domain) ? (await import('./ecr.ts')).ecrCredentials(domain) : undefined),
  })
  return {
    ecs: ecsOf(),
    images,
    accessPoints: accessPointsOf,
    isThere: id => new Clusters(storeOf(environment.CLUSTER_NAME)).isThere(id),
    version,
    settings: {
      cluster,
      agentImage: environment.AGENT_IMAGE,
      apiUrl: environment.API_URL,
      apiCa: environment.API_CA || undefined,
      logGroup: environment.POD_LOG_GROUP,
      region: process.env.AWS_REGION ?? 'us-east-1',
      executionRoleArn: environment.EXECUTION_ROLE_ARN || undefined,
      taskRoleArn: environment.TASK_ROLE_ARN || undefined,
      subnets: parseSubnets(environment.POD_SUBNETS),
      securityGroups: environment.POD_SECURITY_GROUPS.split(',').filter(group => group !== ''),
      // The mirror answers for what the engine has, and has it pull what it has not.
      imagesPresent: environment.REGISTRY_MIRROR !== '',
      containerInstances: environment.CONTAINER_INSTANCES === 'true',
      fargate: {
        providers: environment.CAPACITY_PROVIDERS.split(','),
        architecture: environment.POD_ARCHITECTURE === 'arm64' ? 'arm64' : 'amd64',
      },
    },
  }
}

/** A private repository of Amazon ECR: <account>.dkr.ecr.<region>.amazonaws.com */
const isEcr = (domain: string) => /^\d{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9-]+\./.test(domain)
