// Which failures count, which end the Job, and which successes are enough. Pure.
import type { JobSpec, PodFailurePolicy, PodFailurePolicyRule, SuccessPolicy } from '../../api/batch/v1.ts'
import type { ContainerStatus, Pod } from '../../api/core/v1.ts'
import { Indexes } from './indexes.ts'

export interface FailureVerdict {
  /** The Job fails, with this message. */
  readonly failJob?: string
  /** Whether the failure counts against the limit. */
  readonly counts: boolean
  readonly failIndex?: boolean
}

const COUNTS: FailureVerdict = { counts: true }

/** The first rule that matches decides. */
export function judgeFailure(policy: PodFailurePolicy | undefined, pod: Pod): FailureVerdict {
  for (const [i, rule] of (policy?.rules ?? []).entries()) {
    const what = matchedBy(rule, pod)
    if (what === undefined) continue
    switch (rule.action) {
      case 'Ignore':
        return { counts: false }
      case 'FailIndex':
        return { counts: true, failIndex: true }
      case 'FailJob':
        return { counts: true, failJob: `${what} matching FailJob rule at index ${i}` }
      default:
        return COUNTS
    }
  }
  return COUNTS
}

function matchedBy({ onExitCodes, onPodConditions }: PodFailurePolicyRule, pod: Pod): string | undefined {
  const name = `${pod.metadata.namespace}/${pod.metadata.name}`
  if (onExitCodes !== undefined) {
    const { containerName, operator, values } = onExitCodes
    const statuses: readonly ContainerStatus[] = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]
    const found = statuses.find(({ name, state }) => {
      const code = state?.terminated?.exitCode ?? 0
      return code !== 0 && (containerName === undefined || containerName === name) && values.includes(code) === (operator === 'In')
    })
    return found === undefined
      ? undefined
      : `Container ${found.name} for pod ${name} failed with exit code ${found.state!.terminated!.exitCode}`
  }
  const found = pod.status?.conditions?.find(({ type, status }) =>
    onPodConditions?.some(pattern => pattern.type === type && (pattern.status || 'True') === status),
  )
  return found === undefined ? undefined : `Pod ${name} has condition ${found.type}`
}

/** The message when a rule is met. */
export function metSuccess(policy: SuccessPolicy | undefined, succeeded: Indexes, completions: number): string | undefined {
  if (succeeded.size === 0) return undefined
  const met = policy?.rules.findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) return succeededCount !== undefined && succeeded.size >= succeededCount
    // A Job that shrinks may leave a rule nothing to ask for: that is not met by anything.
    const wanted = Indexes.parse(succeededIndexes, completions)
    const found = succeeded.overlap(wanted)
    return wanted.size > 0 && (found === wanted.size || (succeededCount !== undefined && found >= succeededCount))
  })
  return met === undefined || met < 0 ? undefined : `Matched rules at index ${met}`
}

/** Whether terminating pods are waited for before they are replaced. */
export const replacesOnlyFailed = ({ podReplacementPolicy, podFailurePolicy }: JobSpec): boolean =>
  podReplacementPolicy === undefined ? podFailurePolicy !== undefined : podReplacementPolicy === 'Failed'
