// Ports that belong to the pod's own containers, as far as that can be known before they listen. Pure.
import type { ContainerPlan } from '../../shared/pods/agent-protocol.ts'
import type { ServiceView } from '../../shared/pods/services/protocol.ts'

export function reservedPorts(
  containers: readonly Pick<
    ContainerPlan,
    'name' | 'command' | 'ports' | 'startupProbe' | 'livenessProbe' | 'readinessProbe' | 'lifecycle'
  >[],
  exposed: (container: string) => readonly number[],
  services: readonly Pick<ServiceView, 'own'>[],
): Set<number> {
  const ports = new Set<number>()
  for (const { name, command, ports: declared, startupProbe, livenessProbe, readinessProbe, lifecycle } of containers) {
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
  for (const { own = [] } of services) for (const { target } of own) ports.add(target)
  return ports
}

/** Named ports are declared, so they are there already. */
function add(ports: Set<number>, port: number | string | undefined) {
  const number = Number(port)
  if (Number.isInteger(number) && number > 0) ports.add(number)
}
