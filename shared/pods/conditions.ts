// The conditions that kubelet keeps on a pod, with its reasons and messages (pkg/kubelet/status/generate.go). Others stay as they are.
import type { ContainerStatus, Pod, PodCondition } from '../api/core/v1.ts'
import { timestamp } from '../controllers/time.ts'
import { podContainers } from './containers.ts'
import type { Phase } from './phase.ts'

const ORDER = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled']

type Verdict = Pick<PodCondition, 'reason' | 'message'> & { status: boolean }

export interface ConditionInput {
  readonly pod: Pod
  readonly statuses: ReadonlyMap<string, ContainerStatus>
  readonly phase: Phase
  /** The pod has its network: its task runs. */
  readonly sandbox: boolean
  readonly now: number
}

export function podConditions({ pod, statuses, phase, sandbox, now }: ConditionInput): PodCondition[] {
  const before = new Map((pod.status?.conditions ?? []).map(condition => [condition.type, condition]))
  const containersReady = areContainersReady(pod, statuses, phase)
  const verdicts: Record<string, Verdict> = {
    PodReadyToStartContainers: { status: sandbox },
    Initialized: isInitialized(pod, statuses, phase),
    Ready: isReady(pod, containersReady),
    ContainersReady: containersReady,
    PodScheduled: { status: true },
  }
  const ours = ORDER.map(type => {
    const { status, reason, message } = verdicts[type]!
    const text = status ? 'True' : 'False'
    const earlier = before.get(type)
    return {
      type,
      status: text,
      observedGeneration: pod.metadata.generation,
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
      // Never told by kubelet either; null is how the API says so.
      lastProbeTime: null as unknown as undefined,
      lastTransitionTime: earlier?.status === text ? (earlier.lastTransitionTime ?? timestamp(now)) : timestamp(now),
    }
  })
  return [...ours, ...[...before.values()].filter(({ type }) => !ORDER.includes(type))]
}

/** A pod that is over is not "not ready because of": it is over. */
function finished(phase: Phase): Verdict | undefined {
  if (phase === 'Succeeded') return { status: false, reason: 'PodCompleted' }
  if (phase === 'Failed') return { status: false, reason: 'PodFailed' }
  return undefined
}

function areContainersReady(pod: Pod, statuses: ReadonlyMap<string, ContainerStatus>, phase: Phase): Verdict {
  const over = finished(phase)
  if (over) return over
  const names = podContainers(pod)
    .filter(({ role }) => role !== 'init')
    .map(({ container }) => container.name)
  const unready = names.filter(name => !statuses.get(name)?.ready)
  if (unready.length === 0) return { status: true }
  return { status: false, reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` }
}

function isReady(pod: Pod, containersReady: Verdict): Verdict {
  if (!containersReady.status) return containersReady
  const problems = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const condition = pod.status?.conditions?.find(({ type }) => type === conditionType)
    if (!condition) return [`corresponding condition of pod readiness gate ${JSON.stringify(conditionType)} does not exist.`]
    if (condition.status === 'True') return []
    return [`the status of pod readiness gate ${JSON.stringify(conditionType)} is not "True", but ${condition.status}`]
  })
  return problems.length === 0 ? { status: true } : { status: false, reason: 'ReadinessGatesNotReady', message: problems.join(', ') }
}

function isInitialized(pod: Pod, statuses: ReadonlyMap<string, ContainerStatus>, phase: Phase): Verdict {
  if (phase === 'Succeeded') return { status: true, reason: 'PodCompleted' }
  const incomplete = podContainers(pod).filter(({ container, role }) => {
    const status = statuses.get(container.name)
    if (role === 'app') return false
    if (role === 'sidecar') return !status?.started && !status?.state?.terminated
    return status?.state?.terminated?.exitCode !== 0
  })
  if (incomplete.length === 0) return { status: true }
  const names = incomplete.map(({ container }) => container.name).join(' ')
  return { status: false, reason: 'ContainersNotInitialized', message: `containers with incomplete status: [${names}]` }
}
