import type { ConfigMap } from '../api/core/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'

export default defineResource<ConfigMap>({
  group: '',
  resource: 'configmaps',
  singular: 'configmap',
  kind: 'ConfigMap',
  namespaced: true,
  shortNames: ['cm'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.core.v1.ConfigMap' }],
})
