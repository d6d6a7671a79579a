import type { Ingress, IngressSpec } from '../api/networking/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { OLD_CLASS, validateIngressCreate, validateIngressStatus, validateIngressUpdate } from './ingress/validate.ts'
import { age, columns, NONE } from './printers/text.ts'
import { collect, keep, specChanged, statusPart } from './strategy.ts'
import { warnAboutIP } from './validation/ip.ts'

const SHOWN = 3

function hostsText({ rules = [] }: IngressSpec): string {
  const hosts = rules.flatMap(({ host }) => (host ? [host] : []))
  if (hosts.length === 0) return '*'
  const shown = hosts.slice(0, SHOWN).join(',')
  // Upstream counts all rules here, with hosts or without.
  const isMore = hosts.length > SHOWN || rules.findIndex(({ host }) => host === hosts[SHOWN - 1]) < rules.length - 1
  return hosts.length >= SHOWN && isMore ? `${shown} + ${rules.length - SHOWN} more...` : shown
}

function addressText({ status }: Ingress): string {
  const addresses = new Set((status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || ''))
  addresses.delete('')
  return [...addresses].sort().join(',')
}

const specOf = ({ spec }: Ingress) => spec ?? {}

export default defineResource<Ingress>({
  group: 'networking.k8s.io',
  resource: 'ingresses',
  singular: 'ingress',
  kind: 'Ingress',
  namespaced: true,
  shortNames: ['ing'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.networking.v1.Ingress' }],
  generation: specChanged,
  prepareForCreate(ingress) {
    ingress.status = { loadBalancer: {} }
  },
  prepareForUpdate: (ingress, old) => keep(ingress, old, 'status'),
  validate: ingress => collect(errors => validateIngressCreate(ingress, errors)),
  validateUpdate: (ingress, old) => collect(errors => validateIngressUpdate(ingress, old, errors)),
  warnings: ({ metadata, spec }, old) =>
    old === undefined && metadata.annotations?.[OLD_CLASS] !== undefined && spec?.ingressClassName === undefined
      ? [`annotation ${JSON.stringify(OLD_CLASS)} is deprecated, please use 'spec.ingressClassName' instead`]
      : [],
  parts: {
    status: {
      ...statusPart<Ingress>({ check: validateIngressStatus }),
      warnings({ status }) {
        const warnings: string[] = []
        for (const [i, { ip }] of (status?.loadBalancer?.ingress ?? []).entries())
          if (ip) warnAboutIP(ip, `status.loadBalancer.ingress[${i}]`, warnings)
        return warnings
      },
    },
  },
  columns: columns('Name, Class, Hosts, Address, Ports, Age'),
  cells: (ingress, now) => [
    ingress.metadata.name,
    specOf(ingress).ingressClassName ?? NONE,
    hostsText(specOf(ingress)),
    addressText(ingress),
    specOf(ingress).tls?.length ? '80, 443' : '80',
    age(ingress, now),
  ],
})
