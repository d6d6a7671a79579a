// A pod's volumes and mounts in ECS's words. A task's volumes are mounted whole, so what a subPath names is a volume of its own:
//
//   emptyDir    one volume per subPath, mounted again below wherever the whole is mounted, so that all containers see one tree
//   hostPath    the path, extended;   NFS: the export's path, extended
//   EFS         the root directory, extended; below an access point, an access point of its own
//   written     a folder is a volume of its own; a single file is copied to its place when the container starts (ContainerPlan.files)
import type { Pod } from '../api/core/v1.ts'
import { quantityValue } from '../apimachinery/quantity.ts'
import { volumePath } from './agent-protocol.ts'
import type { MountPoint, TaskVolume } from './ecs.ts'
import { MountProblem, setUpFailed } from './mount-problem.ts'
import type { VolumeSource } from './volume-source.ts'
import { isFolderOf, subFolder, taskVolumeName } from './volumes.ts'

/** One volumeMount, its path below the volume's root plain and without variables; "" is all of it. */
export interface Mount {
  readonly container: string
  readonly volume: string
  readonly mountPath: string
  readonly subPath: string
  readonly readOnly: boolean
}

export interface TaskMounts {
  readonly volumes: readonly TaskVolume[]
  /** By container. */
  readonly containers: ReadonlyMap<string, readonly MountPoint[]>
  /** What setup gives modes to, and the agent writes. */
  readonly prepared: readonly MountPoint[]
  /** What setup looks at before anything is mounted. */
  readonly checks: readonly HostCheck[]
}

/** A hostPath whose type says what has to be there. Its folder is mounted in setup. */
export interface HostCheck {
  readonly volume: string
  readonly type: string
  readonly path: string
  readonly mount: MountPoint
  /** Where setup sees it. */
  readonly place: string
}

export interface MountInput {
  readonly mounts: readonly Mount[]
  /** By the volume's name. */
  readonly sources: ReadonlyMap<string, VolumeSource>
  /** Access points of subPaths, by subPointKey. */
  readonly subPoints: ReadonlyMap<string, string>
  /** Whether the task runs on a container instance; otherwise on Fargate. */
  readonly onInstance: boolean
}

export const subPointKey = (volume: string, subPath: string) => `${volume}/${subPath}`

const whole = (name: string) => `volume-${name}`

/** @throws MountProblem for what this kind of node cannot mount */
export function taskMounts(pod: Pod, { mounts, sources, subPoints, onInstance }: MountInput): TaskMounts {
  const volumes = new Map<string, TaskVolume>()
  const containers = new Map<string, MountPoint[]>()
  const prepared = new Map<string, MountPoint>()
  const checks: HostCheck[] = []
  for (const { name } of pod.spec.volumes ?? []) {
    const source = sources.get(name)!
    const own = mounts.filter(({ volume }) => volume === name)
    const subPaths = [...new Set(own.map(({ subPath }) => subPath).filter(subPath => subPath !== ''))]
    const folder = taskVolumeName(pod, name)
    const nameOf = (subPath: string) => whole(subPath === '' ? folder : subFolder(folder, subPath))
    const add = (subPath: string) => {
      const volume = nameOf(subPath)
      if (!volumes.has(volume))
        volumes.set(volume, { name: volume, ...place(pod, name, source, subPath, subPoints.get(subPointKey(name, subPath)), onInstance) })
      return volume
    }
    const prepare = (subPath: string) => {
      const path = volumePath(subPath === '' ? folder : subFolder(folder, subPath))
      prepared.set(path, { sourceVolume: add(subPath), containerPath: path })
      return path
    }
    if (source.kind === 'host' && onInstance && UNCHECKED.indexOf(source.type ?? '') < 0) {
      const check = hostCheck(name, source.path, source.type!, checks.length)
      volumes.set(check.mount.sourceVolume, { name: check.mount.sourceVolume, hostPath: dirname(source.path) })
      checks.push(check)
    }
    const isOurs = source.kind === 'written' || source.kind === 'emptyDir'
    // Nobody may need all of an emptyDir; the agent writes all of what it writes.
    if (isOurs && (source.kind === 'written' || own.length === 0 || own.some(({ subPath }) => subPath === ''))) prepare('')
    for (const mount of own) {
      const { container, mountPath, subPath } = mount
      const readOnly = mount.readOnly || source.kind === 'written' || ('readOnly' in source && source.readOnly) || undefined
      const points = containers.get(container) ?? []
      containers.set(container, points)
      if (source.kind === 'written' && subPath !== '') {
        const volume = pod.spec.volumes!.find(one => one.name === name)!
        if (!isFolderOf(volume, subPath)) continue
      }
      points.push({ sourceVolume: add(subPath), containerPath: mountPath, readOnly })
      if (isOurs && subPath !== '') prepare(subPath)
      if (source.kind !== 'emptyDir') continue
      for (const below of subPaths.filter(other => isBelow(other, subPath))) {
        const rest = subPath === '' ? below : below.slice(subPath.length + 1)
        points.push({ sourceVolume: add(below), containerPath: join(mountPath, rest), readOnly })
        // Here it can be written to, so the folder that it is mounted on is made; where the whole is read-only, it could not be.
        const seen = join(prepare(subPath), rest)
        prepared.set(seen, { sourceVolume: add(below), containerPath: seen })
      }
    }
  }
  return { volumes: [...volumes.values()], containers, prepared: [...prepared.values()], checks }
}

/** Docker makes a folder of what is not there. */
const UNCHECKED = ['', 'DirectoryOrCreate']

function hostCheck(volume: string, path: string, type: string, index: number): HostCheck {
  const folder = `/host/${index}`
  const mount = { sourceVolume: `host-${index}`, containerPath: folder, readOnly: type === 'FileOrCreate' ? undefined : true }
  return { volume, type, path, mount, place: join(folder, path.slice(path.lastIndexOf('/') + 1)) }
}

const dirname = (path: string) => path.slice(0, path.lastIndexOf('/')) || '/'

const isBelow = (path: string, folder: string) => path !== folder && (folder === '' || path.startsWith(`${folder}/`))
const join = (folder: string, rest: string) => (rest === '' ? folder : `${folder.replace(/\/$/, '')}/${rest}`)

type Place = Omit<TaskVolume, 'name'>

function place(pod: Pod, name: string, source: VolumeSource, subPath: string, subPoint: string | undefined, onInstance: boolean): Place {
  switch (source.kind) {
    case 'emptyDir':
      return source.medium === 'Memory' && onInstance ? memory(pod, source.sizeLimit) : {}
    case 'written':
      // A secret is never on the disk of a machine that is ours; Fargate has no other place, and encrypts that one.
      return source.secret && onInstance ? memory(pod, undefined) : {}
    case 'host':
      if (!onInstance)
        throw new MountProblem(
          setUpFailed(name, `hostPath ${source.path}: a pod on Fargate has no host; it needs a node that is a container instance`),
        )
      return { hostPath: join(source.path, subPath) }
    case 'nfs':
      return nfs(name, source, subPath, onInstance)
    case 'efs': {
      const { fileSystemId, accessPointId, path } = source
      if (accessPointId === undefined) return { efs: { fileSystemId, rootDirectory: join(path ?? '/', subPath) } }
      return { efs: { fileSystemId, accessPointId: subPath === '' ? accessPointId : subPoint } }
    }
  }
}

/** Mode and group stand in the options: a file system in memory that nobody has mounted for a moment begins anew. */
function memory(pod: Pod, sizeLimit: string | number | undefined): Place {
  const group = pod.spec.securityContext?.fsGroup
  const size = sizeLimit === undefined ? 0 : quantityValue(sizeLimit)
  const options = [group === undefined ? 'mode=0777' : `mode=2777,gid=${group}`, ...(size > 0 ? [`size=${size}`] : [])]
  return { docker: { driver: 'local', options: { type: 'tmpfs', device: 'tmpfs', o: options.join(',') } } }
}

const EFS_HOST = /^(?:[\w-]+\.)?(fs-[0-9a-f]+)\.efs\.[\w-]+\.amazonaws\.com(?:\.cn)?$/

function nfs(name: string, source: VolumeSource & { kind: 'nfs' }, subPath: string, onInstance: boolean): Place {
  const path = join(source.path, subPath)
  const fileSystemId = EFS_HOST.exec(source.server)?.[1]
  if (fileSystemId !== undefined) return { efs: { fileSystemId, rootDirectory: path } }
  if (!onInstance) {
    const why = `Fargate mounts no NFS but that of EFS (a server named fs-<id>.efs.<region>.amazonaws.com), and ${source.server} is another`
    throw new MountProblem(setUpFailed(name, why))
  }
  const version = source.options.some(option => /^(nfs)?vers=/.test(option)) ? [] : ['nfsvers=4']
  const options = [`addr=${source.server}`, source.readOnly ? 'ro' : 'rw', ...version, ...source.options]
  return { docker: { driver: 'local', options: { type: 'nfs', device: `:${path}`, o: options.join(',') } } }
}
