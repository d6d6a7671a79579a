// exec, attach and port-forward need a connection that a function cannot upgrade: who asks here is told where to ask.
import { badRequest, serviceUnavailable } from '../../shared/apimachinery/status-error.ts'
import type { PodStreams, StreamRequest } from '../../shared/resources/pod/streams.ts'

/** @param gateway base URL; empty: there is none */
export function elsewhere(gateway: string): Pick<PodStreams, 'exec' | 'attach' | 'portforward'> {
  const refuse = (what: string) => async (_: StreamRequest) => {
    if (gateway === '')
      throw serviceUnavailable(
        `${what} needs the gateway, which this deployment does not have; the option "gateway" of npm run deploy adds it (docs/gateway.md)`,
      )
    throw badRequest(`${what} is served by the gateway at ${gateway} for connections that are upgraded to WebSocket or SPDY`)
  }
  return { exec: refuse('exec'), attach: refuse('attach'), portforward: refuse('port-forward') }
}
