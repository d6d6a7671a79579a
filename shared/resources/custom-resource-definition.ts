import type { CustomResourceDefinition } from '../api/apiextensions/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'

/**
 * There are no custom resources yet, and this says so: an empty collection that nothing can be added to (405). kubectl lists it before
 * it tells somebody that a kind is unknown.
 */
export default defineResource<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  resource: 'customresourcedefinitions',
  singular: 'customresourcedefinition',
  kind: 'CustomResourceDefinition',
  namespaced: false,
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  verbs: ['get', 'list'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition' }],
  virtualList: async () => [],
})
