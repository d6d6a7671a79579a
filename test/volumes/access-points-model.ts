// Access points in memory: what the port promises, and no more.
import { createHash } from 'node:crypto'
import {
  type AccessPoint,
  AccessPointError,
  type AccessPoints,
  type NewAccessPoint,
} from '../../shared/controllers/volumes/access-points.ts'

export class AccessPointsModel implements AccessPoints {
  readonly points = new Map<string, AccessPoint>()
  #made = 0
  readonly #systems: ReadonlySet<string>

  constructor(systems: readonly string[]) {
    this.#systems = new Set(systems)
  }

  async ensure({ fileSystemId, token, path }: NewAccessPoint): Promise<AccessPoint> {
    this.#check(fileSystemId)
    const same = [...this.points.values()].find(point => point.token === token)
    if (same) return same
    const point = {
      id: `fsap-${createHash('sha256')
        .update(`${token}/${this.#made++}`)
        .digest('hex')
        .slice(0, 17)}`,
      fileSystemId,
      token,
      path,
    }
    this.points.set(point.id, point)
    return point
  }

  async find(id: string): Promise<AccessPoint | undefined> {
    return this.points.get(id)
  }

  async list(fileSystemId: string): Promise<readonly AccessPoint[]> {
    this.#check(fileSystemId)
    return [...this.points.values()].filter(point => point.fileSystemId === fileSystemId)
  }

  async remove(id: string): Promise<void> {
    this.points.delete(id)
  }

  #check(fileSystemId: string) {
    if (!this.#systems.has(fileSystemId)) throw new AccessPointError(`FileSystemNotFound: File system '${fileSystemId}' does not exist.`)
  }
}
