import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../api/core/v1.ts'
import { forbidden, invalid, notSupported, required } from '../apimachinery/field-error.ts'
import { isQualifiedName } from '../apimachinery/names.ts'
import { compareQuantities, quantitySign, quantityValue } from '../apimachinery/quantity.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { accessModesText } from './persistent-volume.ts'
import { claimSpec } from './pod-spec/claim-spec.ts'
import { defaultClaim } from './pod-spec/defaults.ts'
import { claimWarnings } from './pod-spec/warnings.ts'
import { age, columns, UNSET } from './printers/text.ts'
import { collect, keep, statusPart } from './strategy.ts'
import { addInvalid, type Errors, IMMUTABLE, immutable, type Quantity } from './validation/checks.ts'
import { diffText } from './validation/diff.ts'
import { isNativeResource, resourceAmount } from './validation/resource-names.ts'
import { same } from './validation/same.ts'

const OLD_CLASS = 'volume.beta.kubernetes.io/storage-class'
const RESIZES = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizePending',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
].sort()
const SNAPSHOTS = 'snapshot.storage.k8s.io'

const specOf = ({ spec }: PersistentVolumeClaim) => spec ?? {}
const namesSource = ({ dataSource, dataSourceRef }: PersistentVolumeClaimSpec) => dataSource !== undefined || dataSourceRef !== undefined

/** Two fields say what a claim is filled from; clients of each find their own. In place. */
function prepareSources(spec: PersistentVolumeClaimSpec, old: PersistentVolumeClaimSpec | undefined): void {
  const { dataSource } = spec
  if ((old === undefined || !namesSource(old)) && spec.dataSourceRef === undefined && dataSource !== undefined) {
    // Anything else was silently dropped once.
    const { apiGroup = '', kind } = dataSource
    const known = (kind === 'PersistentVolumeClaim' && apiGroup === '') || (kind === 'VolumeSnapshot' && apiGroup === SNAPSHOTS)
    if (!known) delete spec.dataSource
  }
  if (spec.dataSource !== undefined) spec.dataSourceRef ??= { ...spec.dataSource }
  else if (spec.dataSourceRef !== undefined && !spec.dataSourceRef.namespace) {
    const { namespace: _, ...reference } = spec.dataSourceRef
    spec.dataSource = reference
  }
}

/** A class may be named late, and may move from the annotation into the field. */
function withOldClass(claim: PersistentVolumeClaim, old: PersistentVolumeClaim, spec: PersistentVolumeClaimSpec, errors: Errors): void {
  const was = old.metadata.annotations?.[OLD_CLASS]
  const is = claim.metadata.annotations?.[OLD_CLASS]
  const before = specOf(old).storageClassName
  const moved = was !== undefined && before === undefined && spec.storageClassName === was && (is === undefined || is === was)
  if (moved) {
    delete spec.storageClassName
    return
  }
  if ((is ?? '') !== (was ?? '')) errors.push(invalid(`metadata.annotations.${OLD_CLASS}`, is ?? '', IMMUTABLE))
  if (spec.storageClassName !== undefined && before === undefined && (was === undefined || spec.storageClassName === was))
    delete spec.storageClassName
}

/** As Go prints its type. */
function printed(spec: PersistentVolumeClaimSpec) {
  const { dataSource, dataSourceRef } = spec
  const reference = (from: { apiGroup?: string; kind?: string; name?: string }) => ({
    APIGroup: from.apiGroup ?? null,
    Kind: from.kind ?? '',
    Name: from.name ?? '',
  })
  return {
    AccessModes: spec.accessModes ?? null,
    Selector: spec.selector ?? null,
    Resources: { Limits: spec.resources?.limits ?? null, Requests: spec.resources?.requests ?? null },
    VolumeName: spec.volumeName ?? '',
    StorageClassName: spec.storageClassName ?? null,
    VolumeMode: spec.volumeMode ?? null,
    DataSource: dataSource === undefined ? null : reference(dataSource),
    DataSourceRef: dataSourceRef === undefined ? null : { ...reference(dataSourceRef), Namespace: dataSourceRef.namespace ?? null },
    VolumeAttributesClassName: spec.volumeAttributesClassName ?? null,
  }
}

function validateUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim, errors: Errors): void {
  const spec = specOf(claim)
  const before = specOf(old)
  claimSpec(spec, 'spec', errors, namesSource(before))
  const compared: PersistentVolumeClaimSpec = { ...spec }
  const comparedWith: PersistentVolumeClaimSpec = { ...before }
  prepareSources(comparedWith, before)
  if (!before.volumeName && spec.volumeName !== undefined) comparedWith.volumeName = spec.volumeName
  withOldClass(claim, old, compared, errors)
  const oldSize = before.resources?.requests?.storage
  if (claim.status?.phase === 'Bound') {
    if (compared.resources?.requests !== undefined) {
      const requests = { ...compared.resources.requests }
      if (oldSize !== undefined) requests.storage = oldSize
      compared.resources = { ...compared.resources, requests }
    }
    keep(compared, comparedWith, 'volumeAttributesClassName')
  }
  if (!same(compared, comparedWith)) {
    const why = 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'
    errors.push(forbidden('spec', `${why}\n${diffText(printed(comparedWith), printed(compared))}`))
  }
  const size = spec.resources?.requests?.storage
  if (compareQuantities(size ?? 0, oldSize ?? 0) < 0 && compareQuantities(size ?? 0, old.status?.capacity?.storage ?? 0) <= 0)
    errors.push(forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity'))
  immutable(spec.volumeMode ?? null, before.volumeMode ?? null, 'volumeMode', errors)
  const attributes = spec.volumeAttributesClassName
  if (attributes === before.volumeAttributesClassName || old.status?.currentVolumeAttributesClassName === undefined) return
  const refused = (what: string) =>
    errors.push(
      forbidden('spec.volumeAttributesClassName', `update to ${what} is forbidden when status.currentVolumeAttributesClassName is not nil`),
    )
  if (attributes === undefined) refused('nil')
  else if (attributes === '') refused('empty string')
}

function resourceKey(name: string, field: string, errors: Errors): boolean {
  const wrong = isQualifiedName(name)
  addInvalid(wrong, field, name, errors)
  if (wrong.length > 0) return false
  if (!isNativeResource(name) || name === 'storage') return true
  errors.push(notSupported(field, name, ['storage']))
  return false
}

function basicAmount(value: Quantity, field: string, errors: Errors): boolean {
  if (quantitySign(value) >= 0) return true
  errors.push(invalid(field, quantityValue(value), 'must be a valid resource quantity'))
  return false
}

function validateStatus({ spec, status = {} }: PersistentVolumeClaim, errors: Errors): void {
  if (!spec?.accessModes?.length) errors.push(required('Spec.accessModes'))
  const { capacity = {}, allocatedResourceStatuses: resizes = {}, allocatedResources: allocated = {} } = status
  for (const name in capacity) basicAmount(capacity[name] as Quantity, `status.capacity[${name}]`, errors)
  for (const name in resizes) {
    resourceKey(name, 'status.allocatedResourceStatuses', errors)
    if (!RESIZES.includes(resizes[name] ?? '')) errors.push(notSupported('status.allocatedResourceStatuses', name, RESIZES))
  }
  for (const name in allocated) {
    const at = `status.allocatedResources[${name}]`
    const value = allocated[name] as Quantity
    if (resourceKey(name, 'status.allocatedResources', errors) && basicAmount(value, at, errors))
      resourceAmount('storage', value, at, errors)
  }
}

export default defineResource<PersistentVolumeClaim>({
  group: '',
  resource: 'persistentvolumeclaims',
  singular: 'persistentvolumeclaim',
  kind: 'PersistentVolumeClaim',
  namespaced: true,
  shortNames: ['pvc'],
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.core.v1.PersistentVolumeClaim',
      defaults: object => defaultClaim(object as PersistentVolumeClaim),
    },
  ],
  prepareForCreate(claim) {
    claim.status = { phase: 'Pending' }
    prepareSources(specOf(claim), undefined)
  },
  prepareForUpdate(claim, old) {
    keep(claim, old, 'status')
    prepareSources(specOf(claim), specOf(old))
  },
  validate: claim => collect(errors => claimSpec(specOf(claim), 'spec', errors)),
  validateUpdate: (claim, old) => collect(errors => validateUpdate(claim, old, errors)),
  warnings({ metadata, spec }) {
    const found: string[] = []
    if (metadata.annotations?.[OLD_CLASS] !== undefined)
      found.push(`metadata.annotations[${OLD_CLASS}]: deprecated since v1.8; use "storageClassName" attribute instead`)
    claimWarnings(spec, 'spec', found)
    return found
  },
  deletion: { returnsObject: true },
  parts: { status: statusPart<PersistentVolumeClaim>({ check: (claim, _, errors) => validateStatus(claim, errors) }) },
  columns: columns('Name, Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age, VolumeMode+'),
  cells: (claim, now) => {
    const { metadata, status } = claim
    const spec = specOf(claim)
    const bound = Boolean(spec.volumeName)
    return [
      metadata.name,
      metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
      spec.volumeName ?? '',
      bound ? (status?.capacity?.storage ?? '0') : '',
      bound ? accessModesText(status?.accessModes) : '',
      metadata.annotations?.[OLD_CLASS] ?? spec.storageClassName ?? '',
      spec.volumeAttributesClassName ?? UNSET,
      age(claim, now),
      spec.volumeMode ?? UNSET,
    ]
  },
})
