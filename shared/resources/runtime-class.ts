import type { RuntimeClass } from '../api/node/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, since } from './printers/text.ts'

export default defineResource<RuntimeClass>({
  group: 'node.k8s.io',
  resource: 'runtimeclasses',
  singular: 'runtimeclass',
  kind: 'RuntimeClass',
  namespaced: false,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.node.v1.RuntimeClass' }],
  allowCreateOnUpdate: true,
  columns: columns('Name, Handler, Age'),
  cells: ({ metadata, handler }, now) => [metadata.name, handler, since(metadata.creationTimestamp, now)],
})
