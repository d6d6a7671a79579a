// Volumes made for claims, and unmade, with every controller beside the provisioner and EFS as a model. Judged by what is left over.
import { afterEach, describe, expect, it } from 'vitest'
import type { PersistentVolume, PersistentVolumeClaim } from '../../shared/api/core/v1.ts'
import type { KubeObject } from '../../shared/apimachinery/types.ts'
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES } from '../../shared/controllers/collections.ts'
import { efsProvisioner } from '../../shared/controllers/efsprovisioner.ts'
import { controllers } from '../../shared/controllers/index.ts'
import { TestCluster } from '../controllers/cluster.ts'
import { Crash } from '../controllers/crash.ts'
import { AccessPointsModel } from './access-points-model.ts'

const FILE_SYSTEM = 'fs-1'

class Bench {
  readonly points = new AccessPointsModel([FILE_SYSTEM, 'fs-2'])
  /** Folders removed, each asked for twice before it is done. */
  readonly removed = new Set<string>()
  readonly #asked = new Set<string>()
  /** What the cleaner says instead of working. */
  broken: string | undefined
  cluster!: TestCluster

  async start(crash?: Crash): Promise<this> {
    const services = {
      accessPoints: this.points,
      fileSystemId: FILE_SYSTEM,
      cleaner: {
        remove: async (fileSystemId: string, path: string) => {
          if (this.broken !== undefined) throw new Error(this.broken)
          const folder = `${fileSystemId}:${path}`
          if (this.#asked.has(folder)) this.removed.add(folder)
          this.#asked.add(folder)
          return this.removed.has(folder)
        },
      },
    }
    this.cluster = await TestCluster.start({ controllers: [...controllers, efsProvisioner(async () => services)], wrap: crash?.wrap })
    await this.storageClass('efs')
    return this
  }

  async storageClass(name: string, more: object = {}) {
    await this.cluster.client.create(STORAGE_CLASSES, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name, annotations: name === 'efs' ? { 'storageclass.kubernetes.io/is-default-class': 'true' } : {} },
      provisioner: 'efs.csi.aws.com',
      ...more,
    } as KubeObject)
  }

  async claim(name: string, spec: object = {}): Promise<PersistentVolumeClaim> {
    const made = await this.cluster.create<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name },
      spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '1Gi' } }, ...spec },
    })
    await this.cluster.calm()
    return made
  }

  claims = () => this.cluster.list<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS)
  volumes = async () => (await this.cluster.store.list(PERSISTENT_VOLUMES)).items.map(({ object }) => object as PersistentVolume)

  async events(name: string): Promise<string[]> {
    const { items } = await this.cluster.store.list({ group: '', resource: 'events' })
    return items
      .map(({ object }) => object as unknown as { involvedObject: { name: string }; reason: string; message: string })
      .filter(({ involvedObject }) => involvedObject.name === name)
      .map(({ reason, message }) => `${reason}: ${message}`)
  }

  async remove(name: string) {
    await this.cluster.client.delete(PERSISTENT_VOLUME_CLAIMS, 'default', name)
    await this.cluster.pass(10)
  }
}

let bench: Bench
afterEach(() => bench.cluster.stop())

describe('a claim of the default class', () => {
  it('is bound to a volume that was made for it, with the events of an external provisioner', async () => {
    bench = await new Bench().start()
    const { metadata } = await bench.claim('data')
    const [point] = bench.points.points.values()
    const volume = `pvc-${metadata.uid}`
    expect(point).toMatchObject({ fileSystemId: FILE_SYSTEM, token: volume, path: `/zeroplane/${volume}` })
    expect((await bench.claims())[0]).toMatchObject({
      spec: { storageClassName: 'efs', volumeName: volume },
      status: { phase: 'Bound', capacity: { storage: '1Gi' } },
    })
    expect((await bench.volumes())[0]).toMatchObject({
      metadata: { name: volume, annotations: { 'pv.kubernetes.io/provisioned-by': 'efs.csi.aws.com' } },
      spec: {
        csi: { driver: 'efs.csi.aws.com', volumeHandle: `${FILE_SYSTEM}::${point!.id}` },
        persistentVolumeReclaimPolicy: 'Delete',
        claimRef: { name: 'data', uid: metadata.uid },
      },
      status: { phase: 'Bound' },
    })
    expect(await bench.events('data')).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'efs\.csi/),
        'Provisioning: External provisioner is provisioning volume for claim "default/data"',
        `ProvisioningSucceeded: Successfully provisioned volume ${volume}`,
      ]),
    )
  })

  it('takes files, access points and object with it when it is deleted', async () => {
    bench = await new Bench().start()
    await bench.claim('data')
    const [point] = bench.points.points.values()
    await bench.points.ensure({
      ...point!,
      token: 'sub',
      path: `${point!.path}/sub`,
      owner: { uid: 0, gid: 0, permissions: '0777' },
      tags: {},
    })
    await bench.points.ensure({
      ...point!,
      token: 'other',
      path: '/zeroplane/other',
      owner: { uid: 0, gid: 0, permissions: '0777' },
      tags: {},
    })
    await bench.remove('data')
    expect([...bench.removed]).toEqual([`${FILE_SYSTEM}:${point!.path}`])
    expect([...bench.points.points.values()].map(({ path }) => path)).toEqual(['/zeroplane/other'])
    expect([await bench.claims(), await bench.volumes()]).toEqual([[], []])
  })

  it('leaves everything where the class says Retain, and lets the object go when somebody deletes it', async () => {
    bench = await new Bench().start()
    await bench.storageClass('kept', { reclaimPolicy: 'Retain' })
    await bench.claim('data', { storageClassName: 'kept' })
    await bench.remove('data')
    const [volume] = await bench.volumes()
    expect(volume!.status?.phase).toBe('Released')
    await bench.cluster.client.delete(PERSISTENT_VOLUMES, undefined, volume!.metadata.name)
    await bench.cluster.pass(10)
    expect([await bench.volumes(), bench.removed.size, bench.points.points.size]).toEqual([[], 0, 1])
  })

  it('says why its files cannot be removed, and removes them when they can', async () => {
    bench = await new Bench().start()
    await bench.claim('data')
    bench.broken = 'no task to remove the folder could be started: no container instance is active'
    await bench.remove('data')
    const [volume] = await bench.volumes()
    expect(await bench.events(volume!.metadata.name)).toContain(`VolumeFailedDelete: ${bench.broken}`)
    expect(bench.points.points.size).toBe(1)
    bench.broken = undefined
    await bench.cluster.pass(600)
    expect([await bench.volumes(), bench.points.points.size]).toEqual([[], 0])
  })
})

describe('a claim that cannot be provisioned says why, and waits', () => {
  it.each([
    ['a file system that there is not', { parameters: { fileSystemId: 'fs-9' } }, "FileSystemNotFound: File system 'fs-9' does not exist."],
    ['a misspelt parameter', { parameters: { directoryPerm: '700' } }, /^unknown parameter "directoryPerm"; known are provisioningMode/],
    ['another mode', { parameters: { provisioningMode: 'efs-fs' } }, 'provisioningMode "efs-fs" is not efs-ap'],
    ['half a user', { parameters: { uid: '1000' } }, 'uid and gid are two whole numbers, or neither is there'],
  ])('%s', async (_, more, why) => {
    bench = await new Bench().start()
    await bench.storageClass('odd', more)
    await bench.claim('data', { storageClassName: 'odd' })
    const prefix = 'ProvisioningFailed: failed to provision volume with StorageClass "odd": '
    const failure = (await bench.events('data')).find(event => event.startsWith(prefix))
    expect(failure?.slice(prefix.length)).toEqual(typeof why === 'string' ? why : expect.stringMatching(why))
    expect((await bench.claims())[0]!.status?.phase).toBe('Pending')
  })

  it('a selector with a class', async () => {
    bench = await new Bench().start()
    await bench.claim('data', { storageClassName: 'efs', selector: { matchLabels: { a: 'b' } } })
    expect(await bench.events('data')).toContain(
      'ProvisioningFailed: failed to provision volume with StorageClass "efs": claim Selector is not supported',
    )
  })

  it('parameters that are good become the access point', async () => {
    bench = await new Bench().start()
    await bench.storageClass('own', {
      parameters: { fileSystemId: 'fs-2', basePath: '/apps/', uid: '1000', gid: '2000', directoryPerms: '700' },
    })
    const { metadata } = await bench.claim('data', { storageClassName: 'own' })
    expect([...bench.points.points.values()][0]).toMatchObject({ fileSystemId: 'fs-2', path: `/apps/pvc-${metadata.uid}` })
  })
})

describe('a claim that selects', () => {
  const volume = (labels: Record<string, string>, storage = '1Gi') =>
    ({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'database', labels },
      spec: { capacity: { storage }, accessModes: ['ReadWriteMany'], nfs: { server: '192.168.0.1', path: '/exports' } },
    }) as PersistentVolume

  it('gets no default class, and so the volume that somebody made and labelled', async () => {
    bench = await new Bench().start()
    await bench.claim('data', { selector: { matchLabels: { volume: 'my-volume' } } })
    expect(await bench.events('data')).toContain(
      'FailedBinding: no persistent volumes available for this claim and no storage class is set',
    )
    await bench.cluster.client.create(PERSISTENT_VOLUMES, volume({ volume: 'my-volume' }))
    await bench.cluster.pass(10)
    expect((await bench.claims())[0]).toMatchObject({ spec: { volumeName: 'database' }, status: { phase: 'Bound' } })
    expect(bench.points.points.size).toBe(0)
  })
})

describe('nothing is leaked', () => {
  const crashes = Array.from({ length: 14 }, (_, write) => [write + 1, 'before'] as const).flatMap(([write]) => [
    [write, 'before'] as const,
    [write, 'after'] as const,
  ])

  it.each(crashes)('by a crash at write %i, %s it; the claim comes and goes', async (write, when) => {
    const crash = new Crash({ write, when })
    bench = await new Bench().start(crash)
    await bench.claim('data')
    if (crash.dead) await bench.cluster.restart()
    await bench.cluster.pass(10)
    expect((await bench.claims())[0]!.status?.phase).toBe('Bound')
    expect([bench.points.points.size, (await bench.volumes()).length]).toEqual([1, 1])
    await bench.remove('data')
    if (crash.dead) await bench.cluster.restart()
    await bench.cluster.pass(30)
    expect([await bench.claims(), await bench.volumes(), bench.points.points.size]).toEqual([[], [], 0])
  })

  it('by a claim that is deleted between its access point and its volume', async () => {
    bench = await new Bench().start()
    const lost = bench.points.ensure.bind(bench.points)
    bench.points.ensure = async wanted => {
      await lost(wanted)
      // The reply is lost, and the claim goes before the next attempt.
      await bench.cluster.client.delete(PERSISTENT_VOLUME_CLAIMS, 'default', 'data')
      throw new Error('socket hang up')
    }
    await bench.claim('data')
    await bench.cluster.pass(60)
    expect([await bench.claims(), await bench.volumes(), bench.points.points.size]).toEqual([[], [], 0])
  })
})
