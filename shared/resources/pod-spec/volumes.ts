// spec.volumes of a pod (pkg/apis/core/validation).
import type { DownwardAPIProjection, DownwardAPIVolumeFile, KeyToPath, Volume, VolumeProjection } from '../../api/core/v1.ts'
import type { ObjectMeta } from '../../api/meta/v1.ts'
import { duplicate, forbidden, invalid, required } from '../../apimachinery/field-error.ts'
import { isDNS1123Subdomain } from '../../apimachinery/names.ts'
import { quantitySign } from '../../apimachinery/quantity.ts'
import { addInvalid, dnsLabel, type Errors, fileMode, relativePath, requireText, volumeFilePath } from '../validation/checks.ts'
import { claimTemplate } from './claim-spec.ts'
import { fieldSelector, resourceFieldSelector, VOLUME_FIELDS } from './field-refs.ts'
import { pullPolicy } from './pull-policy.ts'
import { checkSources, csiDriverName, iscsiNameTooLong, needs, POD, SHARED, type Source, type SourceRule } from './volume-sources.ts'

export type VolumesByName = ReadonlyMap<string, Volume>

/** In upstream's order: it decides which of several sources is the first. */
const RULES: readonly SourceRule[] = [
  { member: 'emptyDir', check: emptyDir },
  SHARED.hostPath,
  { member: 'gitRepo', check: gitRepo },
  SHARED.gcePersistentDisk,
  SHARED.awsElasticBlockStore,
  { member: 'secret', check: keysVolume('secretName') },
  SHARED.nfs,
  POD.iscsi,
  POD.glusterfs,
  SHARED.flocker,
  { member: 'persistentVolumeClaim', check: needs('claimName') },
  SHARED.rbd,
  POD.cinder,
  SHARED.cephfs,
  SHARED.quobyte,
  { member: 'downwardAPI', check: downwardAPI, surplusPath: 'downwarAPI' },
  SHARED.fc,
  SHARED.flexVolume,
  { member: 'configMap', check: keysVolume('name') },
  POD.azureFile,
  SHARED.vsphereVolume,
  SHARED.photonPersistentDisk,
  SHARED.portworxVolume,
  SHARED.azureDisk,
  POD.storageos,
  { member: 'projected', check: projected },
  SHARED.scaleIO,
  { member: 'csi', check: csi },
]

/** Answers the volumes that are right: mounts may refer to those alone. */
export function validateVolumes(
  volumes: readonly Volume[] | undefined,
  metadata: Partial<ObjectMeta> | undefined,
  isPod: boolean,
  field: string,
  errors: Errors,
): VolumesByName {
  const good = new Map<string, Volume>()
  const madeClaims = new Set<string>()
  for (const volume of volumes ?? []) if (metadata?.name && volume.ephemeral) madeClaims.add(`${metadata.name}-${volume.name}`)
  for (const [i, volume] of (volumes ?? []).entries()) {
    const at = `${field}[${i}]`
    const before = errors.length
    validateSource(volume, metadata, isPod, at, errors)
    if (!volume.name) errors.push(required(`${at}.name`))
    else dnsLabel(volume.name, `${at}.name`, errors)
    if (good.has(volume.name)) errors.push(duplicate(`${at}.name`, volume.name))
    if (errors.length === before) good.set(volume.name, volume)
    const claim = volume.persistentVolumeClaim?.claimName
    if (claim !== undefined && madeClaims.has(claim)) {
      const why = 'must not reference a PVC that gets created for an ephemeral volume'
      errors.push(invalid(`${at}.persistentVolumeClaim.claimName`, claim, why))
    }
  }
  return good
}

function validateSource(volume: Volume, metadata: Partial<ObjectMeta> | undefined, isPod: boolean, at: string, errors: Errors): void {
  let found = checkSources(volume as unknown as Source, RULES, at, errors)
  const tooLongName = iscsiNameTooLong(volume.iscsi as unknown as Source | undefined, volume.name)
  if (tooLongName !== undefined) errors.push(invalid(`${at}.name`, volume.name, tooLongName))
  if (volume.ephemeral !== undefined) {
    if (found++ > 0) errors.push(forbidden(`${at}.ephemeral`, 'may not specify more than 1 volume type'))
    else {
      const template = volume.ephemeral.volumeClaimTemplate
      if (template === undefined) errors.push(required(`${at}.ephemeral.volumeClaimTemplate`))
      else claimTemplate(template, `${at}.ephemeral.volumeClaimTemplate`, errors)
      if (metadata?.name && volume.name) {
        const claim = `${metadata.name}-${volume.name}`
        const wrong = isDNS1123Subdomain(claim).map(why => `PVC name ${JSON.stringify(claim)}: ${why}`)
        addInvalid(wrong, `${at}.name`, volume.name, errors)
      }
    }
  }
  if (volume.image !== undefined) {
    if (found++ > 0) errors.push(forbidden(`${at}.image`, 'may not specify more than 1 volume type'))
    else {
      if (isPod && !volume.image.reference) errors.push(required(`${at}.image.reference`))
      pullPolicy(volume.image.pullPolicy, `${at}.image.pullPolicy`, errors)
    }
  }
  if (found === 0) errors.push(required(at, 'must specify a volume type'))
}

function emptyDir(source: Source, field: string, errors: Errors): void {
  const limit = source.sizeLimit as string | undefined
  if (limit !== undefined && quantitySign(limit) < 0)
    errors.push(forbidden(`${field}.sizeLimit`, 'SizeLimit field must be a valid resource quantity'))
}

function gitRepo(source: Source, field: string, errors: Errors): void {
  needs('repository')(source, field, errors)
  relativePath((source.directory as string | undefined) ?? '', `${field}.directory`, errors)
}

/** A Secret or ConfigMap as a volume. */
function keysVolume(name: string) {
  return (source: Source, field: string, errors: Errors): void => {
    needs(name)(source, field, errors)
    fileMode(source.defaultMode as number | undefined, `${field}.defaultMode`, errors)
    keys(source.items as readonly KeyToPath[] | undefined, field, errors)
  }
}

function keys(items: readonly KeyToPath[] | undefined, field: string, errors: Errors): void {
  for (const [i, item] of (items ?? []).entries()) key(item, `${field}.items[${i}]`, errors)
}

function key(item: KeyToPath, at: string, errors: Errors): void {
  requireText(item.key, `${at}.key`, errors)
  requireText(item.path, `${at}.path`, errors)
  volumeFilePath(item.path, `${at}.path`, errors)
  fileMode(item.mode, `${at}.mode`, errors)
}

function downwardAPI(source: Source, field: string, errors: Errors): void {
  fileMode(source.defaultMode as number | undefined, `${field}.defaultMode`, errors)
  for (const file of (source.items as readonly DownwardAPIVolumeFile[] | undefined) ?? []) downwardAPIFile(file, field, errors)
}

function downwardAPIFile(file: DownwardAPIVolumeFile, field: string, errors: Errors): void {
  requireText(file.path, `${field}.path`, errors)
  volumeFilePath(file.path, `${field}.path`, errors)
  if (file.fieldRef !== undefined) {
    fieldSelector(file.fieldRef, VOLUME_FIELDS, `${field}.fieldRef`, errors)
    if (file.resourceFieldRef !== undefined)
      errors.push(invalid(field, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'))
  } else if (file.resourceFieldRef !== undefined) resourceFieldSelector(file.resourceFieldRef, `${field}.resourceFieldRef`, errors, true)
  else errors.push(required(field, 'one of fieldRef and resourceFieldRef is required'))
  fileMode(file.mode, `${field}.mode`, errors)
}

/** All sources of a projected volume end in one directory: no two may write the same file. */
function projected(source: Source, field: string, errors: Errors): void {
  fileMode(source.defaultMode as number | undefined, `${field}.defaultMode`, errors)
  const paths = new Set<string>()
  const takePath = (path: string | undefined, owner: string) => {
    if (!path) return
    if (paths.has(path)) errors.push(invalid(field, owner, 'conflicting duplicate paths'))
    paths.add(path)
  }
  for (const [i, projection] of ((source.sources as readonly VolumeProjection[] | undefined) ?? []).entries())
    validateProjection(projection, field, `${field}.sources[${i}]`, takePath, errors)
}

function validateProjection(
  projection: VolumeProjection,
  field: string,
  at: string,
  takePath: (path: string | undefined, owner: string) => void,
  errors: Errors,
): void {
  let sources = 0
  for (const member of ['secret', 'configMap'] as const) {
    const source = projection[member]
    if (source === undefined) continue
    sources++
    requireText(source.name, `${at}.${member}.name`, errors)
    for (const [i, item] of (source.items ?? []).entries()) {
      key(item, `${at}.${member}.items[${i}]`, errors)
      takePath(item.path, source.name ?? '')
    }
  }
  if (projection.downwardAPI !== undefined) {
    sources++
    const { items }: DownwardAPIProjection = projection.downwardAPI
    for (const file of items ?? []) {
      downwardAPIFile(file, `${at}.downwardAPI`, errors)
      takePath(file.path, file.path)
    }
  }
  const token = projection.serviceAccountToken
  if (token !== undefined) {
    sources++
    const seconds = token.expirationSeconds ?? 0
    const secondsField = `${at}.serviceAccountToken.expirationSeconds`
    if (seconds < 600) errors.push(invalid(secondsField, seconds, 'may not specify a duration less than 10 minutes'))
    if (seconds > 2 ** 32) errors.push(invalid(secondsField, seconds, 'may not specify a duration larger than 2^32 seconds'))
    if (!token.path) errors.push(required(`${field}.path`))
    else volumeFilePath(token.path, `${field}.path`, errors)
  }
  if (sources > 1) errors.push(forbidden(at, 'may not specify more than 1 volume type per source'))
}

function csi(source: Source, field: string, errors: Errors): void {
  csiDriverName(source.driver as string | undefined, `${field}.driver`, errors)
  const secret = source.nodePublishSecretRef as { name?: string } | undefined
  if (secret === undefined) return
  if (!secret.name) errors.push(required(`${field}.nodePublishSecretRef.name`))
  else addInvalid(isDNS1123Subdomain(secret.name), `${field}.name`, secret.name, errors)
}
