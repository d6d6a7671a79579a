// What every function has around its work: the ids of the invocation in its log lines, and its figures written when it is over. Where the
// environment names no namespace for metrics, none are written.
import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { inTrace, type TraceIds } from '../pipeline/trace.ts'
import { noTelemetry, type Telemetry } from '../telemetry.ts'
import { Emf } from './emf.ts'

const namespace = process.env.METRICS_NAMESPACE
// Not by console.log, which Lambda would wrap into a line of its own.
const emf = namespace ? new Emf(namespace, line => process.stdout.write(`${line}\n`), Date.now) : undefined

export const telemetry: Telemetry = emf ?? noTelemetry

const figures: middy.MiddlewareObj = {
  after: () => emf?.flush(),
  onError: () => emf?.flush(),
}

export function observed<E, A>(handle: (event: E, context: Context) => Promise<A>, options?: middy.PluginObject) {
  return middy<E, A>(options)
    .use(figures)
    .handler((event: E, context: Context) => inTrace(traceOf(event, context), () => handle(event, context)))
}

interface Traced {
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly Records?: readonly { readonly attributes?: { readonly AWSTraceHeader?: string } }[]
}

/** Of a batch, the trace of its first message: there can be but one. */
function traceOf(event: unknown, { awsRequestId }: Context): TraceIds {
  const { headers, Records } = event as Traced
  const header = Records?.[0]?.attributes?.AWSTraceHeader ?? headers?.['x-amzn-trace-id'] ?? process.env._X_AMZN_TRACE_ID
  const traceId = /Root=([^;]+)/.exec(header ?? '')?.[1]
  return traceId === undefined ? { requestId: awsRequestId } : { requestId: awsRequestId, traceId }
}
