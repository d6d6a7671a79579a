// Defaults of a Service (pkg/apis/core/v1/defaults.go), and what is forgotten when its type changes (pkg/registry/core/service).
import type { Service, ServiceSpec } from '../../api/core/v1.ts'
import { hasNodePorts, isExternallyAccessible, needsClusterIP, needsHealthCheck, nodePortsOf, sameList, specOf } from './rules.ts'

const AFFINITY_SECONDS = 10800

/** In place. */
export function defaultService(service: Service): void {
  service.spec ??= {}
  const { spec } = service
  spec.sessionAffinity ||= 'None'
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined)
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: AFFINITY_SECONDS } }
  spec.type ||= 'ClusterIP'
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP'
    if (!port.targetPort) port.targetPort = port.port ?? 0
  }
  if (isExternallyAccessible(spec)) spec.externalTrafficPolicy ||= 'Cluster'
  if (spec.type === 'ClusterIP' || spec.type === 'NodePort' || spec.type === 'LoadBalancer') spec.internalTrafficPolicy ??= 'Cluster'
  if (spec.type !== 'LoadBalancer') return
  spec.allocateLoadBalancerNodePorts ??= true
  for (const ingress of service.status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP'
}

/** Fields that only another type has, and that the writer left as they were, go with the type. In place. */
export function dropFieldsOfOtherType(service: Service, oldService: Service): void {
  const spec = specOf(service)
  const old = specOf(oldService)
  const dropIfSame = (needs: (spec: ServiceSpec) => boolean, same: boolean, ...members: (keyof ServiceSpec)[]) => {
    if (needs(old) && !needs(spec) && same) for (const member of members) delete spec[member]
  }
  const sameIPs = (old.clusterIP ?? '') === (spec.clusterIP ?? '') && sameList(old.clusterIPs, spec.clusterIPs)
  dropIfSame(needsClusterIP, sameIPs, 'clusterIP', 'clusterIPs')
  dropIfSame(needsClusterIP, sameList(old.ipFamilies, spec.ipFamilies), 'ipFamilies')
  dropIfSame(needsClusterIP, old.ipFamilyPolicy === spec.ipFamilyPolicy, 'ipFamilyPolicy')
  const oldPorts = nodePortsOf(old)
  if (hasNodePorts(old) && !hasNodePorts(spec) && nodePortsOf(spec).every(port => oldPorts.includes(port)))
    for (const port of spec.ports ?? []) delete port.nodePort
  dropIfSame(needsHealthCheck, (old.healthCheckNodePort ?? 0) === (spec.healthCheckNodePort ?? 0), 'healthCheckNodePort')
  const isLoadBalancer = ({ type }: ServiceSpec) => type === 'LoadBalancer'
  const allocate = 'allocateLoadBalancerNodePorts'
  dropIfSame(isLoadBalancer, old[allocate] === spec[allocate], allocate)
  dropIfSame(isLoadBalancer, old.loadBalancerClass === spec.loadBalancerClass, 'loadBalancerClass')
  dropIfSame(isExternallyAccessible, old.externalTrafficPolicy === spec.externalTrafficPolicy, 'externalTrafficPolicy')
  if (spec.type !== 'LoadBalancer') service.status = { ...service.status, loadBalancer: {} }
}
