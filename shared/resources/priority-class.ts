import type { PriorityClass } from '../api/scheduling/v1.ts'
import { forbidden, notSupported, required } from '../apimachinery/field-error.ts'
import { member } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { age, columns } from './printers/text.ts'
import { collect } from './strategy.ts'
import { type Errors, immutable } from './validation/checks.ts'

const RESERVED = 'system-'
const MAX_VALUE = 1_000_000_000
const SYSTEM: Readonly<Record<string, number>> = { 'system-node-critical': 2_000_001_000, 'system-cluster-critical': 2_000_000_000 }

function notSystem(name: string, { value, globalDefault }: PriorityClass): string | undefined {
  const known = member(SYSTEM, name)
  if (known === undefined) return `${name} is not a known system priority class`
  if (known !== value) return `value of ${name} PriorityClass must be ${known}`
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined
}

function validate(object: PriorityClass, errors: Errors): void {
  const { metadata, value = 0, preemptionPolicy: policy } = object
  const name = metadata.name ?? ''
  if (name.startsWith(RESERVED)) {
    const why = notSystem(name, object)
    const reserved = `priority class names with '${RESERVED}' prefix are reserved for system use only. error: ${why}`
    if (why !== undefined) errors.push(forbidden('metadata.name', reserved))
  } else if (value > MAX_VALUE) errors.push(forbidden('value', `maximum allowed value of a user defined priority is ${MAX_VALUE}`))
  if (policy === '') errors.push(required('preemptionPolicy'))
  else if (policy !== undefined && policy !== 'PreemptLowerPriority' && policy !== 'Never')
    errors.push(notSupported('preemptionPolicy', policy, ['PreemptLowerPriority', 'Never']))
}

export default defineResource<PriorityClass>({
  group: 'scheduling.k8s.io',
  resource: 'priorityclasses',
  singular: 'priorityclass',
  kind: 'PriorityClass',
  namespaced: false,
  shortNames: ['pc'],
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.scheduling.v1.PriorityClass',
      defaults(object) {
        const priorityClass = object as PriorityClass
        priorityClass.preemptionPolicy ??= 'PreemptLowerPriority'
      },
    },
  ],
  generation: () => false,
  validate: object => collect(errors => validate(object, errors)),
  validateUpdate: (object, old) =>
    collect(errors => {
      if ((object.value ?? 0) !== (old.value ?? 0)) errors.push(forbidden('value', 'may not be changed in an update.'))
      immutable(object.preemptionPolicy ?? null, old.preemptionPolicy ?? null, 'preemptionPolicy', errors)
    }),
  columns: columns('Name, Value:integer, Global-Default:boolean, Age, PreemptionPolicy'),
  cells: (object, now) => [
    object.metadata.name,
    object.value ?? 0,
    object.globalDefault ?? false,
    age(object, now),
    object.preemptionPolicy ?? '',
  ],
})
