import type { Toleration } from '../api/core/v1.ts'
import type { RuntimeClass } from '../api/node/v1.ts'
import { duplicate, required } from '../apimachinery/field-error.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { validateTolerations } from './pod-spec/affinity.ts'
import { age, columns } from './printers/text.ts'
import { collect } from './strategy.ts'
import { dnsLabel, type Errors, immutable, labels } from './validation/checks.ts'
import { resourceRequirements } from './validation/resource-names.ts'

function validate({ handler, overhead, scheduling }: RuntimeClass, errors: Errors): void {
  if (!handler) errors.push(required('handler'))
  else dnsLabel(handler, 'handler', errors)
  if (overhead !== undefined) resourceRequirements({ limits: overhead.podFixed }, new Set(), 'overhead', errors)
  if (scheduling === undefined) return
  labels(scheduling.nodeSelector, 'scheduling.nodeSelector', errors)
  tolerations(scheduling.tolerations ?? [], 'scheduling.tolerations', errors)
}

function tolerations(list: readonly Toleration[], field: string, errors: Errors): void {
  validateTolerations(list, field, errors)
  const seen = new Set<string>()
  for (const [i, toleration] of list.entries()) {
    const { key = '', operator = '', value = '', effect = '' } = toleration
    const text = JSON.stringify([key, operator, value, effect])
    if (seen.has(text)) {
      const seconds = toleration.tolerationSeconds ?? null
      errors.push(duplicate(`${field}[${i}]`, { Key: key, Operator: operator, Value: value, Effect: effect, TolerationSeconds: seconds }))
    }
    seen.add(text)
  }
}

export default defineResource<RuntimeClass>({
  group: 'node.k8s.io',
  resource: 'runtimeclasses',
  singular: 'runtimeclass',
  kind: 'RuntimeClass',
  namespaced: false,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.node.v1.RuntimeClass' }],
  validate: object => collect(errors => validate(object, errors)),
  validateUpdate: (object, old) => collect(errors => immutable(object.handler, old.handler, 'handler', errors)),
  columns: columns('Name, Handler, Age'),
  cells: (object, now) => [object.metadata.name, object.handler ?? '', age(object, now)],
})
