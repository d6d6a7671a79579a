import type { Binding } from '../api/core/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { badRequest } from '../apimachinery/status-error.ts'
import { bindPod } from './pod/bind.ts'

/** The old way to bind a pod: POST on bindings. The new one is a path below the pod. */
export default defineResource<Binding>({
  group: '',
  resource: 'bindings',
  singular: 'binding',
  kind: 'Binding',
  namespaced: true,
  verbs: ['create'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.core.v1.Binding' }],
  virtual(object, context) {
    const { namespace = '', name } = object.metadata
    if (!name) throw badRequest('Name parameter required.')
    return bindPod(namespace, name, object, context)
  },
})
