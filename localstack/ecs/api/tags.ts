// Tags of whatever has an ARN.
import { invalidParameter } from '../errors.ts'
import { isStopped, type Tag } from '../model.ts'
import type { EcsContext } from './context.ts'

export const tagOperations = (ecs: EcsContext) => ({
  TagResource: (input: { resourceArn?: string; tags?: Tag[] }) =>
    retag(ecs, input.resourceArn, tags => [...tags.filter(tag => !input.tags?.some(({ key }) => key === tag.key)), ...(input.tags ?? [])]),
  UntagResource: (input: { resourceArn?: string; tagKeys?: string[] }) =>
    retag(ecs, input.resourceArn, tags => tags.filter(({ key }) => !input.tagKeys?.includes(key))),
  ListTagsForResource: (input: { resourceArn?: string }) => ({ tags: retag(ecs, input.resourceArn, tags => [...tags]) }),
})

/** Changes the tags of whatever the ARN names, and answers them. */
function retag(ecs: EcsContext, resource: string | undefined, change: (tags: readonly Tag[]) => readonly Tag[]): readonly Tag[] {
  const name = resource ?? ''
  const store = ecs.store
  const task = store.tasks.get(name)
  if (task && !isStopped(task)) {
    task.tags = change(task.tags)
    store.putTask(task)
    return task.tags
  }
  const [cluster, instance, definition] = [store.clusters.get(name), store.instances.get(name), store.definitions.get(name)]
  const found = cluster ?? instance ?? definition
  if (!found) throw invalidParameter('The specified resource was not found.')
  const tags = change(found.tags)
  if (cluster) store.putCluster({ ...cluster, tags })
  else if (instance) store.putInstance({ ...instance, tags })
  else if (definition) store.putDefinition({ ...definition, tags })
  return tags
}
