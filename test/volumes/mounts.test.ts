// Volumes and mounts of pods in ECS's words.
import { describe, expect, it } from 'vitest'
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../shared/api/core/v1.ts'
import type { KubeObject } from '../../shared/apimachinery/types.ts'
import { lookUpMounts } from '../../shared/pods/mount-lookup.ts'
import { type TaskMounts, taskMounts } from '../../shared/pods/mounts.ts'
import { AccessPointsModel } from './access-points-model.ts'

const points = new AccessPointsModel(['fs-1'])

interface Given {
  readonly objects?: readonly KubeObject[]
  readonly onInstance?: boolean
}

async function mountsOf(spec: object, { objects = [], onInstance = true }: Given = {}): Promise<TaskMounts> {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web-0', namespace: 'default' }, spec } as unknown as Pod
  const read = {
    get: async <T extends KubeObject>(_: unknown, __: string | undefined, name: string) =>
      objects.find(({ metadata }) => metadata.name === name) as T | undefined,
    list: async () => [],
  }
  const input = await lookUpMounts(pod, { read, accessPoints: async () => points })
  return taskMounts(pod, { ...input, onInstance })
}

const container = (...volumeMounts: object[]) => ({ name: 'app', image: 'x', volumeMounts })
const mount = (name: string, mountPath: string, more: object = {}) => ({ name, mountPath, ...more })
const one = (volume: object, more: object = {}) => ({
  containers: [container(mount('v', '/data', more))],
  volumes: [{ name: 'v', ...volume }],
})

const bound = (source: object, more: object = {}): KubeObject[] => [
  {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', namespace: 'default' },
    spec: { volumeName: 'pv' },
    status: { phase: 'Bound' },
  } as PersistentVolumeClaim,
  { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'pv' }, spec: { ...source, ...more } } as PersistentVolume,
]
const claim = { persistentVolumeClaim: { claimName: 'data' } }

describe('a volume', () => {
  it.each([
    ['emptyDir', {}, {}],
    [
      'emptyDir in memory',
      { emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
      { docker: { driver: 'local', options: { type: 'tmpfs', device: 'tmpfs', o: 'mode=0777,size=1048576' } } },
    ],
    [
      'secret',
      { secret: { secretName: 's' } },
      { docker: { driver: 'local', options: { type: 'tmpfs', device: 'tmpfs', o: 'mode=0777' } } },
    ],
    ['configMap', { configMap: { name: 'c' } }, {}],
    ['hostPath', { hostPath: { path: '/var/log' } }, { hostPath: '/var/log' }],
    [
      'nfs',
      { nfs: { server: 'nas', path: '/exports', readOnly: true } },
      { docker: { driver: 'local', options: { type: 'nfs', device: ':/exports', o: 'addr=nas,ro,nfsvers=4' } } },
    ],
    [
      'nfs that is EFS',
      { nfs: { server: 'fs-12.efs.eu-west-1.amazonaws.com', path: '/a' } },
      { efs: { fileSystemId: 'fs-12', rootDirectory: '/a' } },
    ],
  ])('of type %s on a container instance', async (_, volume, place) => {
    expect((await mountsOf(one(volume))).volumes).toEqual([{ name: 'volume-v', ...place }])
  })

  it.each([
    ['hostPath', { hostPath: { path: '/' } }],
    ['local', { local: { path: '/' } }],
  ])('of a PersistentVolume of type %s is that path', async (_, source) => {
    expect((await mountsOf(one(claim), { objects: bound(source) })).volumes).toContainEqual({ name: 'volume-v', hostPath: '/' })
  })

  it('of a type that wants something to be there is looked at before it is mounted', async () => {
    const { volumes, checks } = await mountsOf(one({ hostPath: { path: '/run/docker.sock', type: 'Socket' } }))
    expect(volumes).toContainEqual({ name: 'host-0', hostPath: '/run' })
    expect(checks).toEqual([
      {
        volume: 'v',
        type: 'Socket',
        path: '/run/docker.sock',
        mount: { sourceVolume: 'host-0', containerPath: '/host/0', readOnly: true },
        place: '/host/0/docker.sock',
      },
    ])
    expect((await mountsOf(one({ hostPath: { path: '/x', type: 'DirectoryOrCreate' } }))).checks).toEqual([])
  })

  it('of a PersistentVolume of EFS goes through its access point, on Fargate, too', async () => {
    const objects = bound({ csi: { driver: 'efs.csi.aws.com', volumeHandle: 'fs-12::fsap-34', readOnly: true } })
    const { volumes, containers } = await mountsOf(one(claim), { objects, onInstance: false })
    expect(volumes).toEqual([{ name: 'volume-v', efs: { fileSystemId: 'fs-12', accessPointId: 'fsap-34' } }])
    expect(containers.get('app')).toEqual([{ sourceVolume: 'volume-v', containerPath: '/data', readOnly: true }])
  })

  it('of a claim of its own is that claim', async () => {
    const objects = bound({ hostPath: { path: '/x' } })
    objects[0]!.metadata.name = 'web-0-v'
    expect((await mountsOf(one({ ephemeral: { volumeClaimTemplate: {} } }), { objects })).volumes).toEqual([
      { name: 'volume-v', hostPath: '/x' },
    ])
  })

  const setUp = 'MountVolume.SetUp failed for volume'
  it.each<[string, object, Given, string]>([
    [
      'hostPath on Fargate',
      one({ hostPath: { path: '/x' } }),
      { onInstance: false },
      `${setUp} "v" : hostPath /x: a pod on Fargate has no host`,
    ],
    [
      'nfs on Fargate',
      one({ nfs: { server: 'nas', path: '/' } }),
      { onInstance: false },
      `${setUp} "v" : Fargate mounts no NFS but that of EFS`,
    ],
    ['a type that ECS has not', one({ rbd: { monitors: [], image: 'x' } }), {}, `${setUp} "v" : a task of ECS has no volumes of type rbd`],
    [
      'a driver that is not there',
      one(claim),
      { objects: bound({ csi: { driver: 'ebs.csi.aws.com', volumeHandle: 'v' } }) },
      `${setUp} "pv" : kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: driver name ebs.csi.aws.com not found`,
    ],
    [
      'a handle of nothing',
      one(claim),
      { objects: bound({ csi: { driver: 'efs.csi.aws.com', volumeHandle: 'x' } }) },
      `${setUp} "pv" : volume handle "x" is not fs-`,
    ],
    [
      'a claim that is not there',
      one(claim),
      {},
      'error processing PVC default/data: failed to fetch PVC from API server: persistentvolumeclaims "data" not found',
    ],
    [
      'a claim without a volume',
      one(claim),
      { objects: [{ ...bound({})[0]!, status: {} } as KubeObject] },
      'error processing PVC default/data: PVC is not bound',
    ],
    ['a variable that is not set', one({}, { subPathExpr: '$(NONE)' }), {}, 'missing value for "NONE"'],
  ])('that cannot be mounted says so: %s', async (_, spec, given, message) => {
    await expect(mountsOf(spec, given)).rejects.toThrow(message)
  })
})

describe('a subPath', () => {
  it('extends a path', async () => {
    const { volumes } = await mountsOf(one({ hostPath: { path: '/srv' } }, { subPath: 'a//b/' }))
    expect(volumes).toEqual([{ name: expect.stringMatching(/^volume-v_/), hostPath: '/srv/a/b' }])
    const nfs = await mountsOf(one({ nfs: { server: 'nas', path: '/exports' } }, { subPath: 'a' }))
    expect(nfs.volumes[0]!.docker!.options.device).toBe(':/exports/a')
  })

  it('of an access point is an access point of its own, made once', async () => {
    const parent = await points.ensure({
      fileSystemId: 'fs-1',
      token: 'p',
      path: '/zeroplane/p',
      owner: { uid: 0, gid: 0, permissions: '0777' },
      tags: {},
    })
    const objects = bound({ csi: { driver: 'efs.csi.aws.com', volumeHandle: `fs-1::${parent.id}` } })
    const first = (await mountsOf(one(claim, { subPath: 'db' }), { objects })).volumes
    expect((await mountsOf(one(claim, { subPath: 'db' }), { objects })).volumes).toEqual(first)
    expect((await points.find(first[0]!.efs!.accessPointId!))!.path).toBe('/zeroplane/p/db')
  })

  it('may name variables of the container', async () => {
    const spec = one({ hostPath: { path: '/srv' } }, { subPathExpr: '$(POD)/logs' })
    Object.assign(spec.containers[0]!, { env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] })
    expect((await mountsOf(spec)).volumes[0]!.hostPath).toBe('/srv/web-0/logs')
  })

  it('of an emptyDir is a volume of its own, and seen wherever the whole is', async () => {
    const { volumes, containers, prepared } = await mountsOf({
      containers: [
        { ...container(mount('v', '/all', { readOnly: true })), name: 'whole' },
        { ...container(mount('v', '/x', { subPath: 'a' })), name: 'a' },
        { ...container(mount('v', '/y', { subPath: 'a/b' })), name: 'b' },
      ],
      volumes: [{ name: 'v' }],
    })
    const [all, a, b] = [volumes[0]!.name, containers.get('a')![0]!.sourceVolume, containers.get('b')![0]!.sourceVolume]
    expect(volumes.map(({ name }) => name).sort()).toEqual([all, a, b].sort())
    const points = (name: string) => containers.get(name)!.map(({ sourceVolume, containerPath }) => [sourceVolume, containerPath])
    expect(points('whole')).toEqual([
      [all, '/all'],
      [a, '/all/a'],
      [b, '/all/a/b'],
    ])
    expect(containers.get('whole')!.every(({ readOnly }) => readOnly)).toBe(true)
    expect(points('a')).toEqual([
      [a, '/x'],
      [b, '/x/b'],
    ])
    expect(points('b')).toEqual([[b, '/y']])
    // Mounted where they can be written to, so that the folders are there.
    expect(prepared.map(({ containerPath }) => containerPath)).toEqual(
      expect.arrayContaining(['/volumes/v/a', '/volumes/v/a/b', '/volumes/v']),
    )
  })

  it('of a written volume is a volume where it is a folder, and no mount where it is a file', async () => {
    const items = [
      { key: 'a', path: 'conf.d/a' },
      { key: 'b', path: 'b' },
    ]
    const { volumes, containers } = await mountsOf({
      containers: [container(mount('v', '/etc/conf.d', { subPath: 'conf.d' }), mount('v', '/etc/b', { subPath: 'b' }))],
      volumes: [{ name: 'v', configMap: { name: 'c', items } }],
    })
    expect(volumes.map(({ name }) => name)).toEqual(['volume-v', expect.stringMatching(/^volume-v_/)])
    expect(containers.get('app')).toEqual([{ sourceVolume: volumes[1]!.name, containerPath: '/etc/conf.d', readOnly: true }])
  })
})
