// The spec of a PersistentVolumeClaim, also as a template in pods and StatefulSets (pkg/apis/core/validation).
import type { PersistentVolumeClaimSpec, PersistentVolumeClaimTemplate, TypedObjectReference } from '../../api/core/v1.ts'
import { forbidden, invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { isDNS1123Label, isDNS1123Subdomain } from '../../apimachinery/names.ts'
import { quantitySign } from '../../apimachinery/quantity.ts'
import { addInvalid, annotations, type Errors, labels, NOT_POSITIVE, oneOf, requireText } from '../validation/checks.ts'
import { labelSelector } from '../validation/label-selector.ts'

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']
export const VOLUME_MODES = ['Block', 'Filesystem']

export function accessModes(modes: readonly string[] | undefined, field: string, errors: Errors): void {
  let alone = false
  let others = false
  for (const mode of modes ?? []) {
    if (!ACCESS_MODES.includes(mode)) errors.push(notSupported(field, mode, ACCESS_MODES))
    if (mode === 'ReadWriteOncePod') alone = true
    else if (ACCESS_MODES.includes(mode)) others = true
  }
  if (alone && others) errors.push(forbidden(field, 'may not use ReadWriteOncePod with other access modes'))
}

/** A claim that names what it is filled from may go on naming it, whatever its group. */
export function claimSpec(spec: PersistentVolumeClaimSpec, field: string, errors: Errors, anyGroup = false): void {
  if (!spec.accessModes?.length) errors.push(required(`${field}.accessModes`, 'at least 1 access mode is required'))
  labelSelector(spec.selector, `${field}.selector`, errors)
  accessModes(spec.accessModes, `${field}.accessModes`, errors)
  const storage = spec.resources?.requests?.storage
  const storageField = `${field}.resources[storage]`
  if (storage === undefined) errors.push(required(storageField))
  else if (quantitySign(storage) <= 0) errors.push(invalid(storageField, String(storage), NOT_POSITIVE))
  if (spec.storageClassName)
    addInvalid(isDNS1123Subdomain(spec.storageClassName), `${field}.storageClassName`, spec.storageClassName, errors)
  if (spec.volumeMode !== undefined) oneOf(spec.volumeMode, VOLUME_MODES, `${field}.volumeMode`, errors)
  const { dataSource, dataSourceRef } = spec
  if (dataSource !== undefined) dataReference(dataSource, `${field}.dataSource`, anyGroup, errors)
  if (dataSourceRef !== undefined) {
    dataReference(dataSourceRef, `${field}.dataSourceRef`, anyGroup, errors)
    const { namespace } = dataSourceRef
    if (namespace) addInvalid(isDNS1123Label(namespace), `${field}.dataSourceRef.namespace`, namespace, errors)
  }
  // The value that upstream prints here is a path without exported members: {}.
  if (dataSource !== undefined && dataSourceRef?.namespace)
    errors.push(invalid(field, {}, 'may not be specified when dataSourceRef.namespace is specified'))
  else if (dataSource !== undefined && dataSourceRef !== undefined && !sameReference(dataSource, dataSourceRef))
    errors.push(invalid(field, {}, 'must match dataSourceRef'))
  const attributesClass = spec.volumeAttributesClassName
  if (attributesClass) addInvalid(isDNS1123Subdomain(attributesClass), `${field}.volumeAttributesClassName`, attributesClass, errors)
}

type DataReference = Omit<TypedObjectReference, 'namespace'>

const sameReference = (a: DataReference, b: DataReference) => a.apiGroup === b.apiGroup && a.kind === b.kind && a.name === b.name

function dataReference(reference: DataReference, field: string, anyGroup: boolean, errors: Errors): void {
  requireText(reference.name, `${field}.name`, errors)
  requireText(reference.kind, `${field}.kind`, errors)
  const group = reference.apiGroup ?? ''
  if (group === '' && reference.kind !== 'PersistentVolumeClaim')
    errors.push(invalid(field, reference.kind ?? '', "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
  if (group !== '' && !anyGroup) addInvalid(isDNS1123Subdomain(group), `${field}.apiGroup`, group, errors)
}

/** In the order of Go's ObjectMeta. */
const NOT_IN_TEMPLATES = [
  'name',
  'generateName',
  'namespace',
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'ownerReferences',
  'finalizers',
  'managedFields',
] as const

export function claimTemplate(template: PersistentVolumeClaimTemplate, field: string, errors: Errors): void {
  const metadata = template.metadata ?? {}
  annotations(metadata.annotations, `${field}.metadata.annotations`, errors)
  labels(metadata.labels, `${field}.metadata.labels`, errors)
  for (const member of NOT_IN_TEMPLATES) {
    if (metadata[member] === undefined) continue
    const name = member === 'uid' ? 'uID' : member
    errors.push(forbidden(`${field}.metadata.${name}`, 'cannot be set'))
  }
  claimSpec(template.spec ?? {}, `${field}.spec`, errors)
}
