import type { Namespace } from '../api/core/v1.ts'
import { invalid } from '../apimachinery/field-error.ts'
import { isDNS1123Label, isQualifiedName } from '../apimachinery/names.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { forbidden } from '../apimachinery/status-error.ts'
import { age, columns } from './printers/text.ts'
import { collect, statusPart } from './strategy.ts'
import { addInvalid, type Errors } from './validation/checks.ts'

const UNDELETABLE = ['default', 'kube-system', 'kube-public']
const NAME_LABEL = 'kubernetes.io/metadata.name'
const STANDARD_FINALIZERS = ['kubernetes', 'orphan', 'foregroundDeletion']

function finalizerName(name: string, field: string, errors: Errors): void {
  addInvalid(isQualifiedName(name), field, name, errors)
  if (!name.includes('/') && !STANDARD_FINALIZERS.includes(name))
    errors.push(invalid(field, name, 'name is neither a standard finalizer name nor is it fully qualified'))
}

/** Every namespace can be selected by its name. In place. */
function labelWithName({ metadata }: Namespace): void {
  if (metadata.name) metadata.labels = { ...metadata.labels, [NAME_LABEL]: metadata.name }
}

export default defineResource<Namespace>({
  group: '',
  resource: 'namespaces',
  singular: 'namespace',
  kind: 'Namespace',
  namespaced: false,
  shortNames: ['ns'],
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.core.v1.Namespace',
      defaults: object => labelWithName(object as Namespace),
    },
  ],
  validateName: isDNS1123Label,
  selectableFields: { 'status.phase': namespace => namespace.status?.phase ?? '' },
  prepareForCreate(namespace) {
    labelWithName(namespace)
    namespace.status = { phase: 'Active' }
    // The client's finalizers stay; "kubernetes" is what the namespace controller removes when all is gone.
    const finalizers = namespace.spec?.finalizers ?? []
    namespace.spec = { ...namespace.spec, finalizers: finalizers.includes('kubernetes') ? finalizers : [...finalizers, 'kubernetes'] }
  },
  prepareForUpdate(namespace, old) {
    labelWithName(namespace)
    namespace.spec = { ...namespace.spec, finalizers: old.spec?.finalizers }
    namespace.status = old.status
  },
  validate: ({ spec }) =>
    collect(errors => {
      for (const name of spec?.finalizers ?? []) finalizerName(name, 'spec.finalizers', errors)
    }),
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
    status: statusPart<Namespace>({
      check({ metadata, status }, _, errors) {
        const phase = status?.phase ?? ''
        if (metadata.deletionTimestamp === undefined) {
          if (phase !== 'Active') errors.push(invalid('status.Phase', phase, "may only be 'Active' if `deletionTimestamp` is empty"))
        } else if (phase !== 'Terminating')
          errors.push(invalid('status.Phase', phase, "may only be 'Terminating' if `deletionTimestamp` is not empty"))
      },
    }),
    finalize: {
      verbs: ['update'],
      prepare(namespace, old) {
        const finalizers = namespace.spec?.finalizers ?? []
        namespace.spec = finalizers.length === 0 ? {} : { ...old.spec, finalizers }
        namespace.status = old.status
      },
      validate: ({ spec }) =>
        collect(errors => {
          for (const [i, name] of (spec?.finalizers ?? []).entries()) finalizerName(name, `spec.finalizers[${i}]`, errors)
        }),
    },
  },
  columns: columns('Name, Status, Age'),
  cells: (namespace, now) => [namespace.metadata.name, namespace.status?.phase ?? '', age(namespace, now)],
})
