// extensions/v1beta1 and networking.k8s.io/v1beta1 Ingress: a backend is a name and a port, and a path need not say how it matches.
import type { HTTPIngressPath, Ingress, IngressBackend, IngressRule, IngressSpec } from '../../api/networking/v1.ts'
import { clone } from '../../apimachinery/objects.ts'
import type { VersionDefinition } from '../../apimachinery/resource.ts'
import type { KubeObject } from '../../apimachinery/types.ts'
import { deprecated } from './deprecated.ts'

interface OldBackend {
  serviceName?: string
  servicePort?: number | string
  resource?: IngressBackend['resource']
}

type OldPath = Omit<HTTPIngressPath, 'backend'> & { backend?: OldBackend }
type OldRule = Omit<IngressRule, 'http'> & { http?: { paths?: OldPath[] } }
type OldSpec = Omit<IngressSpec, 'defaultBackend' | 'rules'> & { backend?: OldBackend; rules?: OldRule[] }
type OldIngress = KubeObject & { spec?: OldSpec }

function newBackend({ serviceName, servicePort, resource }: OldBackend): IngressBackend {
  if (!serviceName && !servicePort) return resource === undefined ? {} : { resource }
  const port = typeof servicePort === 'string' ? { name: servicePort } : { number: servicePort ?? 0 }
  return { service: { name: serviceName ?? '', port }, ...(resource === undefined ? {} : { resource }) }
}

function oldBackend({ service, resource }: IngressBackend): OldBackend {
  const rest = resource === undefined ? {} : { resource }
  if (service === undefined) return rest
  return { serviceName: service.name, servicePort: service.port?.name || (service.port?.number ?? 0), ...rest }
}

function toStorage(object: KubeObject): KubeObject {
  const { spec } = object as OldIngress
  if (spec === undefined) return object
  const { backend, rules, ...rest } = spec
  const newRules = rules?.map(({ http, ...rule }) =>
    http === undefined
      ? rule
      : { ...rule, http: { ...http, paths: (http.paths ?? []).map(path => ({ ...path, backend: newBackend(path.backend ?? {}) })) } },
  )
  const latest = {
    ...rest,
    ...(backend === undefined ? {} : { defaultBackend: newBackend(backend) }),
    ...(newRules === undefined ? {} : { rules: newRules }),
  }
  return { ...object, spec: latest } as KubeObject
}

function fromStorage(object: KubeObject): KubeObject {
  const { spec } = clone(object) as Ingress
  if (spec === undefined) return object
  const { defaultBackend, rules, ...rest } = spec
  const oldRules = rules?.map(({ http, ...rule }) =>
    http === undefined
      ? rule
      : { ...rule, http: { ...http, paths: (http.paths ?? []).map(path => ({ ...path, backend: oldBackend(path.backend ?? {}) })) } },
  )
  const old = {
    ...rest,
    ...(defaultBackend === undefined ? {} : { backend: oldBackend(defaultBackend) }),
    ...(oldRules === undefined ? {} : { rules: oldRules }),
  }
  return { ...object, spec: old } as KubeObject
}

function defaults(object: KubeObject): void {
  for (const { http } of (object as OldIngress).spec?.rules ?? [])
    for (const path of http?.paths ?? []) path.pathType ??= 'ImplementationSpecific'
}

/** This version had no pathType: `kubectl apply` would find one that its manifest has not, each time. */
function withoutPathTypes(object: KubeObject): KubeObject {
  const old = fromStorage(object) as OldIngress
  for (const { http } of old.spec?.rules ?? [])
    for (const path of http?.paths ?? []) if (path.pathType === 'ImplementationSpecific') delete (path as Partial<OldPath>).pathType
  return old
}

const NEW = 'networking.k8s.io/v1'
const shared = { defaults, toStorage }

export const INGRESSES: readonly VersionDefinition[] = [
  {
    group: 'extensions',
    version: 'v1beta1',
    schema: 'io.k8s.api.extensions.v1beta1.Ingress',
    deprecation: deprecated('extensions/v1beta1', 'Ingress', '1.14', '1.22', NEW),
    ...shared,
    fromStorage: withoutPathTypes,
  },
  {
    version: 'v1beta1',
    schema: 'io.k8s.api.networking.v1beta1.Ingress',
    deprecation: deprecated('networking.k8s.io/v1beta1', 'Ingress', '1.19', '1.22', NEW),
    ...shared,
    fromStorage,
  },
]
