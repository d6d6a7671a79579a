import type { Service } from '../api/core/v1.ts'
import type { IPAddress } from '../api/networking/v1.ts'
import { isDNS1123Label } from '../apimachinery/names.ts'
import { defineResource, type ResourceDefinition } from '../apimachinery/resource.ts'
import type { PodStreams } from './pod/streams.ts'
import { age, columns, labelsText, NONE, UNKNOWN } from './printers/text.ts'
import { allocate, NODE_PORTS, releaseAll, type ServiceRanges } from './service/allocate.ts'
import { defaultService, dropFieldsOfOtherType } from './service/defaults.ts'
import { serviceProxy } from './service/proxy.ts'
import { specOf } from './service/rules.ts'
import { serviceWarnings, validateLoadBalancer, validateService, validateServiceUpdate } from './service/validate.ts'
import { collect, keep, statusPart } from './strategy.ts'
import { warnAboutIP } from './validation/ip.ts'

const ENDPOINTS = { group: '', resource: 'endpoints' }

function externalIP({ spec = {}, status }: Service): string {
  const { type, externalIPs = [] } = spec
  if (type === 'ExternalName') return spec.externalName ?? ''
  if (type === 'ClusterIP' || type === 'NodePort') return externalIPs.join(',') || NONE
  if (type !== 'LoadBalancer') return UNKNOWN
  const balancers = new Set((status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || ''))
  balancers.delete('')
  return [...[...balancers].sort(), ...externalIPs].join(',') || '<pending>'
}

const portsText = ({ ports = [] }: NonNullable<Service['spec']>) =>
  ports.map(({ port, nodePort, protocol }) => (nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`)).join(',') || NONE

/** It was a default of every Service once. In place. */
function dropInternalPolicy({ spec }: Service): void {
  if (spec?.type === 'ExternalName') delete spec.internalTrafficPolicy
}

export const service = (ranges: ServiceRanges, streams: PodStreams): ResourceDefinition =>
  defineResource<Service>({
    group: '',
    resource: 'services',
    singular: 'service',
    kind: 'Service',
    namespaced: true,
    shortNames: ['svc'],
    categories: ['all'],
    versions: [
      { version: 'v1', storage: true, schema: 'io.k8s.api.core.v1.Service', defaults: object => defaultService(object as Service) },
    ],
    validateName: isDNS1123Label,
    allowCreateOnUpdate: true,
    begin: (object, old, context) => allocate(object, old, ranges, context),
    async afterDelete(object, context) {
      await context.client.delete(ENDPOINTS, object.metadata.namespace, object.metadata.name ?? '')
      await releaseAll(object, context)
    },
    prepareForCreate(object) {
      object.status = { loadBalancer: {} }
      dropInternalPolicy(object)
    },
    prepareForUpdate(object, old) {
      keep(object, old, 'status')
      dropFieldsOfOtherType(object, old)
      dropInternalPolicy(object)
    },
    validate: object => collect(errors => validateService(object, undefined, errors)),
    validateUpdate: (object, old) => collect(errors => validateServiceUpdate(object, old, errors)),
    warnings: serviceWarnings,
    deletion: { returnsObject: true },
    parts: {
      status: {
        ...statusPart<Service>({
          check: (object, old, errors) =>
            validateLoadBalancer(object.status?.loadBalancer, old.status?.loadBalancer, specOf(object).type ?? '', errors),
        }),
        warnings({ status }) {
          const warnings: string[] = []
          for (const [i, { ip }] of (status?.loadBalancer?.ingress ?? []).entries())
            if (ip) warnAboutIP(ip, `status.loadBalancer.ingress[${i}]`, warnings)
          return warnings
        },
      },
    },
    actions: { proxy: serviceProxy(streams) },
    columns: columns('Name, Type, Cluster-IP, External-IP, Port(s), Age, Selector+'),
    cells: (object, now) => [
      object.metadata.name,
      specOf(object).type ?? '',
      specOf(object).clusterIPs?.[0] ?? NONE,
      externalIP(object),
      portsText(specOf(object)),
      age(object, now),
      labelsText(specOf(object).selector),
    ],
    selectableFields: {
      'spec.clusterIP': object => specOf(object).clusterIP ?? '',
      'spec.type': object => specOf(object).type ?? '',
    },
  })

/** Which Service has which node port. Not for people: found by no discovery. */
export const nodePort = defineResource<IPAddress>({
  ...NODE_PORTS,
  singular: 'nodeport',
  kind: 'NodePort',
  namespaced: false,
  metadataOnUpdate: 'both',
  versions: [{ version: 'v1', storage: true, hidden: true, schema: 'io.k8s.api.networking.v1.IPAddress' }],
})
