import type { IngressClass } from '../api/networking/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, NONE, since } from './printers/text.ts'
import { specChanged } from './strategy.ts'

export default defineResource<IngressClass>({
  group: 'networking.k8s.io',
  resource: 'ingressclasses',
  singular: 'ingressclass',
  kind: 'IngressClass',
  namespaced: false,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.networking.v1.IngressClass' }],
  generation: specChanged,
  columns: columns('Name, Controller, Parameters, Age'),
  cells: ({ metadata, spec }, now) => {
    const p = spec.parameters
    const parameters = p ? `${p.kind}${p.apiGroup ? `.${p.apiGroup}` : ''}/${p.name}` : NONE
    return [metadata.name, spec.controller, parameters, since(metadata.creationTimestamp, now)]
  },
})
