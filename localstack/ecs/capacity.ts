// What container instances have left, and which one takes a task.
import type { ContainerInstance, PlacementConstraint, Resources } from './model.ts'
import type { EcsStore } from './store.ts'

export interface PlacementStrategy {
  readonly type?: string
  readonly field?: string
}

export interface Failure {
  readonly arn?: string
  readonly reason: string
  readonly detail?: string
}

export function remaining(store: EcsStore, instance: ContainerInstance): Resources {
  const used = store.used(instance.containerInstanceArn)
  return { cpu: instance.registered.cpu - used.cpu, memory: instance.registered.memory - used.memory }
}

/** Why an instance cannot take a task of this size; undefined when it can. Reasons as in ECS's API_failures_messages. */
export function refusal(store: EcsStore, instance: ContainerInstance, wanted: Resources): Failure | undefined {
  const arn = instance.containerInstanceArn
  if (!instance.agentConnected) return { arn, reason: 'AGENT' }
  if (instance.status !== 'ACTIVE') return { arn, reason: 'INACTIVE' }
  const free = remaining(store, instance)
  if (wanted.memory > free.memory) return { arn, reason: 'RESOURCE:MEMORY' }
  if (wanted.cpu > free.cpu) return { arn, reason: 'RESOURCE:CPU' }
  return undefined
}

export type Placed = { readonly instance: ContainerInstance } | { readonly failures: readonly Failure[] }

/** RunTask's choice: constraints, then strategies in order (spread over zones when none is given), then the most free memory. */
export function place(
  store: EcsStore,
  instances: readonly ContainerInstance[],
  wanted: Resources,
  constraints: readonly PlacementConstraint[],
  strategies: readonly PlacementStrategy[],
  group: string,
): Placed {
  const failures: Failure[] = []
  const fitting: ContainerInstance[] = []
  for (const instance of instances) {
    const refused = refusal(store, instance, wanted) ?? unsuited(store, instance, constraints, group)
    if (refused) failures.push(refused)
    else fitting.push(instance)
  }
  const order = strategies.length > 0 ? strategies : [{ type: 'spread', field: 'attribute:ecs.availability-zone' }]
  const ranked = fitting
    .map(instance => ({
      instance,
      scores: [...order.map(strategy => score(store, instance, strategy, group, instances)), -remaining(store, instance).memory],
    }))
    .sort((a, b) => compare(a.scores, b.scores))
  const best = ranked[0]
  return best ? { instance: best.instance } : { failures }
}

function unsuited(
  store: EcsStore,
  instance: ContainerInstance,
  constraints: readonly PlacementConstraint[],
  group: string,
): Failure | undefined {
  const arn = instance.containerInstanceArn
  for (const { type, expression = '' } of constraints) {
    if (type === 'distinctInstance' && tasksOn(store, instance, group) > 0) return { arn, reason: 'DISTINCT_INSTANCE' }
    if (type === 'memberOf' && !isMember(instance, expression)) return { arn, reason: 'MemberOf placement constraint unsatisfied.' }
  }
  return undefined
}

/** "attribute:NAME == VALUE" or != or "exists", joined by "and": the part of the cluster query language that placement needs most. */
export function isMember(instance: ContainerInstance, expression: string): boolean {
  return expression.split(/\s+and\s+/).every(part => {
    const [, name = '', operator, value = ''] = part.trim().match(/^attribute:(\S+)\s*(==|!=|exists)\s*(\S*)$/) ?? []
    const found = instance.attributes.find(attribute => attribute.name === name)
    if (operator === 'exists') return found !== undefined
    if (operator === '==') return found?.value === value
    return operator === '!=' && found?.value !== value
  })
}

/** Smaller is better. */
function score(
  store: EcsStore,
  instance: ContainerInstance,
  { type, field = '' }: PlacementStrategy,
  group: string,
  all: readonly ContainerInstance[],
): number {
  const free = remaining(store, instance)
  if (type === 'binpack') return /cpu/i.test(field) ? free.cpu : free.memory
  if (type !== 'spread') return 0
  if (field === 'instanceId' || field === 'host') return tasksOn(store, instance, group)
  const name = field.replace(/^attribute:/, '')
  const value = (one: ContainerInstance) => one.attributes.find(attribute => attribute.name === name)?.value
  return all.filter(one => value(one) === value(instance)).reduce((sum, one) => sum + tasksOn(store, one, group), 0)
}

function tasksOn(store: EcsStore, instance: ContainerInstance, group: string): number {
  let count = 0
  for (const task of store.tasks.values()) {
    if (task.containerInstanceArn === instance.containerInstanceArn && task.group === group && task.desiredStatus === 'RUNNING') count++
  }
  return count
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < a.length; at++) {
    if (a[at] !== b[at]) return a[at]! - b[at]!
  }
  return 0
}
