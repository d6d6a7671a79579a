// Ports that belong to the pod's own containers, as far as that can be known before they listen. Pure.
import type { Container } from '../../api/core/v1.ts'
import type { OwnPort } from './protocol.ts'

type Listening = Pick<Container, 'name' | 'startupProbe' | 'livenessProbe' | 'readinessProbe' | 'lifecycle'> & {
  readonly command?: readonly string[]
  readonly ports?: readonly { readonly containerPort: number }[]
}

/** `exposed`: by the image of a container. `own`: of Services that select the pod. */
export function reservedPorts(
  containers: readonly Listening[],
  exposed: (container: string) => readonly number[],
  own: readonly OwnPort[],
): Set<number> {
  const ports = new Set<number>(own.map(({ target }) => target))
  for (const { name, command, ports: declared = [], startupProbe, livenessProbe, readinessProbe, lifecycle } of containers) {
    for (const { containerPort } of declared) ports.add(containerPort)
    // What the image says is about the image's own process.
    if (!command?.length) for (const port of exposed(name)) ports.add(port)
    for (const action of [startupProbe, livenessProbe, readinessProbe, lifecycle?.postStart, lifecycle?.preStop]) {
      // One that is sent elsewhere says nothing about this pod.
      const { httpGet, tcpSocket } = action ?? {}
      if (httpGet && !httpGet.host) add(ports, httpGet.port)
      if (tcpSocket && !tcpSocket.host) add(ports, tcpSocket.port)
    }
    for (const probe of [startupProbe, livenessProbe, readinessProbe]) add(ports, probe?.grpc?.port)
  }
  return ports
}

/** Named ports are declared, so they are there already. */
function add(ports: Set<number>, port: number | string | undefined) {
  const number = Number(port)
  if (Number.isInteger(number) && number > 0) ports.add(number)
}
