// Which invocation a log line belongs to, without handing it through every call.
import { AsyncLocalStorage } from 'node:async_hooks'

export interface TraceIds {
  /** Lambda's id of the invocation. */
  readonly requestId: string
  /** X-Ray's id of what caused it: the same in every function on the way of one request, where somebody traces. */
  readonly traceId?: string
}

const current = new AsyncLocalStorage<TraceIds>()

export const inTrace = <T>(ids: TraceIds, run: () => T): T => current.run(ids, run)

/** Empty outside of an invocation. */
export const traceIds = (): Partial<TraceIds> => current.getStore() ?? {}
