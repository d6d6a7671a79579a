// The request, as webhooks and expressions are told of it (admission.k8s.io/v1 AdmissionRequest).
import type { Attributes } from '../../apimachinery/admission.ts'

export interface AdmissionRequest {
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string }
  readonly resource: { readonly group: string; readonly version: string; readonly resource: string }
  readonly name: string
  readonly namespace: string
  readonly operation: string
  readonly dryRun: boolean
  readonly userInfo: object
  readonly [member: string]: unknown
}

const OPTIONS: Readonly<Record<string, string>> = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions' }

export function admissionRequest({ endpoint, subresource, namespace, name, operation, object, context }: Attributes): AdmissionRequest {
  const { user, dryRun } = context
  const { group, version, kind } = gvk(endpoint.storageApiVersion, object?.kind ?? endpoint.definition.kind, object?.apiVersion)
  const resource = { group: endpoint.collection.group, version: endpoint.storage.version, resource: endpoint.resource }
  return {
    kind: { group, version, kind },
    resource,
    ...(subresource === '' ? {} : { subResource: subresource, requestSubResource: subresource }),
    requestKind: { group, version, kind },
    requestResource: resource,
    name,
    namespace,
    operation,
    userInfo: {
      username: user.name,
      groups: user.groups,
      ...(user.uid === undefined ? {} : { uid: user.uid }),
      ...(user.extra === undefined ? {} : { extra: user.extra }),
    },
    dryRun,
    options: { kind: OPTIONS[operation] ?? 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
  }
}

function gvk(storage: string, kind: string, apiVersion = storage): AdmissionRequest['kind'] {
  const [first = '', second] = apiVersion.split('/')
  return second === undefined ? { group: '', version: first, kind } : { group: first, version: second, kind }
}
