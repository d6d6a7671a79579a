// How kubectl get shows a pod (pkg/printers/internalversion, printPod).
import type { ContainerState, ContainerStatus, Pod, PodCondition } from '../../api/core/v1.ts'
import type { RowCondition } from '../../apimachinery/resource.ts'
import { age, columns, NONE, since } from '../printers/text.ts'

export const POD_COLUMNS = columns('Name, Ready, Status, Restarts, Age, IP+, Node+, Nominated Node+, Readiness Gates+')

const hasCondition = (conditions: readonly PodCondition[] | undefined, type: string) =>
  conditions?.find(condition => condition.type === type)?.status === 'True'

const isTerminal = (pod: Pod) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

/** Restarts, and when the last one ended what ran before. */
class Restarts {
  count = 0
  #last: string | undefined

  add({ restartCount, lastState }: ContainerStatus): void {
    this.count += restartCount ?? 0
    const finished = lastState?.terminated?.finishedAt
    if (finished !== undefined && (this.#last === undefined || this.#last < finished)) this.#last = finished
  }

  text(now: number): string {
    return this.count === 0 || this.#last === undefined ? String(this.count) : `${this.count} (${since(this.#last, now)} ago)`
  }
}

const endText = ({ reason, signal, exitCode }: NonNullable<ContainerState['terminated']>) =>
  reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode ?? 0}`)

export function podCells(pod: Pod, now: number): readonly unknown[] {
  const { spec, status } = pod
  const sidecars = new Set<string>()
  for (const container of spec?.initContainers ?? []) if (container.restartPolicy === 'Always') sidecars.add(container.name)
  let reason = status?.reason || status?.phase || ''
  if (status?.conditions?.some(condition => condition.type === 'PodScheduled' && condition.reason === 'SchedulingGated'))
    reason = 'SchedulingGated'
  let ready = 0
  let initializing = false
  let restarts = new Restarts()
  const sidecarRestarts = new Restarts()
  for (const [i, container] of (status?.initContainerStatuses ?? []).entries()) {
    const sidecar = sidecars.has(container.name)
    restarts.add(container)
    if (sidecar) sidecarRestarts.add(container)
    const { terminated, waiting } = container.state ?? {}
    if (terminated !== undefined && !terminated.exitCode) continue
    if (sidecar && container.started === true) {
      if (container.ready) ready++
      continue
    }
    if (terminated !== undefined) reason = `Init:${endText(terminated)}`
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') reason = `Init:${waiting.reason}`
    else reason = `Init:${i}/${spec?.initContainers?.length ?? 0}`
    initializing = true
    break
  }
  if (!initializing || hasCondition(status?.conditions, 'Initialized')) {
    restarts = sidecarRestarts
    let running = false
    let failure = ''
    for (const container of [...(status?.containerStatuses ?? [])].reverse()) {
      restarts.add(container)
      const { waiting, terminated, running: runs } = container.state ?? {}
      if (waiting?.reason) reason = waiting.reason
      else if (terminated !== undefined) {
        reason = endText(terminated)
        if (terminated.exitCode) failure = reason
      } else if (container.ready && runs !== undefined) {
        running = true
        ready++
      }
    }
    if (reason === 'Completed') {
      if (running && hasCondition(status?.conditions, 'Ready')) reason = 'Running'
      else if (failure !== '') reason = failure
      else if (running) reason = 'NotReady'
    }
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (status?.reason === 'NodeLost') reason = 'Unknown'
    else if (!isTerminal(pod)) reason = 'Terminating'
  }
  const gates = spec?.readinessGates ?? []
  const open = gates.filter(gate => hasCondition(status?.conditions, gate.conditionType))
  return [
    pod.metadata.name,
    `${ready}/${(spec?.containers?.length ?? 0) + sidecars.size}`,
    reason,
    restarts.text(now),
    age(pod, now),
    status?.podIPs?.[0]?.ip || NONE,
    spec?.nodeName || NONE,
    status?.nominatedNodeName || NONE,
    gates.length === 0 ? NONE : `${open.length}/${gates.length}`,
  ]
}

const COMPLETED = { type: 'Completed', status: 'True' }
const SUCCEEDED: readonly RowCondition[] = [{ ...COMPLETED, reason: 'Succeeded', message: 'The pod has completed successfully.' }]
const FAILED: readonly RowCondition[] = [{ ...COMPLETED, reason: 'Failed', message: 'The pod failed.' }]

export const podRowConditions = ({ status }: Pod): readonly RowCondition[] =>
  status?.phase === 'Succeeded' ? SUCCEEDED : status?.phase === 'Failed' ? FAILED : []
