import type { Namespace } from '../api/core/v1.ts'
import { isDNS1123Label } from '../apimachinery/names.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { forbidden } from '../apimachinery/status-error.ts'

const UNDELETABLE = ['default', 'kube-system', 'kube-public']

export default defineResource<Namespace>({
  group: '',
  resource: 'namespaces',
  singular: 'namespace',
  kind: 'Namespace',
  namespaced: false,
  shortNames: ['ns'],
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.core.v1.Namespace' }],
  validateName: isDNS1123Label,
  selectableFields: { 'status.phase': namespace => namespace.status?.phase ?? '' },
  prepareForCreate(namespace) {
    namespace.metadata.labels = { ...namespace.metadata.labels, 'kubernetes.io/metadata.name': namespace.metadata.name ?? '' }
    namespace.status = { phase: 'Active' }
    // The client's finalizers stay; "kubernetes" is what the namespace controller removes when all is gone.
    const finalizers = namespace.spec?.finalizers ?? []
    namespace.spec = { ...namespace.spec, finalizers: finalizers.includes('kubernetes') ? finalizers : [...finalizers, 'kubernetes'] }
  },
  prepareForUpdate(namespace, old) {
    namespace.metadata.labels = { ...namespace.metadata.labels, 'kubernetes.io/metadata.name': namespace.metadata.name ?? '' }
    namespace.spec = { ...namespace.spec, finalizers: old.spec?.finalizers }
    namespace.status = old.status
  },
  deletion: {
    returnsObject: true,
    prepare(namespace) {
      namespace.status = { ...namespace.status, phase: 'Terminating' }
    },
    pending: namespace => (namespace.spec?.finalizers ?? []).length > 0,
    check({ metadata }) {
      if (UNDELETABLE.includes(metadata.name ?? '')) {
        throw forbidden({ group: '', resource: 'namespaces' }, metadata.name ?? '', 'this namespace may not be deleted')
      }
    },
  },
  parts: {
    status: {},
    finalize: {
      verbs: ['update'],
      prepare(namespace, old) {
        const finalizers = namespace.spec?.finalizers ?? []
        namespace.spec = finalizers.length === 0 ? {} : { ...old.spec, finalizers }
        namespace.status = old.status
      },
    },
  },
})
