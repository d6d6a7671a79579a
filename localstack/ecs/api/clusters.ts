// Clusters and capacity providers.
import { AwsError } from '../../aws/errors.ts'
import { arn } from '../../aws/identity.ts'
import type { Failure } from '../capacity.ts'
import { invalidParameter } from '../errors.ts'
import { type Cluster, isStopped, type Tag } from '../model.ts'
import { countTasks, type EcsContext } from './context.ts'

export const clusterOperations = (ecs: EcsContext) => ({
  CreateCluster: (input: {
    clusterName?: string
    capacityProviders?: string[]
    defaultCapacityProviderStrategy?: Cluster['defaultCapacityProviderStrategy']
    tags?: Tag[]
  }) => {
    const clusterName = input.clusterName ?? 'default'
    if (!/^[A-Za-z0-9_-]{1,255}$/.test(clusterName))
      throw invalidParameter('The cluster name is invalid: letters, numbers, hyphens and underscores, at most 255.')
    const clusterArn = ecs.clusterArn(clusterName)
    const existing = ecs.store.clusters.get(clusterArn)
    if (existing?.status !== 'ACTIVE') {
      ecs.store.putCluster({
        clusterArn,
        clusterName,
        status: 'ACTIVE',
        capacityProviders: input.capacityProviders ?? [],
        defaultCapacityProviderStrategy: input.defaultCapacityProviderStrategy ?? [],
        tags: input.tags ?? [],
      })
    }
    return { cluster: describeCluster(ecs, ecs.store.clusters.get(clusterArn)!) }
  },
  DeleteCluster: (input: { cluster?: string }) => {
    const cluster = ecs.cluster(input.cluster)
    if ([...ecs.instancesOf(cluster)].length > 0) {
      throw new AwsError(
        'ClusterContainsContainerInstancesException',
        'The Cluster cannot be deleted while Container Instances are active or draining.',
      )
    }
    if ([...ecs.tasksOf(cluster)].some(task => !isStopped(task))) {
      throw new AwsError('ClusterContainsTasksException', 'The Cluster cannot be deleted while Tasks are active.')
    }
    ecs.store.putCluster({ ...cluster, status: 'INACTIVE' })
    return { cluster: describeCluster(ecs, { ...cluster, status: 'INACTIVE' }) }
  },
  DescribeClusters: (input: { clusters?: string[] }) => {
    const clusters: object[] = []
    const failures: Failure[] = []
    for (const name of input.clusters ?? ['default']) {
      const found = ecs.store.clusters.get(ecs.clusterArn(name))
      if (found) clusters.push(describeCluster(ecs, found))
      else failures.push({ arn: ecs.clusterArn(name), reason: 'MISSING' })
    }
    return { clusters, failures }
  },
  ListClusters: () => ({
    clusterArns: [...ecs.store.clusters.values()].filter(({ status }) => status === 'ACTIVE').map(({ clusterArn }) => clusterArn),
  }),
  PutClusterCapacityProviders: (input: {
    cluster?: string
    capacityProviders?: string[]
    defaultCapacityProviderStrategy?: Cluster['defaultCapacityProviderStrategy']
  }) => {
    const cluster = ecs.cluster(input.cluster)
    const changed = {
      ...cluster,
      capacityProviders: input.capacityProviders ?? [],
      defaultCapacityProviderStrategy: input.defaultCapacityProviderStrategy ?? [],
    }
    ecs.store.putCluster(changed)
    return { cluster: describeCluster(ecs, changed) }
  },
  DescribeCapacityProviders: (input: { capacityProviders?: string[] }) => {
    const known = ['FARGATE', 'FARGATE_SPOT']
    const wanted = input.capacityProviders ?? known
    return {
      capacityProviders: wanted
        .filter(name => known.includes(name))
        .map(name => ({ capacityProviderArn: arn(ecs.world.identity, 'ecs', `capacity-provider/${name}`), name, status: 'ACTIVE' })),
      failures: wanted.filter(name => !known.includes(name)).map(name => ({ arn: name, reason: 'MISSING' })),
    }
  },
})

function describeCluster(ecs: EcsContext, cluster: Cluster): object {
  return {
    ...cluster,
    registeredContainerInstancesCount: [...ecs.instancesOf(cluster)].length,
    ...countTasks(ecs.tasksOf(cluster)),
    activeServicesCount: 0,
    statistics: [],
    settings: [],
  }
}
