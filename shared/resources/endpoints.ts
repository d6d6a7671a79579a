import type { EndpointAddress, EndpointPort, Endpoints } from '../api/core/v1.ts'
import { required } from '../apimachinery/field-error.ts'
import { equal } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { PROTOCOLS } from './pod-spec/containers.ts'
import { age, columns, NONE } from './printers/text.ts'
import { collect } from './strategy.ts'
import { addInvalid, dnsLabel, dnsSubdomain, type Errors, isPortNumber, qualifiedName, requiredOneOf } from './validation/checks.ts'
import { endpointIP, validIP, warnAboutIP } from './validation/ip.ts'

function address({ ip = '', hostname, nodeName }: EndpointAddress, at: string, errors: Errors): void {
  validIP(ip, `${at}.ip`, errors)
  if (hostname) dnsLabel(hostname, `${at}.hostname`, errors)
  if (nodeName !== undefined) dnsSubdomain(nodeName, `${at}.nodeName`, errors)
  endpointIP(ip, `${at}.ip`, errors)
}

function port({ name, port: number = 0, protocol, appProtocol }: EndpointPort, several: boolean, at: string, errors: Errors): void {
  if (!name) {
    if (several) errors.push(required(`${at}.name`))
  } else dnsLabel(name, `${at}.name`, errors)
  addInvalid(isPortNumber(number), `${at}.port`, number, errors)
  requiredOneOf(protocol, PROTOCOLS, `${at}.protocol`, errors)
  if (appProtocol !== undefined) qualifiedName(appProtocol, `${at}.appProtocol`, errors)
}

function defaults(object: KubeObject): void {
  for (const { ports = [] } of (object as Endpoints).subsets ?? []) for (const port of ports) port.protocol ||= 'TCP'
}

function validate({ subsets }: Endpoints, errors: Errors): void {
  for (const [i, { addresses = [], notReadyAddresses = [], ports = [] }] of (subsets ?? []).entries()) {
    const at = `subsets[${i}]`
    if (addresses.length === 0 && notReadyAddresses.length === 0)
      errors.push(required(at, 'must specify `addresses` or `notReadyAddresses`'))
    for (const [j, entry] of addresses.entries()) address(entry, `${at}.addresses[${j}]`, errors)
    for (const [j, entry] of notReadyAddresses.entries()) address(entry, `${at}.notReadyAddresses[${j}]`, errors)
    for (const [j, entry] of ports.entries()) port(entry, ports.length > 1, `${at}.ports[${j}]`, errors)
  }
}

const SHOWN = 3

function endpointsText({ subsets }: Endpoints): string {
  if (!subsets?.length) return NONE
  const list: string[] = []
  for (const { addresses = [], ports = [] } of subsets) {
    const host = (ip: string) => (ip.includes(':') ? `[${ip}]` : ip)
    if (ports.length === 0) list.push(...addresses.map(({ ip }) => ip))
    for (const { port: number } of ports) list.push(...addresses.map(({ ip }) => `${host(ip)}:${number}`))
  }
  const shown = list.slice(0, SHOWN).join(',')
  return list.length > SHOWN ? `${shown} + ${list.length - SHOWN} more...` : shown
}

export default defineResource<Endpoints>({
  group: '',
  resource: 'endpoints',
  singular: 'endpoints',
  kind: 'Endpoints',
  namespaced: true,
  shortNames: ['ep'],
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.core.v1.Endpoints',
      defaults,
      deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
    },
  ],
  allowCreateOnUpdate: true,
  validate: endpoints => collect(errors => validate(endpoints, errors)),
  validateUpdate: (endpoints, old) => (equal(endpoints.subsets, old.subsets) ? [] : collect(errors => validate(endpoints, errors))),
  warnings({ subsets }) {
    const warnings: string[] = []
    for (const [i, subset] of (subsets ?? []).entries())
      for (const list of ['addresses', 'notReadyAddresses'] as const)
        for (const [j, { ip }] of (subset[list] ?? []).entries()) warnAboutIP(ip, `subsets[${i}].${list}[${j}].ip`, warnings)
    return warnings
  },
  columns: columns('Name, Endpoints, Age'),
  cells: (endpoints, now) => [endpoints.metadata.name, endpointsText(endpoints), age(endpoints, now)],
})
