// Makes volumes for claims of StorageClasses whose provisioner is efs.csi.aws.com: an access point of EFS each, in a folder of its own.
// Keys: "<namespace>/<name>" a claim; "<namespace>/gone:<uid>" a claim that went before it had a volume; "/<name>" a volume.
//
// Nothing is leaked, wherever this dies, because names are made of the claim's UID and every step can be repeated:
//
//   claim there  : access point (token pvc-<uid>) ---- object pvc-<uid>, bound to the claim ----   done; the binder does the rest
//   claim deleted: ................ X died here: the deletion's key finds an access point without an object, and removes it
//   claim deleted: .............................................. X died here: the object is Released, and goes the ordinary way
//
// The ordinary way of a Released volume with policy Delete: its files, its access points, its object (finalizer), in this order.
import type { PersistentVolume, PersistentVolumeClaim } from '../api/core/v1.ts'
import type { StorageClass } from '../api/storage/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import { claimClass } from '../scheduling/volume-matching.ts'
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES } from './collections.ts'
import { unlessGone } from './owners.ts'
import { type Controller, type ControllerContext, type Outcome, told } from './types.ts'
import { type AccessPoint, AccessPointError, type AccessPoints } from './volumes/access-points.ts'
import { PROVISIONED_BY, PROVISIONER } from './volumes/binding.ts'
import {
  EFS_PROVISIONER,
  newAccessPoint,
  newVolume,
  PROVISIONER_FINALIZER,
  ProvisioningError,
  parseHandle,
  volumeNameOf,
} from './volumes/efs-class.ts'
import { splitName } from './watches.ts'

export interface EfsServices {
  readonly accessPoints: AccessPoints
  /** The deployment's own file system, for classes that name none; empty: there is none. */
  readonly fileSystemId: string
  readonly cleaner: VolumeCleaner
}

export interface VolumeCleaner {
  /** Removes a folder and all that is in it. False: not done yet, ask again. `job` is the same for the same removal. @throws Error that says why it cannot be done now. */
  remove(fileSystemId: string, path: string, job: string): Promise<boolean>
}

const GONE = 'gone'
const CLEANING_SECONDS = 2

/** @param services called when there is work. */
export function efsProvisioner(services: () => Promise<EfsServices>): Controller {
  return {
    name: 'efs-provisioner',
    component: EFS_PROVISIONER,
    watches: [
      {
        resource: PERSISTENT_VOLUME_CLAIMS,
        keys({ type, key, object }) {
          const claim = object as PersistentVolumeClaim
          if (!isOurs(claim) || claim.spec?.volumeName) return []
          return type === 'deleted' ? [objectKey(claim.metadata.namespace, `${GONE}:${claim.metadata.uid}`)] : [key]
        },
      },
      {
        resource: PERSISTENT_VOLUMES,
        keys: ({ type, key, object }) => (type !== 'deleted' && isOver(object as PersistentVolume) ? [key] : []),
      },
    ],
    async reconcile(key, context) {
      const { namespace, name } = splitKey(key)
      const target = splitName(name)
      if (target.about === GONE) return removeOrphan(target.name, await services(), context)
      if (namespace !== '') {
        const claim = (await context.informer(PERSISTENT_VOLUME_CLAIMS)).get(key)?.object as PersistentVolumeClaim | undefined
        if (claim && isOurs(claim) && !claim.spec?.volumeName && claim.metadata.deletionTimestamp === undefined)
          await provision(claim, await services(), context)
        return undefined
      }
      const volume = (await context.informer(PERSISTENT_VOLUMES)).get(key)?.object as PersistentVolume | undefined
      return volume && isOver(volume) ? removeVolume(volume, await services(), context) : undefined
    },
  }
}

/** Its watches alone. */
export const efsProvisionerWatches = efsProvisioner(() => Promise.reject(new Error('volumes are not provisioned from here')))

/** The binder has found that the claim needs a new volume, and that this one's provisioner makes it. */
const isOurs = ({ metadata }: PersistentVolumeClaim) => metadata.annotations?.[PROVISIONER] === EFS_PROVISIONER

/** Released or deleted, and not needed by anybody: what upstream's provisioner waits for, too. */
function isOver({ metadata, spec, status }: PersistentVolume): boolean {
  if (metadata.annotations?.[PROVISIONED_BY] !== EFS_PROVISIONER || !metadata.finalizers?.includes(PROVISIONER_FINALIZER)) return false
  if (status?.phase === 'Bound') return false
  const retained = spec?.persistentVolumeReclaimPolicy !== 'Delete'
  return retained ? metadata.deletionTimestamp !== undefined : status?.phase === 'Released' || status?.phase === 'Failed'
}

async function provision(claim: PersistentVolumeClaim, { accessPoints, fileSystemId }: EfsServices, context: ControllerContext) {
  const { client, events } = context
  const className = claimClass(claim)
  const storage = (await context.informer(STORAGE_CLASSES)).get(objectKey(undefined, className))?.object as StorageClass | undefined
  if (storage?.provisioner !== EFS_PROVISIONER) return
  const about = `${claim.metadata.namespace}/${claim.metadata.name}`
  void events.event(claim, 'Normal', 'Provisioning', `External provisioner is provisioning volume for claim ${JSON.stringify(about)}`)
  try {
    const point = await accessPoints.ensure(newAccessPoint(claim, storage, fileSystemId))
    await client.create<PersistentVolume>(PERSISTENT_VOLUMES, newVolume(claim, storage, `${point.fileSystemId}::${point.id}`))
    void events.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${volumeNameOf(claim)}`)
  } catch (error) {
    // An earlier attempt made it.
    if (isStatus(error, 'AlreadyExists')) return
    const message = error instanceof Error ? error.message : String(error)
    await events.event(
      claim,
      'Warning',
      'ProvisioningFailed',
      `failed to provision volume with StorageClass ${JSON.stringify(className)}: ${message}`,
    )
    // Until claim or class are others, it would be refused again.
    if (error instanceof ProvisioningError) return
    if (error instanceof Error) told.add(error)
    throw error
  }
}

/** The claim went while it was provisioned. Of a bound one the object remains, and tells what to remove. */
async function removeOrphan(uid: string, { accessPoints, fileSystemId }: EfsServices, context: ControllerContext): Promise<undefined> {
  const token = `pvc-${uid}`
  if (await context.client.get<PersistentVolume>(PERSISTENT_VOLUMES, undefined, token)) return
  const classes = (await context.informer(STORAGE_CLASSES)).list().map(({ object }) => object as StorageClass)
  const systems = classes.filter(({ provisioner }) => provisioner === EFS_PROVISIONER).map(({ parameters }) => parameters?.fileSystemId)
  for (const system of new Set([fileSystemId, ...systems])) {
    if (!system) continue
    for (const point of await pointsOf(system, accessPoints)) if (point.token === token) await accessPoints.remove(point.id)
  }
}

/** None, where the file system is gone, and all that was in it. */
async function pointsOf(fileSystemId: string, accessPoints: AccessPoints): Promise<readonly AccessPoint[]> {
  try {
    return await accessPoints.list(fileSystemId)
  } catch (error) {
    if (error instanceof AccessPointError) return []
    throw error
  }
}

async function removeVolume(volume: PersistentVolume, services: EfsServices, context: ControllerContext): Promise<Outcome | undefined> {
  const { client, events } = context
  const { name, uid = '' } = volume.metadata
  if (volume.spec?.persistentVolumeReclaimPolicy === 'Delete') {
    try {
      if (!(await emptied(volume, services, uid))) return { requeueAfter: CLEANING_SECONDS }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      await events.event(volume, 'Warning', 'VolumeFailedDelete', message)
      if (error instanceof Error) told.add(error)
      throw error
    }
  }
  if (volume.metadata.deletionTimestamp === undefined)
    await unlessGone(() => client.delete(PERSISTENT_VOLUMES, undefined, name, { preconditions: { uid } }))
  const newest = await client.get<PersistentVolume>(PERSISTENT_VOLUMES, undefined, name)
  if (newest?.metadata.uid !== uid) return undefined
  const finalizers = newest.metadata.finalizers?.filter(finalizer => finalizer !== PROVISIONER_FINALIZER)
  await unlessGone(() => client.update<PersistentVolume>(PERSISTENT_VOLUMES, { ...newest, metadata: { ...newest.metadata, finalizers } }))
  return undefined
}

/** The folder first: as long as the access point is there, it says which one it is. False: not yet. */
async function emptied(volume: PersistentVolume, { accessPoints, cleaner }: EfsServices, job: string): Promise<boolean> {
  const { volumeHandle = '' } = volume.spec?.csi ?? {}
  const id = parseHandle(volumeHandle)?.accessPointId
  if (id === undefined) throw new Error(`volume handle ${JSON.stringify(volumeHandle)} names no access point`)
  const point = await accessPoints.find(id)
  if (!point) return true
  if (!point.path.endsWith(`/${volume.metadata.name}`))
    throw new Error(`access point ${point.id} shows ${point.path}, which is not the folder of this volume`)
  if (!(await cleaner.remove(point.fileSystemId, point.path, job))) return false
  // Those of subPaths before the one that leads to them.
  for (const part of await pointsOf(point.fileSystemId, accessPoints))
    if (part.path.startsWith(`${point.path}/`)) await accessPoints.remove(part.id)
  await accessPoints.remove(point.id)
  return true
}
