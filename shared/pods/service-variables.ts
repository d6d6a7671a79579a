// The Docker-links-compatible variables of Services (pkg/kubelet/envvars).
import type { Service } from '../api/core/v1.ts'

export interface Variable {
  readonly name: string
  readonly value: string
}

const variableName = (text: string) => text.toUpperCase().replaceAll('-', '_')

/** Headless and ExternalName Services have no address and give no variables. */
export function serviceVariables(services: readonly Service[]): Variable[] {
  return services.flatMap(service => {
    const { clusterIP, ports = [] } = service.spec ?? {}
    const first = ports[0]
    if (!clusterIP || clusterIP === 'None' || !first) return []
    const prefix = variableName(service.metadata.name)
    const host = clusterIP.includes(':') ? `[${clusterIP}]` : clusterIP
    const url = (port: (typeof ports)[number]) => `${(port.protocol ?? 'TCP').toLowerCase()}://${host}:${port.port}`
    return [
      { name: `${prefix}_SERVICE_HOST`, value: clusterIP },
      { name: `${prefix}_SERVICE_PORT`, value: String(first.port) },
      ...ports
        .filter(({ name }) => name)
        .map(port => ({ name: `${prefix}_SERVICE_PORT_${variableName(port.name!)}`, value: String(port.port) })),
      { name: `${prefix}_PORT`, value: url(first) },
      ...ports.flatMap(port => {
        const protocol = port.protocol ?? 'TCP'
        const base = `${prefix}_PORT_${port.port}_${protocol}`
        return [
          { name: base, value: url(port) },
          { name: `${base}_PROTO`, value: protocol.toLowerCase() },
          { name: `${base}_PORT`, value: String(port.port) },
          { name: `${base}_ADDR`, value: clusterIP },
        ]
      }),
    ]
  })
}
