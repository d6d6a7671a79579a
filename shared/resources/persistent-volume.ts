import type { NodeSelectorRequirement, PersistentVolume, PersistentVolumeSpec, VolumeNodeAffinity } from '../api/core/v1.ts'
import { forbidden, invalid, notSupported, required } from '../apimachinery/field-error.ts'
import { isDNS1123Subdomain } from '../apimachinery/names.ts'
import { clone, formatTime } from '../apimachinery/objects.ts'
import { quantitySign, quantityValue } from '../apimachinery/quantity.ts'
import { defineResource } from '../apimachinery/resource.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { nodeSelector } from './pod-spec/affinity.ts'
import { accessModes, VOLUME_MODES } from './pod-spec/claim-spec.ts'
import { checkSources, csiPersistent, PERSISTENT, persistentIscsi, SHARED, type Source } from './pod-spec/volume-sources.ts'
import { nodeTermWarnings } from './pod-spec/warnings.ts'
import { age, columns, UNSET } from './printers/text.ts'
import { collect, keep, statusPart } from './strategy.ts'
import { roundUpToMilli } from './validation/amounts.ts'
import { addInvalid, type Errors, IMMUTABLE, immutable, NOT_POSITIVE } from './validation/checks.ts'
import { diffText } from './validation/diff.ts'
import { same } from './validation/same.ts'

const RECLAIM = ['Delete', 'Recycle', 'Retain']
const OLD_CLASS = 'volume.beta.kubernetes.io/storage-class'
const OLD_OPTIONS = 'volume.beta.kubernetes.io/mount-options'
const LATER = 'may not be specified in the context of inline volumes'

/** In upstream's order, which says which source counts when there are several. */
const sources = (volume: string) => [
  SHARED.hostPath,
  SHARED.gcePersistentDisk,
  SHARED.awsElasticBlockStore,
  PERSISTENT.glusterfs,
  SHARED.flocker,
  SHARED.nfs,
  SHARED.rbd,
  SHARED.quobyte,
  SHARED.cephfs,
  persistentIscsi(volume),
  PERSISTENT.cinder,
  SHARED.fc,
  SHARED.flexVolume,
  PERSISTENT.azureFile,
  SHARED.vsphereVolume,
  SHARED.photonPersistentDisk,
  SHARED.portworxVolume,
  SHARED.azureDisk,
  SHARED.scaleIO,
  PERSISTENT.local,
  PERSISTENT.storageos,
  csiPersistent,
]

const SOURCES = sources('').map(({ member }) => member)

/** Whose driver takes options for mounting. */
const MOUNTABLE = new Set([
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'nfs',
  'rbd',
  'quobyte',
  'iscsi',
  'cinder',
  'cephfs',
  'azureFile',
  'vsphereVolume',
  'azureDisk',
  'photonPersistentDisk',
])

function defaults(object: KubeObject): void {
  const volume = object as PersistentVolume
  volume.spec ??= {}
  const { spec } = volume
  volume.status ??= {}
  volume.status.phase ||= 'Pending'
  spec.persistentVolumeReclaimPolicy ||= 'Retain'
  spec.volumeMode ??= 'Filesystem'
  if (spec.hostPath !== undefined) spec.hostPath.type ??= ''
  if (spec.azureDisk !== undefined) spec.azureDisk.readOnly ??= false
  roundUpToMilli(spec.capacity)
}

/** `inline`: as part of a VolumeAttachment, where the volume is no object of its own. */
export function validateVolumeSpec(spec: PersistentVolumeSpec, name: string, inline: boolean, field: string, errors: Errors): void {
  const { nodeAffinity, storageClassName, volumeMode, volumeAttributesClassName: attributes } = spec
  if (inline) {
    if (spec.claimRef !== undefined) errors.push(forbidden(`${field}.claimRef`, LATER))
    if (Object.keys(spec.capacity ?? {}).length > 0) errors.push(forbidden(`${field}.capacity`, LATER))
    if (spec.csi === undefined) errors.push(required(`${field}.csi`, 'has to be specified in the context of inline volumes'))
  }
  if (!spec.accessModes?.length) errors.push(required(`${field}.accessModes`))
  accessModes(spec.accessModes, `${field}.accessModes`, errors)
  if (!inline) capacity(spec, `${field}.capacity`, errors)
  reclaimPolicy(spec, inline, `${field}.persistentVolumeReclaimPolicy`, errors)
  if (nodeAffinity !== undefined) {
    const at = `${field}.nodeAffinity`
    if (inline) errors.push(forbidden(at, LATER))
    else if (nodeAffinity.required === undefined) errors.push(required(`${at}.required`, 'must specify required node constraints'))
    else nodeSelector(nodeAffinity.required, `${at}.required`, errors)
  }
  const found = checkSources(spec as Source, sources(name), field, errors)
  if (spec.local !== undefined && found === 1 && nodeAffinity === undefined)
    errors.push(required(`${field}.nodeAffinity`, 'Local volume requires node affinity'))
  if (found === 0) errors.push(required(field, 'must specify a volume type'))
  if (/^\/(\.?\/)*\.?$/.test(spec.hostPath?.path ?? '') && spec.persistentVolumeReclaimPolicy === 'Recycle')
    errors.push(forbidden(`${field}.persistentVolumeReclaimPolicy`, "may not be 'recycle' for a hostPath mount of '/'"))
  if (storageClassName) {
    if (inline) errors.push(forbidden(`${field}.storageClassName`, LATER))
    else addInvalid(isDNS1123Subdomain(storageClassName), `${field}.storageClassName`, storageClassName, errors)
  }
  if (volumeMode !== undefined) {
    const at = `${field}.volumeMode`
    if (!inline && !VOLUME_MODES.includes(volumeMode)) errors.push(notSupported(at, volumeMode, VOLUME_MODES))
    if (inline && volumeMode !== 'Filesystem')
      errors.push(forbidden(at, 'may not specify volumeMode other than Filesystem in the context of inline volumes'))
  }
  if (attributes === undefined) return
  if (attributes === '') errors.push(required(`${field}.volumeAttributesClassName`, 'an empty string is disallowed'))
  else addInvalid(isDNS1123Subdomain(attributes), `${field}.volumeAttributesClassName`, attributes, errors)
  if (spec.csi === undefined) errors.push(required(`${field}.csi`, 'has to be specified when using volumeAttributesClassName'))
}

function capacity({ capacity: amounts = {} }: PersistentVolumeSpec, field: string, errors: Errors): void {
  const names = Object.keys(amounts)
  if (names.length === 0) errors.push(required(field))
  if (names.length !== 1 || names[0] !== 'storage') {
    // Upstream prints the insides of quantities here; nobody reads those.
    errors.push(notSupported(field, names.length === 0 ? null : amounts, ['storage']))
  }
  for (const name of names) {
    const value = amounts[name] as string
    if (quantitySign(value) < 0) errors.push(invalid(`${field}[${name}]`, quantityValue(value), 'must be a valid resource quantity'))
    if (quantitySign(value) <= 0) errors.push(invalid(`${field}[${name}]`, String(value), NOT_POSITIVE))
  }
}

function reclaimPolicy(
  { persistentVolumeReclaimPolicy: policy }: PersistentVolumeSpec,
  inline: boolean,
  field: string,
  errors: Errors,
): void {
  if (!policy) return
  if (!inline && !RECLAIM.includes(policy)) errors.push(notSupported(field, policy, RECLAIM))
  if (inline && policy !== 'Retain') errors.push(forbidden(field, 'may only be Retain in the context of inline volumes'))
}

const specOf = ({ spec }: PersistentVolume) => spec ?? {}

function validate(volume: PersistentVolume, errors: Errors): void {
  validateVolumeSpec(specOf(volume), volume.metadata.name ?? '', false, 'spec', errors)
}

function mountOptions({ metadata, spec = {} }: PersistentVolume, errors: Errors): void {
  if (metadata.annotations?.[OLD_OPTIONS] === undefined || Object.keys(spec).some(member => MOUNTABLE.has(member))) return
  errors.push(forbidden(`metadata.annotations.${OLD_OPTIONS}`, 'may not specify mount options for this volume type'))
}

const sourceOf = (spec: PersistentVolumeSpec) => Object.fromEntries(Object.entries(spec).filter(([member]) => SOURCES.includes(member)))

const NEW_LABELS: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
}

/** The affinity with today's names of labels where the newer one has them. */
function renamedLike(affinity: VolumeNodeAffinity, newer: VolumeNodeAffinity | undefined): VolumeNodeAffinity {
  const copy = clone(affinity)
  for (const [i, term] of (copy.required?.nodeSelectorTerms ?? []).entries()) {
    const other = newer?.required?.nodeSelectorTerms?.[i]
    for (const list of ['matchExpressions', 'matchFields'] as const) {
      for (const [j, requirement] of (term[list] ?? []).entries()) {
        const key = (other?.[list]?.[j] as NodeSelectorRequirement | undefined)?.key
        if (key !== undefined && NEW_LABELS[requirement.key] === key) requirement.key = key
      }
    }
  }
  return copy
}

function validateUpdate(volume: PersistentVolume, old: PersistentVolume, errors: Errors): void {
  validate(volume, errors)
  mountOptions(volume, errors)
  // Upstream looks at the whole twice.
  validate(volume, errors)
  const spec = specOf(volume)
  const before = specOf(old)
  const source = sourceOf(spec)
  if (before.csi !== undefined && before.csi.controllerExpandSecretRef === undefined && spec.csi !== undefined) {
    const { controllerExpandSecretRef: _, ...csi } = spec.csi
    source.csi = csi
  }
  if (!same(source, sourceOf(before))) {
    const why = `spec.persistentvolumesource is immutable after creation\n${diffText(sourceOf(before), source)}`
    errors.push(forbidden('spec.persistentvolumesource', why))
  }
  immutable(spec.volumeMode ?? null, before.volumeMode ?? null, 'volumeMode', errors)
  if (before.nodeAffinity !== undefined && !same(spec.nodeAffinity, renamedLike(before.nodeAffinity, spec.nodeAffinity)))
    errors.push(invalid('nodeAffinity', spec.nodeAffinity ?? null, `${IMMUTABLE}, except for updating from beta label to GA`))
  if (before.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined)
    errors.push(forbidden('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden'))
}

const OLD_SOURCES: readonly (readonly [member: keyof PersistentVolumeSpec, path: string, message: string])[] = [
  ['cephfs', 'cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['photonPersistentDisk', 'photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['scaleIO', 'scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['storageos', 'storageOS', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['rbd', 'rbd', 'deprecated in v1.28, non-functional in v1.31+'],
]

function warnings(volume: PersistentVolume): string[] {
  const spec = specOf(volume)
  const found: string[] = []
  const annotation = (key: string, message: string) => {
    if (volume.metadata.annotations?.[key] !== undefined) found.push(`metadata.annotations[${key}]: ${message}`)
  }
  annotation(OLD_CLASS, 'deprecated since v1.8; use "storageClassName" attribute instead')
  annotation(OLD_OPTIONS, 'deprecated since v1.31; use "mountOptions" attribute instead')
  if (spec.persistentVolumeReclaimPolicy === 'Recycle') {
    const instead = 'The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.'
    found.push(`spec.persistentVolumeReclaimPolicy: ${instead}`)
  }
  for (const [i, term] of (spec.nodeAffinity?.required?.nodeSelectorTerms ?? []).entries())
    nodeTermWarnings(term, `spec.nodeAffinity.required.nodeSelectorTerms[${i}]`, false, found)
  for (const [member, path, message] of OLD_SOURCES) if (spec[member] !== undefined) found.push(`spec.${path}: ${message}`)
  return found
}

const SHORT_MODES = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
] as const

export const accessModesText = (modes: readonly string[] | undefined): string =>
  SHORT_MODES.filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(',')

export default defineResource<PersistentVolume>({
  group: '',
  resource: 'persistentvolumes',
  singular: 'persistentvolume',
  kind: 'PersistentVolume',
  namespaced: false,
  metadataOnUpdate: 'whole',
  shortNames: ['pv'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.core.v1.PersistentVolume', defaults }],
  prepareForCreate(volume, { now }) {
    volume.status = { phase: 'Pending', lastPhaseTransitionTime: formatTime(now) }
  },
  prepareForUpdate: (volume, old) => keep(volume, old, 'status'),
  validate: volume =>
    collect(errors => {
      validate(volume, errors)
      mountOptions(volume, errors)
    }),
  validateUpdate: (volume, old) => collect(errors => validateUpdate(volume, old, errors)),
  warnings,
  deletion: { returnsObject: true },
  parts: {
    status: {
      ...statusPart<PersistentVolume>(),
      prepare(volume, old, { now }) {
        keep(volume, old, 'spec')
        volume.status ??= {}
        const { status } = volume
        const before = old.status ?? {}
        if (status.phase === before.phase) {
          if (before.lastPhaseTransitionTime !== undefined) status.lastPhaseTransitionTime ??= before.lastPhaseTransitionTime
        } else if (!status.lastPhaseTransitionTime || status.lastPhaseTransitionTime === before.lastPhaseTransitionTime)
          status.lastPhaseTransitionTime = formatTime(now)
      },
    },
  },
  columns: columns(
    'Name, Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass, VolumeAttributesClass, Reason, Age, VolumeMode+',
  ),
  cells: (volume, now) => {
    const { metadata, status } = volume
    const spec = specOf(volume)
    return [
      metadata.name,
      spec.capacity?.storage ?? '0',
      accessModesText(spec.accessModes),
      spec.persistentVolumeReclaimPolicy ?? '',
      metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
      spec.claimRef === undefined ? '' : `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}`,
      metadata.annotations?.[OLD_CLASS] ?? spec.storageClassName ?? '',
      spec.volumeAttributesClassName ?? UNSET,
      status?.reason ?? '',
      age(volume, now),
      spec.volumeMode ?? UNSET,
    ]
  },
})
