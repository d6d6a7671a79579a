// Claims and volumes of EFS: what a StorageClass may say (parameters of the EFS CSI driver), and what becomes of it. Pure.
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/core/v1.ts'
import type { StorageClass } from '../../api/storage/v1.ts'
import type { NewAccessPoint } from './access-points.ts'
import { PROVISIONED_BY } from './binding.ts'

export const EFS_PROVISIONER = 'efs.csi.aws.com'
/** As external provisioners have it: the volume itself is gone before its object is. */
export const PROVISIONER_FINALIZER = 'external-provisioner.volume.kubernetes.io/finalizer'

const DEFAULT_FOLDER = '/zeroplane'
/** Whoever the containers run as, they may write, as in a folder of a node. */
const DEFAULT_PERMISSIONS = '0777'
const KNOWN = ['provisioningMode', 'fileSystemId', 'directoryPerms', 'basePath', 'uid', 'gid']

/** The claim or its class asks for something that there is not. */
export class ProvisioningError extends Error {
  override readonly name = 'ProvisioningError'
}

export const volumeNameOf = (claim: PersistentVolumeClaim) => `pvc-${claim.metadata.uid}`

/** @throws ProvisioningError */
export function newAccessPoint(claim: PersistentVolumeClaim, storage: StorageClass, ownFileSystem: string): NewAccessPoint {
  if (claim.spec?.selector) throw new ProvisioningError('claim Selector is not supported')
  if (claim.spec?.volumeMode === 'Block') throw new ProvisioningError('volumes of volumeMode Block are not supported')
  if (claim.spec?.dataSource ?? claim.spec?.dataSourceRef) throw new ProvisioningError('a volume cannot be made from a data source')
  const { parameters = {} } = storage
  const unknown = Object.keys(parameters).find(name => !KNOWN.includes(name))
  if (unknown !== undefined) throw new ProvisioningError(`unknown parameter ${JSON.stringify(unknown)}; known are ${KNOWN.join(', ')}`)
  const { provisioningMode = 'efs-ap', fileSystemId = ownFileSystem, basePath = DEFAULT_FOLDER } = parameters
  if (provisioningMode !== 'efs-ap') throw new ProvisioningError(`provisioningMode ${JSON.stringify(provisioningMode)} is not efs-ap`)
  if (fileSystemId === '')
    throw new ProvisioningError('the class has no parameter fileSystemId, and the deployment has no file system of its own')
  const permissions = parameters.directoryPerms ?? DEFAULT_PERMISSIONS
  if (!/^[0-7]{3,4}$/.test(permissions)) throw new ProvisioningError(`directoryPerms ${JSON.stringify(permissions)} is not octal`)
  const user = userOf(parameters)
  const name = volumeNameOf(claim)
  return {
    fileSystemId,
    token: name,
    path: `/${[...basePath.split('/').filter(part => part !== ''), name].join('/')}`,
    owner: { uid: user?.uid ?? 0, gid: user?.gid ?? 0, permissions },
    user,
    tags: { Name: name, 'zeroplane.dev/claim': `${claim.metadata.namespace}/${claim.metadata.name}`.slice(0, 256) },
  }
}

function userOf({ uid, gid }: Record<string, string>): NewAccessPoint['user'] {
  if (uid === undefined && gid === undefined) return undefined
  const user = { uid: Number(uid), gid: Number(gid) }
  if (!Number.isInteger(user.uid) || !Number.isInteger(user.gid))
    throw new ProvisioningError('uid and gid are two whole numbers, or neither is there')
  return user
}

/** The object for the claim's volume, bound to it from the start. */
export function newVolume(claim: PersistentVolumeClaim, storage: StorageClass, volumeHandle: string): PersistentVolume {
  const { uid, namespace, name, resourceVersion } = claim.metadata
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: volumeNameOf(claim),
      annotations: { [PROVISIONED_BY]: storage.provisioner },
      finalizers: [PROVISIONER_FINALIZER],
    },
    spec: {
      capacity: { storage: claim.spec?.resources?.requests?.storage ?? '0' },
      accessModes: claim.spec?.accessModes,
      volumeMode: claim.spec?.volumeMode,
      storageClassName: storage.metadata.name,
      persistentVolumeReclaimPolicy: storage.reclaimPolicy ?? 'Delete',
      mountOptions: storage.mountOptions,
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion },
      csi: { driver: EFS_PROVISIONER, volumeHandle },
    },
  }
}

/** As the EFS driver writes it: "fs-1", "fs-1:/folder", "fs-1::fsap-2", "fs-1:/folder:fsap-2". */
export function parseHandle(handle: string): { fileSystemId: string; path?: string; accessPointId?: string } | undefined {
  const [fileSystemId = '', path, accessPointId, ...more] = handle.split(':')
  if (!/^fs-[0-9a-f]+$/.test(fileSystemId) || more.length > 0) return undefined
  if (accessPointId && !/^fsap-[0-9a-f]+$/.test(accessPointId)) return undefined
  return { fileSystemId, path: path || undefined, accessPointId: accessPointId || undefined }
}
