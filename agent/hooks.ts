// What probes and lifecycle hooks have in common: an action against a container of this pod.
import type { LifecycleHandler, Probe } from '../shared/api/core/v1.ts'
import type { ContainerPlan } from '../shared/pods/agent-protocol.ts'
import { dialHttp, dialTcp, type Failure } from './dial.ts'
import type { Holder } from './holder.ts'
import { startScript } from './script.ts'

export interface Target {
  readonly plan: ContainerPlan
  readonly holder: Holder
  readonly podIP: string
}

type Action = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> & Pick<LifecycleHandler, 'sleep'>

/** Null is success. Never rejects. */
export async function perform(action: Action, target: Target, timeoutMs: number): Promise<Failure> {
  try {
    if (action.exec) return await runExec(action.exec.command ?? [], target, timeoutMs)
    if (action.httpGet) return await dialHttp(action.httpGet, target.podIP, portOf(action.httpGet.port, target.plan), timeoutMs)
    if (action.tcpSocket) {
      return await dialTcp(action.tcpSocket.host || target.podIP, portOf(action.tcpSocket.port, target.plan), timeoutMs)
    }
    if (action.grpc) {
      const { dialGrpc } = await import('./grpc.ts')
      return await dialGrpc(target.podIP, action.grpc.port, action.grpc.service ?? '', timeoutMs)
    }
    if (action.sleep) await new Promise(resolve => setTimeout(resolve, Math.min(timeoutMs, action.sleep!.seconds * 1000)))
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function runExec(argv: readonly string[], { plan, holder }: Target, timeoutMs: number): Promise<Failure> {
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const { code, output } = await holder.exec(startScript({ argv, env: plan.env }), signal)
    return code === 0 ? null : output || `command "${argv.join(' ')}" exited with ${code}`
  } catch (error) {
    if (signal.aborted) return `command timed out: "${argv.join(' ')}" timed out after ${timeoutMs / 1000}s`
    throw error
  }
}

/** A number, or the name of one of the container's ports. */
function portOf(port: number | string, plan: ContainerPlan): number {
  const number = Number(port)
  if (Number.isInteger(number) && number > 0) return number
  const named = plan.ports.find(({ name }) => name === port)
  if (!named) throw new Error(`couldn't find port: "${port}"`)
  return named.containerPort
}
