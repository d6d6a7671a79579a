// What a pod's volume is, once claims have been followed to their PersistentVolumes.
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '../api/core/v1.ts'
import { EFS_PROVISIONER, parseHandle } from '../controllers/volumes/efs-class.ts'
import { MountProblem, setUpFailed } from './mount-problem.ts'
import { isWritten, kindOf } from './volumes.ts'

export type VolumeSource =
  | { readonly kind: 'emptyDir'; readonly medium?: string; readonly sizeLimit?: string | number }
  /** By the agent. `secret`: it shall not touch a disk where there is another way. */
  | { readonly kind: 'written'; readonly secret: boolean }
  | { readonly kind: 'host'; readonly path: string; readonly type?: string }
  | {
      readonly kind: 'nfs'
      readonly server: string
      readonly path: string
      readonly options: readonly string[]
      readonly readOnly: boolean
    }
  | {
      readonly kind: 'efs'
      readonly fileSystemId: string
      readonly accessPointId?: string
      /** Folder of the file system; through an access point its root is the access point's. */
      readonly path?: string
      readonly readOnly: boolean
    }

export interface Claims {
  claim(name: string): PersistentVolumeClaim | undefined
  volume(name: string): PersistentVolume | undefined
}

/** Name of the claim that the volume is, if it is one. */
export function claimNameOf(pod: Pod, { name, persistentVolumeClaim, ephemeral }: Volume): string | undefined {
  return persistentVolumeClaim?.claimName ?? (ephemeral ? `${pod.metadata.name}-${name}` : undefined)
}

/** @throws MountProblem */
export function volumeSource(pod: Pod, volume: Volume, claims: Claims): VolumeSource {
  const { name, emptyDir, hostPath, nfs } = volume
  const claim = claimNameOf(pod, volume)
  if (claim !== undefined) return claimed(pod, name, claim, volume.persistentVolumeClaim?.readOnly ?? false, claims)
  if (isWritten(volume)) {
    const secret =
      volume.secret !== undefined || (volume.projected?.sources ?? []).some(source => source.secret ?? source.serviceAccountToken)
    return { kind: 'written', secret }
  }
  if (hostPath) return { kind: 'host', path: hostPath.path, type: hostPath.type }
  if (nfs) return { kind: 'nfs', server: nfs.server, path: nfs.path, options: [], readOnly: nfs.readOnly ?? false }
  const kind = kindOf(volume)
  if (kind === 'emptyDir') return { kind, medium: emptyDir?.medium, sizeLimit: emptyDir?.sizeLimit }
  if (volume.csi) throw new MountProblem(setUpFailed(name, unknownDriver(volume.csi.driver)))
  throw new MountProblem(setUpFailed(name, `a task of ECS has no volumes of type ${kind}`))
}

const unknownDriver = (driver: string) =>
  `kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: driver name ${driver} not found in the list of registered CSI drivers`

function claimed(pod: Pod, name: string, claimName: string, claimReadOnly: boolean, claims: Claims): VolumeSource {
  const processing = (why: string) =>
    new MountProblem(
      `Unable to attach or mount volumes: unmounted volumes=[${name}], unattached volumes=[], failed to process volumes=[${name}]: error processing PVC ${pod.metadata.namespace}/${claimName}: ${why}`,
    )
  const claim = claims.claim(claimName)
  if (!claim) throw processing(`failed to fetch PVC from API server: persistentvolumeclaims ${JSON.stringify(claimName)} not found`)
  if (claim.status?.phase !== 'Bound' || !claim.spec?.volumeName) throw processing('PVC is not bound')
  if (claim.spec.volumeMode === 'Block') throw processing('volume has volumeMode Block, which a task of ECS cannot have')
  const volume = claims.volume(claim.spec.volumeName)
  if (!volume) throw processing(`failed to fetch PV ${JSON.stringify(claim.spec.volumeName)} from API server`)
  return persistent(volume, claimReadOnly)
}

function persistent({ metadata: { name }, spec = {} }: PersistentVolume, claimReadOnly: boolean): VolumeSource {
  const { hostPath, local, nfs, csi, mountOptions = [] } = spec
  if (hostPath) return { kind: 'host', path: hostPath.path, type: hostPath.type }
  if (local) return { kind: 'host', path: local.path, type: 'Directory' }
  if (nfs) return { kind: 'nfs', server: nfs.server, path: nfs.path, options: mountOptions, readOnly: nfs.readOnly || claimReadOnly }
  if (csi && csi.driver !== EFS_PROVISIONER) throw new MountProblem(setUpFailed(name, unknownDriver(csi.driver)))
  if (csi) {
    const handle = parseHandle(csi.volumeHandle)
    if (!handle)
      throw new MountProblem(setUpFailed(name, `volume handle ${JSON.stringify(csi.volumeHandle)} is not fs-<id>[:<path>[:fsap-<id>]]`))
    return { kind: 'efs', ...handle, readOnly: csi.readOnly || claimReadOnly }
  }
  const kind = Object.keys(spec).find(key => !ORDINARY.has(key)) ?? 'unknown'
  throw new MountProblem(setUpFailed(name, `a task of ECS has no volumes of type ${kind}`))
}

/** What a PersistentVolume has besides its source. */
const ORDINARY: ReadonlySet<string> = new Set([
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
])
