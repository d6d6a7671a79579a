import type { ConfigMap } from '../api/core/v1.ts'
import { forbidden, invalid } from '../apimachinery/field-error.ts'
import { equal, member } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { age, columns } from './printers/text.ts'
import { collect } from './strategy.ts'
import { addInvalid, bytes, type Errors, isConfigMapKey, tooLong } from './validation/checks.ts'

const MAX_BYTES = 1024 * 1024

function validate({ data = {}, binaryData = {} }: ConfigMap, errors: Errors): void {
  let size = 0
  for (const key in data) {
    addInvalid(isConfigMapKey(key), `data[${key}]`, key, errors)
    if (member(binaryData, key) !== undefined) errors.push(invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'))
    size += bytes(data[key] ?? '')
  }
  for (const key in binaryData) {
    addInvalid(isConfigMapKey(key), `binaryData[${key}]`, key, errors)
    size += Buffer.from(binaryData[key] ?? '', 'base64').length
  }
  if (size > MAX_BYTES) errors.push(tooLong('[]', MAX_BYTES))
}

export default defineResource<ConfigMap>({
  group: '',
  resource: 'configmaps',
  singular: 'configmap',
  kind: 'ConfigMap',
  namespaced: true,
  metadataOnUpdate: 'both',
  shortNames: ['cm'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.core.v1.ConfigMap' }],
  validate: map => collect(errors => validate(map, errors)),
  validateUpdate: (map, old) =>
    collect(errors => {
      if (old.immutable) {
        if (!map.immutable) errors.push(forbidden('immutable', 'field is immutable when `immutable` is set'))
        for (const member of ['data', 'binaryData'] as const)
          if (!equal(map[member] ?? {}, old[member] ?? {})) errors.push(forbidden(member, 'field is immutable when `immutable` is set'))
      }
      validate(map, errors)
    }),
  columns: columns('Name, Data, Age'),
  cells: (map, now) => [map.metadata.name, Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length, age(map, now)],
})
