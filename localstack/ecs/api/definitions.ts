// Task definitions.
import type { Failure } from '../capacity.ts'
import { checkDefinition, type DefinitionInput } from '../definition-rules.ts'
import { clientException } from '../errors.ts'
import type { TaskDefinition } from '../model.ts'
import { describeTaskDefinition } from '../wire.ts'
import { type EcsContext, page } from './context.ts'

export const definitionOperations = (ecs: EcsContext) => ({
  RegisterTaskDefinition: (input: DefinitionInput) => {
    ecs.limit('RegisterTaskDefinition')
    checkDefinition(input)
    const family = input.family!
    const revision = ecs.store.nextRevision(family)
    const networkMode = input.networkMode ?? 'bridge'
    const fargate = input.requiresCompatibilities?.includes('FARGATE') ?? false
    const definition: TaskDefinition = {
      ...input,
      taskDefinitionArn: ecs.definitionArn(family, revision),
      family,
      revision,
      status: 'ACTIVE',
      networkMode,
      containerDefinitions: (input.containerDefinitions ?? []).map(container => ({
        ...container,
        essential: container.essential ?? true,
        cpu: container.cpu ?? 0,
      })),
      volumes: input.volumes ?? [],
      placementConstraints: input.placementConstraints ?? [],
      compatibilities: fargate ? ['EC2', 'FARGATE'] : networkMode === 'awsvpc' ? ['EC2'] : ['EXTERNAL', 'EC2'],
      registeredAt: ecs.world.clock.now(),
      tags: input.tags ?? [],
    }
    ecs.store.putDefinition(definition)
    return { taskDefinition: describeTaskDefinition(definition), tags: definition.tags }
  },
  DeregisterTaskDefinition: (input: { taskDefinition?: string }) => {
    ecs.limit('RegisterTaskDefinition')
    const definition = ecs.definition(input.taskDefinition)
    if (!definition) throw clientException('The specified task definition does not exist.')
    const changed: TaskDefinition = { ...definition, status: 'INACTIVE', deregisteredAt: ecs.world.clock.now() }
    ecs.store.putDefinition(changed)
    return { taskDefinition: describeTaskDefinition(changed) }
  },
  DeleteTaskDefinitions: (input: { taskDefinitions?: string[] }) => {
    const taskDefinitions: object[] = []
    const failures: Failure[] = []
    for (const name of (input.taskDefinitions ?? []).slice(0, 10)) {
      const definition = ecs.definition(name)
      if (!definition) failures.push({ arn: name, reason: 'The specified task definition does not exist.' })
      else if (definition.status === 'ACTIVE')
        failures.push({
          arn: definition.taskDefinitionArn,
          reason: 'The specified task definition is still in ACTIVE status. Please deregister the target and try again.',
        })
      else {
        ecs.store.deleteDefinition(definition.taskDefinitionArn)
        taskDefinitions.push(describeTaskDefinition({ ...definition }))
      }
    }
    return { taskDefinitions, failures }
  },
  DescribeTaskDefinition: (input: { taskDefinition?: string; include?: string[] }) => {
    const definition = ecs.definition(input.taskDefinition)
    if (!definition) throw clientException('Unable to describe task definition.')
    return { taskDefinition: describeTaskDefinition(definition), tags: input.include?.includes('TAGS') ? definition.tags : [] }
  },
  ListTaskDefinitions: (input: { familyPrefix?: string; status?: string; sort?: string; maxResults?: number; nextToken?: string }) => {
    const all = [...ecs.store.definitions.values()]
      .filter(({ family, status }) => (!input.familyPrefix || family === input.familyPrefix) && status === (input.status ?? 'ACTIVE'))
      .sort((a, b) => (a.family < b.family ? -1 : a.family > b.family ? 1 : a.revision - b.revision))
    if (input.sort === 'DESC') all.reverse()
    const { items, nextToken } = page(all, input)
    return { taskDefinitionArns: items.map(({ taskDefinitionArn }) => taskDefinitionArn), nextToken }
  },
  ListTaskDefinitionFamilies: (input: { familyPrefix?: string; status?: string; maxResults?: number; nextToken?: string }) => {
    const wanted = [...ecs.store.definitions.values()].filter(
      ({ family, status }) =>
        family.startsWith(input.familyPrefix ?? '') && (input.status === 'ALL' || status === (input.status ?? 'ACTIVE')),
    )
    const { items, nextToken } = page([...new Set(wanted.map(({ family }) => family))].sort(), input)
    return { families: items, nextToken }
  },
})
