// (pod, task, agent's report) -> status, as kubelet would show it. Pure: what is not told stays as the pod has it, so each source of
// facts may be looked at alone, in any order, any number of times.
import type { ContainerState, ContainerStatus, Pod, PodStatus } from '../api/core/v1.ts'
import { compact } from '../controllers/status.ts'
import { timestamp } from '../controllers/time.ts'
import type { ContainerReport, Report } from './agent-protocol.ts'
import { podConditions } from './conditions.ts'
import { podContainers } from './containers.ts'
import type { Task, TaskContainer } from './ecs.ts'
import { type Phase, podPhase } from './phase.ts'
import { qosClass } from './qos.ts'

export interface Facts {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly report?: Pick<Report, 'containers' | 'podIPs' | 'finished'>
  readonly task?: Task
  /** Address of the node, for the first status. */
  readonly hostIP?: string
  /** By container: what its image was found to be ("registry/name@sha256:..."). */
  readonly imageIDs?: ReadonlyMap<string, string>
  /** By container: why it waits (ErrImagePull, ImagePullBackOff, ContainerCreating ...). */
  readonly waiting?: ReadonlyMap<string, { readonly reason: string; readonly message?: string }>
  /** The pod has failed as a whole, whatever its containers say. */
  readonly failed?: { readonly reason: string; readonly message: string }
  /** The task is gone and another one will take its place. */
  readonly relaunched?: boolean
}

/** ECS's own codes for "the machine went away, the pod had no part in it". */
const MACHINE_LOST = ['SpotInterruption', 'TerminationNotice', 'InfrastructureHealth', 'ServiceSchedulerInitiated']

export type TaskEnd = 'orderly' | 'machine' | 'never started' | 'killed'

/** How a stopped task came to its end. The agent leaves with 0 after every container has ended for good, and only then. */
export function taskEnd({ containers, stopCode }: Task): TaskEnd {
  if (stopCode === 'TaskFailedToStart') return 'never started'
  if (containers.find(({ name }) => name === AGENT)?.exitCode === 0) return 'orderly'
  return MACHINE_LOST.includes(stopCode ?? '') ? 'machine' : 'killed'
}

/** Names of our own containers in a task. Those of the pod are DNS labels and cannot begin like this. */
export const AGENT = '_agent'
export const SETUP = '_setup'

export function podStatus(pod: Pod, facts: Facts): PodStatus {
  const before = pod.status ?? {}
  const statuses = new Map(
    podContainers(pod).map(({ container, role }) => [container.name, containerStatus(pod, container.name, role, facts)]),
  )
  const stopped = facts.task?.lastStatus === 'STOPPED' && !facts.relaunched
  const over = stopped || facts.report?.finished === true || facts.failed !== undefined
  // What is over stays over, whatever arrives late.
  const final = before.phase === 'Succeeded' || before.phase === 'Failed'
  const phase: Phase = final ? (before.phase as Phase) : facts.failed ? 'Failed' : podPhase(pod, statuses, over)
  const { podIP, podIPs } = addresses(before, facts)
  const sandbox = podIP !== undefined && !over && !final
  const of = (role: 'init' | 'app') =>
    podContainers(pod)
      .filter(entry => (entry.role === 'app') === (role === 'app'))
      .map(({ container }) => statuses.get(container.name)!)
  const inits = of('init')
  return compact({
    ...before,
    observedGeneration: pod.metadata.generation,
    phase,
    conditions: podConditions({ pod, statuses, phase, sandbox, now: facts.now }),
    ...(facts.failed && !final ? facts.failed : {}),
    hostIP: before.hostIP ?? facts.hostIP,
    hostIPs: before.hostIPs ?? (facts.hostIP === undefined ? undefined : [{ ip: facts.hostIP }]),
    podIP,
    podIPs,
    startTime: before.startTime ?? timestamp(facts.now),
    initContainerStatuses: inits.length === 0 ? undefined : inits,
    containerStatuses: of('app'),
    qosClass: before.qosClass ?? qosClass(pod),
  })
}

function addresses(before: PodStatus, { report, task, relaunched }: Facts): Pick<PodStatus, 'podIP' | 'podIPs'> {
  // The next task has another address.
  if (relaunched) return {}
  const ips = report?.podIPs.length ? report.podIPs : task?.privateIPv4 ? [task.privateIPv4] : undefined
  if (!ips || (before.podIP !== undefined && !report?.podIPs.length)) return { podIP: before.podIP, podIPs: before.podIPs }
  return { podIP: ips[0], podIPs: ips.map(ip => ({ ip })) }
}

function containerStatus(pod: Pod, name: string, role: string, facts: Facts): ContainerStatus {
  const all = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  const before = all.find(status => status.name === name) ?? unstarted(pod, name)
  let status: ContainerStatus = { ...before, imageID: facts.imageIDs?.get(name) ?? before.imageID }
  const reported = facts.report?.containers.find(container => container.name === name)
  if (reported) status = fromReport(status, reported)
  const waiting = facts.waiting?.get(name)
  if (waiting) status = { ...status, state: { waiting: { ...waiting } }, ready: false, started: false }
  if (facts.relaunched) status = beforeRelaunch(pod, status, facts)
  else if (facts.task?.lastStatus === 'STOPPED') status = atTheEnd(status, facts.task, facts.now)
  if (role === 'init') status.ready = status.state?.terminated?.exitCode === 0
  return status
}

function unstarted(pod: Pod, name: string): ContainerStatus {
  const { container } = podContainers(pod).find(entry => entry.container.name === name)!
  const reason = pod.spec.initContainers?.length ? 'PodInitializing' : 'ContainerCreating'
  return {
    name,
    image: container.image ?? '',
    imageID: '',
    ready: false,
    started: false,
    restartCount: 0,
    state: { waiting: { reason } },
    lastState: {},
  }
}

function fromReport(
  before: ContainerStatus,
  { state, lastState, restartCount, started, ready, containerID }: ContainerReport,
): ContainerStatus {
  return compact({
    ...before,
    state,
    lastState: lastState ?? {},
    restartCount,
    started,
    ready,
    containerID: containerID ?? before.containerID,
  })
}

const UNKNOWN = { reason: 'ContainerStatusUnknown', message: 'The container could not be located when the pod was terminated' }

/** The task is gone for good: what still counted as running, or waited, has ended with the code that ECS saw. */
function atTheEnd(status: ContainerStatus, task: Task, now: number): ContainerStatus {
  if (status.state?.terminated) return status
  const seen = task.containers.find(({ name }) => name === status.name)
  // A container that waits between two attempts has an end to show already.
  const state = status.lastState?.terminated && !status.state?.running ? status.lastState : endedState(status, task, seen, now)
  return { ...status, ready: false, started: false, state }
}

function endedState({ state, containerID }: ContainerStatus, task: Task, seen: TaskContainer | undefined, now: number): ContainerState {
  const times = { startedAt: state?.running?.startedAt, finishedAt: timestamp(task.stoppedAt ?? now) }
  // The holder ends with the code of the user's process when the agent says so; killed, its code is only that of the kill.
  if (taskEnd(task) !== 'orderly' || seen?.exitCode === undefined) {
    return { terminated: compact({ exitCode: 137, ...UNKNOWN, ...times, containerID }) }
  }
  const reason = seen.exitCode === 0 ? 'Completed' : 'Error'
  return { terminated: compact({ exitCode: seen.exitCode, reason, ...times, containerID }) }
}

/** Containers that will be started again in another task: their end is their last state, as when a sandbox is made anew. */
function beforeRelaunch(pod: Pod, status: ContainerStatus, { task, now }: Facts): ContainerStatus {
  const ended = status.state?.terminated
  if (ended && (pod.spec.restartPolicy === 'Never' || (pod.spec.restartPolicy === 'OnFailure' && ended.exitCode === 0))) return status
  const ran = status.state?.running !== undefined
  const lastState = ran && task ? endedState(status, task, undefined, now) : ended ? { terminated: ended } : status.lastState
  return {
    ...status,
    state: unstarted(pod, status.name).state,
    lastState: lastState ?? {},
    restartCount: status.restartCount + (ran || ended ? 1 : 0),
    ready: false,
    started: false,
  }
}
