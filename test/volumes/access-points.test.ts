// What every implementation of the AccessPoints port does: the model that other suites use, and the real one against the local AWS.
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateFileSystemCommand, EFSClient } from '@aws-sdk/client-efs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type LocalAws, startAws } from '../../localstack/aws/index.ts'
import { efsAccessPoints } from '../../shared/aws/access-points.ts'
import { AccessPointError, type AccessPoints, type NewAccessPoint } from '../../shared/controllers/volumes/access-points.ts'
import { AccessPointsModel } from './access-points-model.ts'

interface Setting {
  readonly points: AccessPoints
  readonly fileSystemId: string
  close(): Promise<void>
}

const settings: Readonly<Record<string, () => Promise<Setting>>> = {
  'the model': async () => ({ points: new AccessPointsModel(['fs-1']), fileSystemId: 'fs-1', close: async () => {} }),
  'EFS, by the local AWS': async () => {
    const aws = await startAws({ port: 0 })
    const client = clientOf(aws)
    const { FileSystemId } = await client.send(new CreateFileSystemCommand({ CreationToken: 'test' }))
    return {
      points: efsAccessPoints(client),
      fileSystemId: FileSystemId!,
      async close() {
        client.destroy()
        await aws.close()
      },
    }
  },
}

const clientOf = ({ endpoint, identity: { region } }: LocalAws) =>
  new EFSClient({ endpoint, region, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })

describe.each(Object.keys(settings))('access points: %s', name => {
  let setting: Setting
  beforeEach(async () => {
    setting = await settings[name]!()
  })
  afterEach(() => setting.close())

  const wanted = (token: string, over: Partial<NewAccessPoint> = {}): NewAccessPoint => ({
    fileSystemId: setting.fileSystemId,
    token,
    path: `/volumes/${token}`,
    owner: { uid: 0, gid: 0, permissions: '0777' },
    tags: { who: 'me' },
    ...over,
  })

  it('are made once for a token', async () => {
    const { points, fileSystemId } = setting
    const first = await points.ensure(wanted('one'))
    expect(first).toMatchObject({ fileSystemId, token: 'one', path: '/volumes/one' })
    expect(await points.ensure(wanted('one'))).toEqual(first)
    expect(await points.list(fileSystemId)).toEqual([first])
    expect(await points.find(first.id)).toEqual(first)
  })

  it('are gone when they are removed, and removing them again is no error', async () => {
    const { points, fileSystemId } = setting
    const { id } = await points.ensure(wanted('one'))
    await points.remove(id)
    await points.remove(id)
    expect([await points.find(id), await points.list(fileSystemId)]).toEqual([undefined, []])
  })

  it('are listed all, however many', async () => {
    const { points, fileSystemId } = setting
    for (let number = 0; number < 130; number++) await points.ensure(wanted(`n${number}`))
    expect(new Set((await points.list(fileSystemId)).map(({ token }) => token)).size).toBe(130)
  })

  it('are not to be had of a file system that there is not', async () => {
    const { points } = setting
    await expect(points.ensure(wanted('one', { fileSystemId: 'fs-0123456789abcdef0' }))).rejects.toThrow(AccessPointError)
    await expect(points.list('fs-0123456789abcdef0')).rejects.toThrow(/does not exist/)
  })
})

describe('EFS of the local AWS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zeroplane-efs-'))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('keeps file systems and access points, and makes the folder of one at its first mount', async () => {
    let aws = await startAws({ port: 0, dataDir: folder })
    let client = clientOf(aws)
    const { FileSystemId: fileSystemId = '' } = await client.send(new CreateFileSystemCommand({ CreationToken: 'kept' }))
    const wanted = { fileSystemId, token: 't', path: '/a/b', owner: { uid: 7, gid: 8, permissions: '2770' }, tags: {} }
    const { id } = await efsAccessPoints(client).ensure(wanted)
    client.destroy()
    await aws.close()

    aws = await startAws({ port: 0, dataDir: folder })
    client = clientOf(aws)
    await expect(client.send(new CreateFileSystemCommand({ CreationToken: 'kept' }))).rejects.toMatchObject({
      name: 'FileSystemAlreadyExists',
      FileSystemId: fileSystemId,
    })
    const path = aws.efs.mount({ fileSystemId, authorizationConfig: { accessPointId: id } }, join(folder, 'efs'))
    expect(path).toBe(join(folder, 'efs', fileSystemId, 'a/b'))
    const { mode, uid, gid } = statSync(path)
    expect(mode & 0o7777).toBe(0o2770)
    if (process.getuid!() === 0) expect([uid, gid]).toEqual([7, 8])
    expect(() => aws.efs.mount({ fileSystemId, rootDirectory: '/none' }, join(folder, 'efs'))).toThrow('No such file or directory')
    expect(() => aws.efs.mount({ fileSystemId, authorizationConfig: { accessPointId: 'fsap-1' } }, folder)).toThrow('does not exist')
    expect(existsSync(join(folder, 'efs', fileSystemId, 'none'))).toBe(false)
    client.destroy()
    await aws.close()
  })
})
