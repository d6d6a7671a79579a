// What one attempt of a container is to run, and what its end means. Pure.
import type { ContainerStateTerminated } from '../shared/api/core/v1.ts'
import { type ContainerPlan, type ImageDefaults, type PodPlan, TERMINATION_MESSAGE_LIMIT } from '../shared/pods/agent-protocol.ts'
import type { Refusal } from './holder.ts'

const FALLBACK_MESSAGE_LIMIT = 2048

/** The end of an attempt, but for its times. */
export type AttemptOutcome = Omit<ContainerStateTerminated, 'startedAt' | 'finishedAt'>

/** command replaces the image's ENTRYPOINT, and its CMD with it; args replaces CMD alone. */
export function commandOf({ command, args, env }: ContainerPlan, { entrypoint = [], cmd = [] }: ImageDefaults) {
  const hasCommand = command !== undefined && command.length > 0
  const tail = args !== undefined && args.length > 0 ? args : hasCommand ? [] : cmd
  return { argv: [...(hasCommand ? command : entrypoint), ...tail], env }
}

/** Whether the pod's policy wants another attempt. Init containers that fail are tried again unless the policy is Never; sidecars always. */
export function isRestarted(role: ContainerPlan['role'], restartPolicy: PodPlan['restartPolicy'], exitCode: number): boolean {
  switch (role) {
    case 'sidecar':
      return true
    case 'init':
      return exitCode !== 0 && restartPolicy !== 'Never'
    case 'app':
      return restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && exitCode !== 0)
  }
}

/** `read`: the first bytes of the termination message's file, or of what the container printed last. */
export function exitOutcome(
  plan: ContainerPlan,
  exitCode: number,
  oomKills: number,
  read: (file: 'message' | 'tail', limit: number) => string,
): AttemptOutcome {
  const reason = oomKills > 0 && exitCode !== 0 ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error'
  let message = read('message', TERMINATION_MESSAGE_LIMIT)
  if (message === '' && exitCode !== 0 && plan.terminationMessagePolicy === 'FallbackToLogsOnError')
    message = read('tail', FALLBACK_MESSAGE_LIMIT)
  return message === '' ? { exitCode, reason } : { exitCode, reason, message }
}

/** A process that could not be run, told as runc says it, which is what people search for. */
export function startFailure(why: Refusal, command: string): AttemptOutcome {
  return { exitCode: 128, reason: 'StartError', message: startError(why, command) }
}

function startError(why: Refusal, command: string): string {
  if (why.startsWith('place:')) return `failed to place a file of a volume at ${why.slice(6)}, and ECS cannot mount a single file there`
  const exec = `exec: ${JSON.stringify(command)}`
  const detail = {
    notfound: `${exec}: executable file not found in $PATH`,
    nofile: `${exec}: stat ${command}: no such file or directory`,
    denied: `${exec}: permission denied`,
    directory: `${exec}: is a directory`,
  }
  return `failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ${detail[why as keyof typeof detail] ?? why}: unknown`
}
