// The AccessPoints port over EFS.
import {
  AccessPointAlreadyExists,
  type AccessPointDescription,
  AccessPointNotFound,
  CreateAccessPointCommand,
  DeleteAccessPointCommand,
  DescribeAccessPointsCommand,
  EFSClient,
} from '@aws-sdk/client-efs'
import { type AccessPoint, AccessPointError, type AccessPoints, type NewAccessPoint } from '../controllers/volumes/access-points.ts'

export const efsAccessPoints = (client: EFSClient = new EFSClient({ maxAttempts: 4 })): AccessPoints => new EfsAccessPoints(client)

class EfsAccessPoints implements AccessPoints {
  readonly #client: EFSClient

  constructor(client: EFSClient) {
    this.#client = client
  }

  async ensure({ fileSystemId, token, path, owner, user, tags }: NewAccessPoint): Promise<AccessPoint> {
    try {
      const made = await this.#client.send(
        new CreateAccessPointCommand({
          FileSystemId: fileSystemId,
          ClientToken: token,
          RootDirectory: {
            Path: path,
            CreationInfo: { OwnerUid: owner.uid, OwnerGid: owner.gid, Permissions: owner.permissions },
          },
          PosixUser: user && { Uid: user.uid, Gid: user.gid },
          Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
        }),
      )
      return accessPointOf(made)
    } catch (error) {
      // An earlier call made it, and its reply was lost.
      if (error instanceof AccessPointAlreadyExists && error.AccessPointId) {
        const found = await this.find(error.AccessPointId)
        if (found) return found
      }
      throw refusal(error)
    }
  }

  async find(id: string): Promise<AccessPoint | undefined> {
    try {
      const { AccessPoints = [] } = await this.#client.send(new DescribeAccessPointsCommand({ AccessPointId: id }))
      return AccessPoints[0] && accessPointOf(AccessPoints[0])
    } catch (error) {
      if (error instanceof AccessPointNotFound) return undefined
      throw refusal(error)
    }
  }

  async list(fileSystemId: string): Promise<readonly AccessPoint[]> {
    const found: AccessPoint[] = []
    let NextToken: string | undefined
    try {
      do {
        const reply = await this.#client.send(new DescribeAccessPointsCommand({ FileSystemId: fileSystemId, NextToken }))
        found.push(...(reply.AccessPoints ?? []).map(accessPointOf))
        NextToken = reply.NextToken
      } while (NextToken)
    } catch (error) {
      throw refusal(error)
    }
    return found
  }

  async remove(id: string): Promise<void> {
    try {
      await this.#client.send(new DeleteAccessPointCommand({ AccessPointId: id }))
    } catch (error) {
      if (!(error instanceof AccessPointNotFound)) throw refusal(error)
    }
  }
}

const accessPointOf = ({ AccessPointId, FileSystemId, ClientToken, RootDirectory }: AccessPointDescription): AccessPoint => ({
  id: AccessPointId ?? '',
  fileSystemId: FileSystemId ?? '',
  token: ClientToken ?? '',
  path: RootDirectory?.Path ?? '/',
})

/** What would be refused again becomes an error for the claim's event; what may pass next time stays as it is. */
function refusal(error: unknown): unknown {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode ?? 0
  const isRefusal = error instanceof Error && status >= 400 && status < 500 && status !== 429 && error.name !== 'ThrottlingException'
  return isRefusal ? new AccessPointError(`${error.name}: ${error.message}`) : error
}
