// Conditions in a status: one of each type; its transition time moves only when its status does.

export interface ConditionLike {
  type: string
  status: string
  reason?: string
  message?: string
  lastTransitionTime?: string
}

export function findCondition<T extends ConditionLike>(conditions: readonly T[] | undefined, type: string): T | undefined {
  return conditions?.find(condition => condition.type === type)
}

export const isTrue = (conditions: readonly ConditionLike[] | undefined, type: string): boolean =>
  findCondition(conditions, type)?.status === 'True'

export function withoutCondition<T extends ConditionLike>(conditions: readonly T[] | undefined, type: string): T[] {
  return (conditions ?? []).filter(condition => condition.type !== type)
}

/** Puts the condition in, last, unless one of the same status and reason is there: then nothing changes. */
export function withCondition<T extends ConditionLike>(conditions: readonly T[] | undefined, condition: T): T[] {
  const current = findCondition(conditions, condition.type)
  if (current?.status === condition.status && current.reason === condition.reason) return [...(conditions ?? [])]
  const lastTransitionTime =
    current?.status === condition.status ? (current.lastTransitionTime ?? condition.lastTransitionTime) : condition.lastTransitionTime
  return [...withoutCondition(conditions, condition.type), { ...condition, lastTransitionTime }]
}
