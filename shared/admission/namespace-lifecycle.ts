// Nothing is created in a namespace that is not there, or that goes away.
import type { AdmissionPlugin } from '../apimachinery/admission.ts'
import { forbidden, notFound } from '../apimachinery/status-error.ts'
import { namespaceOf } from './attributes.ts'

const NAMESPACES = { group: '', resource: 'namespaces' }

export const namespaceLifecycle: AdmissionPlugin = {
  name: 'NamespaceLifecycle',
  async mutate(attributes) {
    const { operation, endpoint, subresource, namespace, name } = attributes
    const { definition } = endpoint
    if (operation !== 'CREATE' || subresource !== '' || !definition.namespaced || definition.virtual !== undefined) return
    const found = await namespaceOf(attributes)
    if (found === undefined) throw notFound(NAMESPACES, namespace)
    if (found.status?.phase !== 'Terminating' && found.metadata.deletionTimestamp === undefined) return
    throw forbidden(endpoint.collection, name, `unable to create new content in namespace ${namespace} because it is being terminated`, [
      { reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' },
    ])
  },
}
