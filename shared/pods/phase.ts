// The phase of a pod from the states of its containers, by kubelet's rules (pkg/kubelet/kubelet_pods.go, getPhase).
import type { ContainerStatus, Pod } from '../api/core/v1.ts'
import { podContainers } from './containers.ts'

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed'

/** `over`: nothing of the pod runs any more, and nothing will. */
export function podPhase(pod: Pod, statuses: ReadonlyMap<string, ContainerStatus>, over: boolean): Phase {
  const { restartPolicy } = pod.spec
  let initializing = 0
  let initFailed = 0
  let waiting = 0
  let running = 0
  let stopped = 0
  let succeeded = 0
  for (const { container, role } of podContainers(pod)) {
    const status = statuses.get(container.name)
    const ended = status?.state?.terminated
    if (role === 'init') {
      if (ended && ended.exitCode !== 0) initFailed++
      else if (!ended) {
        const before = status?.lastState?.terminated
        if (status?.state?.waiting && before && before.exitCode !== 0) initFailed++
        else initializing++
      }
    } else if (role === 'sidecar') {
      if (!ended && !status?.started) initializing++
    } else if (status?.state?.running) running++
    else if (ended) {
      stopped++
      if (ended.exitCode === 0) succeeded++
    } else if (status?.lastState?.terminated) stopped++
    else waiting++
  }
  if (initFailed > 0 && restartPolicy === 'Never') return 'Failed'
  if (over) return initFailed + initializing === 0 && waiting === 0 && running === 0 && stopped === succeeded ? 'Succeeded' : 'Failed'
  if (initializing + initFailed > 0 && running + stopped === 0) return 'Pending'
  if (waiting > 0) return 'Pending'
  if (running > 0) return 'Running'
  if (stopped === 0) return 'Pending'
  if (restartPolicy === 'Always') return 'Running'
  if (stopped === succeeded) return 'Succeeded'
  return restartPolicy === 'Never' ? 'Failed' : 'Running'
}
