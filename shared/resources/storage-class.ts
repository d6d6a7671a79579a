import type { TopologySelectorTerm } from '../api/core/v1.ts'
import type { StorageClass } from '../api/storage/v1.ts'
import { duplicate, invalid, notSupported, required, tooLong } from '../apimachinery/field-error.ts'
import { member } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { OLD_NODE_LABELS } from './pod-spec/warnings.ts'
import { age, columns } from './printers/text.ts'
import { collect } from './strategy.ts'
import { bytes, type Errors, immutable, labelName, qualifiedName, unique } from './validation/checks.ts'

const MAX_PARAMETERS = 512
const MAX_PARAMETER_BYTES = 256 * 1024
const RECLAIM = ['Delete', 'Retain']
const BINDING = ['Immediate', 'WaitForFirstConsumer']
const IS_DEFAULT = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']

export function parameters(map: Readonly<Record<string, string>> | undefined, field: string, errors: Errors): void {
  const entries = Object.entries(map ?? {})
  if (entries.length > MAX_PARAMETERS) {
    errors.push(tooLong(field, MAX_PARAMETERS))
    return
  }
  let size = 0
  for (const [key, value] of entries) {
    if (key === '') errors.push(invalid(field, key, 'field can not be empty.'))
    size += bytes(key) + bytes(value)
  }
  if (size > MAX_PARAMETER_BYTES) errors.push(tooLong(field, MAX_PARAMETER_BYTES))
}

/** What the term asks for, without order. */
const meaning = ({ matchLabelExpressions }: TopologySelectorTerm) =>
  JSON.stringify((matchLabelExpressions ?? []).map(({ key, values }) => [key, [...new Set(values)].sort()]).sort())

function topologies(terms: readonly TopologySelectorTerm[], errors: Errors): void {
  const seen: string[] = []
  for (const [i, term] of terms.entries()) {
    const field = `allowedTopologies[${i}].matchLabelExpressions`
    const keys = new Set<string>()
    for (const [j, { key, values }] of (term.matchLabelExpressions ?? []).entries()) {
      const at = `${field}[${j}]`
      if (!values?.length) errors.push(required(`${at}.values`))
      unique(
        values,
        value => value,
        k => `${at}.values[${k}]`,
        errors,
      )
      labelName(key, `${at}.key`, errors)
      if (keys.has(key)) errors.push(duplicate(`${at}.key`, key))
      keys.add(key)
    }
    const text = meaning(term)
    for (const other of seen) if (other === text) errors.push(duplicate(field, ''))
    seen.push(text)
  }
}

function validate(
  { provisioner, parameters: given, reclaimPolicy, volumeBindingMode, allowedTopologies }: StorageClass,
  errors: Errors,
): void {
  if (!provisioner) errors.push(required('provisioner'))
  else qualifiedName(provisioner.toLowerCase(), 'provisioner', errors)
  parameters(given, 'parameters', errors)
  if (reclaimPolicy && !RECLAIM.includes(reclaimPolicy)) errors.push(notSupported('reclaimPolicy', reclaimPolicy, RECLAIM))
  if (volumeBindingMode === undefined) errors.push(required('volumeBindingMode'))
  else if (!BINDING.includes(volumeBindingMode)) errors.push(notSupported('volumeBindingMode', volumeBindingMode, BINDING))
  topologies(allowedTopologies ?? [], errors)
}

const FIXED = ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const

export default defineResource<StorageClass>({
  group: 'storage.k8s.io',
  resource: 'storageclasses',
  singular: 'storageclass',
  kind: 'StorageClass',
  namespaced: false,
  metadataOnUpdate: 'both',
  shortNames: ['sc'],
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.storage.v1.StorageClass',
      defaults(object) {
        const storageClass = object as StorageClass
        storageClass.reclaimPolicy ??= 'Delete'
        storageClass.volumeBindingMode ??= 'Immediate'
      },
    },
  ],
  validate: object => collect(errors => validate(object, errors)),
  validateUpdate: (object, old) =>
    collect(errors => {
      validate(object, errors)
      for (const member of FIXED) immutable(object[member] ?? null, old[member] ?? null, member, errors)
    }),
  warnings({ allowedTopologies }) {
    const warnings: string[] = []
    for (const [i, { matchLabelExpressions }] of (allowedTopologies ?? []).entries())
      for (const [j, { key }] of (matchLabelExpressions ?? []).entries())
        if (member(OLD_NODE_LABELS, key)) warnings.push(`allowedTopologies[${i}].matchLabelExpressions[${j}].key: ${OLD_NODE_LABELS[key]}`)
    return warnings
  },
  deletion: { returnsObject: true },
  columns: columns('Name, Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age'),
  cells: (object, now) => [
    `${object.metadata.name}${IS_DEFAULT.some(key => object.metadata.annotations?.[key] === 'true') ? ' (default)' : ''}`,
    object.provisioner ?? '',
    object.reclaimPolicy ?? 'Delete',
    object.volumeBindingMode ?? 'Immediate',
    object.allowVolumeExpansion ?? false,
    age(object, now),
  ],
})
