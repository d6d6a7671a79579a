// EFS: file systems and access points, as far as mounting them needs. What is in a file system is a folder of this machine, which the
// Docker-backed ECS mounts in its place.
import { createHash } from 'node:crypto'
import { chmodSync, chownSync, existsSync, mkdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { AwsError } from './errors.ts'
import { arn } from './identity.ts'
import { Journal } from './journal.ts'
import type { RestRoute } from './server.ts'
import type { Service, World } from './service.ts'

interface Tag {
  readonly Key: string
  readonly Value: string
}

interface FileSystem {
  readonly FileSystemId: string
  readonly CreationToken: string
  readonly CreationTime: number
  readonly Tags: readonly Tag[]
}

interface RootDirectory {
  readonly Path?: string
  readonly CreationInfo?: { readonly OwnerUid: number; readonly OwnerGid: number; readonly Permissions: string }
}

interface PosixUser {
  readonly Uid: number
  readonly Gid: number
  readonly SecondaryGids?: readonly number[]
}

interface AccessPoint {
  readonly AccessPointId: string
  readonly FileSystemId: string
  readonly ClientToken: string
  readonly RootDirectory: RootDirectory
  readonly PosixUser?: PosixUser
  readonly Tags: readonly Tag[]
}

type Entry = { k: 'system'; s: FileSystem } | { k: 'nosystem'; id: string } | { k: 'point'; p: AccessPoint } | { k: 'nopoint'; id: string }

/** What a task definition says of an EFS volume. */
export interface EfsVolume {
  readonly fileSystemId: string
  readonly rootDirectory?: string
  readonly authorizationConfig?: { readonly accessPointId?: string }
}

/** AWS's own. */
const MOST_ACCESS_POINTS = 10_000
const PAGE = 100

const failure = (code: string, status: number, message: string, fields: Record<string, unknown> = {}) =>
  new AwsError(code, message, { status, fields: { ErrorCode: code, ...fields } })

export class Efs implements Service {
  readonly name = 'elasticfilesystem'
  readonly #world: World
  readonly #systems = new Map<string, FileSystem>()
  readonly #points = new Map<string, AccessPoint>()
  readonly #journal: Journal<Entry>

  constructor(world: World) {
    this.#world = world
    this.#journal = new Journal<Entry>({
      file: world.dataDir && join(world.dataDir, 'efs.jsonl'),
      replay: entry => this.#replay(entry),
      snapshot: () => [
        ...[...this.#systems.values()].map(s => ({ k: 'system' as const, s })),
        ...[...this.#points.values()].map(p => ({ k: 'point' as const, p })),
      ],
    })
  }

  close(): void {
    this.#journal.close()
  }

  readonly operations = {
    CreateFileSystem: (input: { CreationToken?: string; Tags?: readonly Tag[] }) => {
      const token = input.CreationToken ?? ''
      const same = [...this.#systems.values()].find(({ CreationToken }) => CreationToken === token)
      if (same) {
        throw failure('FileSystemAlreadyExists', 409, `File system '${same.FileSystemId}' already exists with creation token '${token}'`, {
          FileSystemId: same.FileSystemId,
        })
      }
      const system: FileSystem = {
        FileSystemId: `fs-${idOf(`${token}/${this.#world.clock.now()}`)}`,
        CreationToken: token,
        CreationTime: this.#world.clock.now(),
        Tags: input.Tags ?? [],
      }
      this.#apply({ k: 'system', s: system })
      return this.#describeSystem(system)
    },
    DescribeFileSystems: (input: { FileSystemId?: string; CreationToken?: string }) => {
      if (input.FileSystemId !== undefined) this.#system(input.FileSystemId)
      return {
        FileSystems: [...this.#systems.values()]
          .filter(({ FileSystemId }) => input.FileSystemId === undefined || FileSystemId === input.FileSystemId)
          .filter(({ CreationToken }) => input.CreationToken === undefined || CreationToken === input.CreationToken)
          .map(system => this.#describeSystem(system)),
      }
    },
    DeleteFileSystem: (input: { FileSystemId: string }) => {
      this.#system(input.FileSystemId)
      if ([...this.#points.values()].some(({ FileSystemId }) => FileSystemId === input.FileSystemId))
        throw failure('FileSystemInUse', 409, `File system '${input.FileSystemId}' has access points`)
      this.#apply({ k: 'nosystem', id: input.FileSystemId })
    },
    CreateAccessPoint: (input: Partial<AccessPoint> & { Tags?: readonly Tag[] }) => {
      const system = this.#system(input.FileSystemId ?? '')
      const token = input.ClientToken ?? ''
      if (token === '' || token.length > 64) throw failure('BadRequest', 400, 'ClientToken must have 1 to 64 characters')
      const path = input.RootDirectory?.Path ?? '/'
      if (!/^\/(?:[^\0/]+(?:\/[^\0/]+)*)?$/.test(path) || path.length > 100 || path.split('/').length > 5)
        throw failure('BadRequest', 400, `invalid path ${path}: at most four folders deep and 100 characters long`)
      const points = [...this.#points.values()]
      const same = points.find(({ ClientToken }) => ClientToken === token)
      if (same) {
        throw failure('AccessPointAlreadyExists', 409, `Access point already exists: ${same.AccessPointId}`, {
          AccessPointId: same.AccessPointId,
        })
      }
      if (points.filter(({ FileSystemId }) => FileSystemId === system.FileSystemId).length >= MOST_ACCESS_POINTS)
        throw failure('AccessPointLimitExceeded', 403, `File system '${system.FileSystemId}' has as many access points as it may have`)
      const point: AccessPoint = {
        AccessPointId: `fsap-${idOf(`${token}/${this.#world.clock.now()}`)}`,
        FileSystemId: system.FileSystemId,
        ClientToken: token,
        RootDirectory: { ...input.RootDirectory, Path: path },
        PosixUser: input.PosixUser,
        Tags: input.Tags ?? [],
      }
      this.#apply({ k: 'point', p: point })
      return this.#describePoint(point)
    },
    DescribeAccessPoints: (input: { AccessPointId?: string; FileSystemId?: string; NextToken?: string; MaxResults?: number }) => {
      if (input.AccessPointId !== undefined) return { AccessPoints: [this.#describePoint(this.#point(input.AccessPointId))] }
      if (input.FileSystemId !== undefined) this.#system(input.FileSystemId)
      const all = [...this.#points.values()].filter(
        ({ FileSystemId }) => input.FileSystemId === undefined || FileSystemId === input.FileSystemId,
      )
      const from = Number(input.NextToken ?? 0)
      const to = from + Math.min(input.MaxResults ?? PAGE, PAGE)
      return {
        AccessPoints: all.slice(from, to).map(point => this.#describePoint(point)),
        NextToken: to < all.length ? String(to) : undefined,
      }
    },
    DeleteAccessPoint: (input: { AccessPointId: string }) => {
      this.#apply({ k: 'nopoint', id: this.#point(input.AccessPointId).AccessPointId })
    },
  }

  /**
   * The folder that stands for the volume. One that an access point is to create is made as it says, as EFS does at the first mount.
   * @param folder that of all file systems
   * @throws Error that says why it cannot be mounted
   */
  mount({ fileSystemId, rootDirectory = '/', authorizationConfig }: EfsVolume, folder: string): string {
    if (!this.#systems.has(fileSystemId)) throw new Error(`file system ${fileSystemId} does not exist`)
    const root = join(folder, fileSystemId)
    if (!existsSync(root)) mkdirSync(root, { recursive: true })
    const id = authorizationConfig?.accessPointId
    const point = id === undefined ? undefined : this.#points.get(id)
    if (id !== undefined && point?.FileSystemId !== fileSystemId) throw new Error(`access point ${id} of ${fileSystemId} does not exist`)
    const path = join(root, normalize(point?.RootDirectory.Path ?? rootDirectory))
    if (existsSync(path)) return path
    const info = point?.RootDirectory.CreationInfo
    if (info === undefined)
      throw new Error(
        `mount.nfs4: mounting ${fileSystemId}:${point?.RootDirectory.Path ?? rootDirectory} failed, reason given by server: No such file or directory`,
      )
    mkdirSync(dirname(path), { recursive: true })
    mkdirSync(path)
    if (process.getuid?.() === 0) chownSync(path, info.OwnerUid, info.OwnerGid)
    chmodSync(path, Number.parseInt(info.Permissions, 8))
    return path
  }

  #system(id: string): FileSystem {
    const found = this.#systems.get(id)
    if (!found) throw failure('FileSystemNotFound', 404, `File system '${id}' does not exist.`)
    return found
  }

  #point(id: string): AccessPoint {
    const found = this.#points.get(id)
    if (!found) throw failure('AccessPointNotFound', 404, `Access point '${id}' does not exist.`)
    return found
  }

  #describeSystem(system: FileSystem) {
    return {
      OwnerId: this.#world.identity.account,
      ...system,
      CreationTime: system.CreationTime / 1000,
      FileSystemArn: arn(this.#world.identity, 'elasticfilesystem', `file-system/${system.FileSystemId}`),
      LifeCycleState: 'available',
      NumberOfMountTargets: 1,
      SizeInBytes: { Value: 0 },
      PerformanceMode: 'generalPurpose',
      ThroughputMode: 'elastic',
      Encrypted: true,
    }
  }

  #describePoint(point: AccessPoint) {
    return {
      OwnerId: this.#world.identity.account,
      ...point,
      AccessPointArn: arn(this.#world.identity, 'elasticfilesystem', `access-point/${point.AccessPointId}`),
      LifeCycleState: 'available',
    }
  }

  #apply(entry: Entry): void {
    this.#journal.append(entry)
    this.#replay(entry)
  }

  #replay(entry: Entry): void {
    if (entry.k === 'system') this.#systems.set(entry.s.FileSystemId, entry.s)
    else if (entry.k === 'nosystem') this.#systems.delete(entry.id)
    else if (entry.k === 'point') this.#points.set(entry.p.AccessPointId, entry.p)
    else this.#points.delete(entry.id)
  }
}

const idOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 17)

const KINDS: Readonly<Record<string, string>> = { 'file-systems': 'FileSystem', 'access-points': 'AccessPoint' }
const VERBS: Readonly<Record<string, string>> = { POST: 'Create', GET: 'Describe', DELETE: 'Delete' }

export const efsRoute: RestRoute = (method, path, query) => {
  const [, version, kind = '', id, ...rest] = path.split('/')
  const noun = KINDS[kind]
  const verb = VERBS[method]
  if (version !== '2015-02-01' || noun === undefined || verb === undefined || rest.length > 0) return undefined
  const limit = query.get('MaxResults')
  const input: Record<string, unknown> = {
    [`${noun}Id`]: id ?? query.get(`${noun}Id`) ?? undefined,
    FileSystemId: (noun === 'FileSystem' ? id : undefined) ?? query.get('FileSystemId') ?? undefined,
    CreationToken: query.get('CreationToken') ?? undefined,
    NextToken: query.get('NextToken') ?? undefined,
    MaxResults: limit === null ? undefined : Number(limit),
  }
  return {
    operation: `${verb}${noun}${verb === 'Describe' ? 's' : ''}`,
    input: Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)),
  }
}
