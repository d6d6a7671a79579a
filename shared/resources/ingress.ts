import type { Ingress } from '../api/networking/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, NONE, since } from './printers/text.ts'
import { apartFromStatus, specChanged } from './strategy.ts'

const MAX_HOSTS = 3

export default defineResource<Ingress>({
  group: 'networking.k8s.io',
  resource: 'ingresses',
  singular: 'ingress',
  kind: 'Ingress',
  namespaced: true,
  shortNames: ['ing'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.networking.v1.Ingress' }],
  ...apartFromStatus,
  generation: specChanged,
  parts: { status: {} },
  columns: columns('Name, Class, Hosts, Address, Ports, Age'),
  cells: ({ metadata, spec, status }, now) => [
    metadata.name,
    spec.ingressClassName ?? metadata.annotations?.['kubernetes.io/ingress.class'] ?? NONE,
    hosts(spec),
    (status?.loadBalancer?.ingress ?? []).map(i => i.ip ?? i.hostname ?? '').join(','),
    spec.tls && spec.tls.length > 0 ? '80, 443' : '80',
    since(metadata.creationTimestamp, now),
  ],
})

function hosts(spec: Ingress['spec']): string {
  const all = (spec.rules ?? []).flatMap(rule => (rule.host ? [rule.host] : []))
  if (all.length === 0) return '*'
  return all.slice(0, MAX_HOSTS).join(',') + (all.length > MAX_HOSTS ? ` + ${all.length - MAX_HOSTS} more...` : '')
}
