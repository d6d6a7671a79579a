// What stands in written volumes, and how it gets there: the rules of kubelet's configMap, secret, projected and downwardAPI plugins.
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeAtomically } from '../../agent/atomic-writer.ts'
import { DiskLimits } from '../../agent/disk-limits.ts'
import { WrittenVolumes } from '../../agent/volumes.ts'
import type { ConfigMap, Pod, Secret, Volume } from '../../shared/api/core/v1.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import { createReader } from '../../shared/apimachinery/machinery.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import { ManualClock } from '../../shared/clock.ts'
import { openCluster } from '../../shared/cluster.ts'
import { CONFIG_MAPS, PODS, SECRETS } from '../../shared/controllers/collections.ts'
import type { PodVolumes, VolumeFile, WrittenVolume } from '../../shared/pods/agent-protocol.ts'
import { podVolumes } from '../../shared/pods/pod-volumes.ts'
import { MemoryStore } from '../../shared/store/memory.ts'

const file = (path: string, text: string, mode = 0o644): VolumeFile => ({ path, content: Buffer.from(text).toString('base64'), mode })

describe('writing atomically', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zeroplane-volume-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const names = () =>
    readdirSync(folder)
      .filter(name => !/^\.\.\d/.test(name))
      .sort()

  it('makes the links that kubelet makes, with modes as they are asked for', () => {
    writeAtomically(folder, [file('a', 'one'), file('deep/er/b', 'two', 0o400), file('..hidden', 'three')])
    expect(names()).toEqual(['..data', '..hidden', 'a', 'deep'])
    expect(readlinkSync(join(folder, 'deep'))).toBe('..data/deep')
    expect(readFileSync(join(folder, 'deep/er/b'), 'utf8')).toBe('two')
    expect(statSync(join(folder, 'deep/er/b')).mode & 0o777).toBe(0o400)
    expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o644)
  })

  it('takes new files in, leaves old ones out, and keeps no old folder', () => {
    writeAtomically(folder, [file('a', '1'), file('b', '1')])
    const before = readlinkSync(join(folder, '..data'))
    writeAtomically(folder, [file('a', '2'), file('c', '2')])
    expect(names()).toEqual(['..data', 'a', 'c'])
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('2')
    expect(readdirSync(folder)).not.toContain(before)
  })

  it('gives the files to the group of the pod', () => {
    const gid = process.getgid!()
    writeAtomically(folder, [file('key', 's', 0o400)], gid)
    const stats = statSync(join(folder, 'key'))
    expect([stats.mode & 0o777, stats.gid]).toEqual([0o440, gid])
    expect(lstatSync(join(folder, readlinkSync(join(folder, '..data')))).mode & 0o7777).toBe(0o2755)
  })

  it('writes nothing outside, and keeps what was there when it fails', () => {
    writeAtomically(folder, [file('a', 'kept')])
    expect(() => writeAtomically(folder, [file('../escaped', 'x')])).toThrow('leads out of the volume')
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('kept')
    expect(readdirSync(folder).filter(name => /^\.\.\d/.test(name))).toHaveLength(1)
  })
})

describe('what is in the files', () => {
  const store = () => new MemoryStore()
  let client: ReturnType<typeof clientFor>
  let read: ReturnType<typeof createReader>

  beforeEach(async () => {
    const memory = store()
    client = clientFor(openCluster({ store: memory }), SYSTEM, 'test')
    read = createReader(memory)
    await client.create({ group: '', resource: 'namespaces' }, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'default' } }
    await client.create({ group: '', resource: 'serviceaccounts' }, account)
    const metadata = { name: 'settings', namespace: 'default' }
    await client.create(CONFIG_MAPS, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: { 'a.conf': 'A', b: 'B' },
      binaryData: { raw: '/wA=' },
    } as ConfigMap)
    await client.create(SECRETS, { apiVersion: 'v1', kind: 'Secret', metadata, data: { password: 'aHVzaA==' } } as Secret)
  })

  async function make(volumes: object[], more: object = {}): Promise<Pod> {
    return await client.create<Pod>(PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'default', labels: { app: 'web', tier: 'x' } },
      spec: {
        automountServiceAccountToken: false,
        containers: [{ name: 'app', image: 'x', resources: { limits: { memory: '64Mi' } } }],
        volumes: volumes as Volume[],
        ...more,
      },
    } as unknown as Pod)
  }

  const ask = (pod: Pod, version = '', renew = false) => podVolumes(pod, { version, renew }, { read, client })

  async function contents(volumes: object[], more?: object): Promise<Record<string, string>> {
    const [volume] = (await ask(await make(volumes, more))).volumes!
    if (volume?.problem !== undefined) throw new Error(volume.problem)
    const text = (content: string) => Buffer.from(content, 'base64').toString('latin1')
    return Object.fromEntries(volume!.files.map(({ path, content, mode }) => [`${path} ${mode.toString(8)}`, text(content)]))
  }

  it('all keys of a ConfigMap, text and binary', async () => {
    expect(await contents([{ name: 'v', configMap: { name: 'settings', defaultMode: 0o440 } }])).toEqual({
      'a.conf 440': 'A',
      'b 440': 'B',
      'raw 440': '\xff\0',
    })
  })

  it('only the items, under their paths, with their modes', async () => {
    const items = [{ key: 'password', path: 'db/password', mode: 0o400 }]
    expect(await contents([{ name: 'v', secret: { secretName: 'settings', items } }])).toEqual({ 'db/password 400': 'hush' })
  })

  it('everything of a projected volume in one folder', async () => {
    const sources = [
      { configMap: { name: 'settings', items: [{ key: 'b', path: 'b' }] } },
      { secret: { name: 'settings' } },
      { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
      { configMap: { name: 'nowhere', optional: true } },
    ]
    expect(await contents([{ name: 'v', projected: { sources } }])).toEqual({
      'b 644': 'B',
      'password 644': 'hush',
      'labels 644': 'app="web"\ntier="x"',
    })
  })

  it('what a pod may know of itself', async () => {
    const items = [
      { path: 'name', fieldRef: { fieldPath: 'metadata.name' } },
      { path: 'memory', resourceFieldRef: { containerName: 'app', resource: 'limits.memory', divisor: '1Mi' } },
    ]
    expect(await contents([{ name: 'v', downwardAPI: { items } }])).toEqual({ 'name 644': 'web', 'memory 644': '64' })
  })

  it.each([
    ['configmap "none" not found', { configMap: { name: 'none' } }],
    ['secret "none" not found', { secret: { secretName: 'none' } }],
    ['configmap references non-existent config key: none', { configMap: { name: 'settings', items: [{ key: 'none', path: 'x' }] } }],
    ['references non-existent secret key: none', { secret: { secretName: 'settings', items: [{ key: 'none', path: 'x' }] } }],
    [
      '[configmap "none" not found, secret "none" not found]',
      { projected: { sources: [{ configMap: { name: 'none' } }, { secret: { name: 'none' } }] } },
    ],
  ])('says in upstream’s words: %s', async (problem, source) => {
    const [volume] = (await ask(await make([{ name: 'v', ...source }]))).volumes!
    expect(volume).toEqual({ name: 'v', folder: 'v', files: [], problem })
  })

  it('leaves out what is optional and not there', async () => {
    const items = [
      { key: 'none', path: 'none' },
      { key: 'b', path: 'b' },
    ]
    expect(await contents([{ name: 'v', configMap: { name: 'settings', optional: true, items } }])).toEqual({ 'b 644': 'B' })
  })

  it('hides a token from other users where the pod has one of its own or a group', async () => {
    const volumes = [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }]
    const pod = await make(volumes, { securityContext: { runAsUser: 1000 } })
    const [volume] = (await ask(pod)).volumes!
    expect(volume!.files[0]).toMatchObject({ path: 'token', mode: 0o600, user: 1000 })
  })

  it('is told again only when it has changed, or tokens are asked for', async () => {
    const sources = [{ configMap: { name: 'settings' } }, { serviceAccountToken: { path: 'token', expirationSeconds: 1000 } }]
    const pod = await make([{ name: 'v', projected: { sources } }])
    const first = await ask(pod)
    expect(first).toMatchObject({ refreshAfterSeconds: 45, renewAfterSeconds: 800 })
    const token = ({ volumes }: PodVolumes) => volumes![0]!.files.find(({ path }) => path === 'token')!.content
    expect(await ask(pod, first.version)).toEqual({ version: first.version, refreshAfterSeconds: 45, renewAfterSeconds: 800 })
    const renewed = await ask(pod, first.version, true)
    expect(renewed.version).toBe(first.version)
    expect(token(renewed)).not.toBe(token(first))
    const map = (await client.get<ConfigMap>(CONFIG_MAPS, 'default', 'settings'))!
    await client.update(CONFIG_MAPS, { ...map, data: { ...map.data, b: 'changed' } })
    expect((await ask(pod, first.version)).version).not.toBe(first.version)
  })

  it('is not asked for again where it cannot change', async () => {
    const map = (await client.get<ConfigMap>(CONFIG_MAPS, 'default', 'settings'))!
    await client.update(CONFIG_MAPS, { ...map, immutable: true })
    expect((await ask(await make([{ name: 'v', configMap: { name: 'settings' } }]))).refreshAfterSeconds).toBeUndefined()
  })
})

describe('the agent and its volumes', () => {
  let folder: string
  let clock: ManualClock
  let volumes: WrittenVolumes
  let failures: string[]
  let changes: number
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zeroplane-volume-'))
    clock = new ManualClock()
    failures = []
    changes = 0
    volumes = new WrittenVolumes({
      clock,
      failed: message => void failures.push(message),
      changed: () => void changes++,
      path: () => folder,
    })
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const one = (text: string): WrittenVolume[] => [{ name: 'v', folder: 'v', files: [file('a', text)] }]

  it('asks for everything at first, and for changes after a while', () => {
    expect([volumes.ready, volumes.asked]).toEqual([false, { version: '', renew: false }])
    volumes.adopt({ version: '1', volumes: one('x'), refreshAfterSeconds: 45 })
    expect([volumes.ready, volumes.asked, changes]).toEqual([true, undefined, 1])
    clock.advance(46_000)
    expect([volumes.asked, changes]).toEqual([{ version: '1', renew: false }, 2])
    volumes.adopt({ version: '1', refreshAfterSeconds: 45 })
    expect(volumes.asked).toBeUndefined()
    clock.advance(46_000)
    expect(volumes.asked).toEqual({ version: '1', renew: false })
  })

  it('has tokens renewed before they end, also when the answer to another question comes between', () => {
    volumes.adopt({ version: '1', volumes: one('old'), refreshAfterSeconds: 1_000_000, renewAfterSeconds: 100 })
    clock.advance(101_000)
    expect(volumes.asked).toEqual({ version: '1', renew: true })
    volumes.adopt({ version: '1', renewAfterSeconds: 100 })
    expect(volumes.asked).toEqual({ version: '1', renew: true })
    volumes.adopt({ version: '1', volumes: one('new'), renewAfterSeconds: 100 })
    expect([volumes.asked, readFileSync(join(folder, 'a'), 'utf8')]).toEqual([undefined, 'new'])
    clock.advance(101_000)
    expect(volumes.asked).toEqual({ version: '1', renew: true })
  })

  it('does not touch a volume that says the same', () => {
    volumes.adopt({ version: '1', volumes: one('x') })
    const before = readlinkSync(join(folder, '..data'))
    volumes.adopt({ version: '2', volumes: one('x') })
    expect(readlinkSync(join(folder, '..data'))).toBe(before)
  })

  it('tries again, later and later, and says each time what is in the way', () => {
    const problem = { version: '1', volumes: [{ name: 'v', folder: 'v', files: [], problem: 'configmap "x" not found' }] }
    for (const wait of [500, 1000, 2000]) {
      volumes.adopt(problem)
      expect([volumes.ready, volumes.asked]).toEqual([false, undefined])
      clock.advance(wait - 1)
      expect(volumes.asked).toBeUndefined()
      clock.advance(1)
      expect(volumes.asked).toEqual({ version: '', renew: false })
    }
    expect(new Set(failures)).toEqual(new Set(['MountVolume.SetUp failed for volume "v" : configmap "x" not found']))
    volumes.adopt({ version: '2', volumes: one('x') })
    expect(volumes.ready).toBe(true)
  })

  it('keeps its files when their source goes', () => {
    volumes.adopt({ version: '1', volumes: one('kept'), refreshAfterSeconds: 45 })
    volumes.adopt({ version: '2', volumes: [{ name: 'v', folder: 'v', files: [], problem: 'configmap "x" not found' }] })
    expect([volumes.ready, readFileSync(join(folder, 'a'), 'utf8')]).toEqual([true, 'kept'])
  })
})

describe('an emptyDir with a limit', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zeroplane-volume-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('is told of when it has grown beyond it, once', async () => {
    const told: string[] = []
    const limits = new DiskLimits({
      clock: new ManualClock(),
      exceeded: message => void told.push(message),
      path: name => join(folder, name),
    })
    mkdirSync(join(folder, 'cache/deep'), { recursive: true })
    writeFileSync(join(folder, 'cache/deep/file'), Buffer.alloc(40_000))
    symlinkSync('/', join(folder, 'cache/deep/link'))
    limits.adopt([{ volume: 'cache', folders: ['cache', 'not-there'], bytes: 65_536, limit: '64Ki' }])
    await limits.look()
    expect(told).toEqual([])
    writeFileSync(join(folder, 'cache/more'), Buffer.alloc(40_000))
    await limits.look()
    await limits.look()
    expect(told).toEqual(['Usage of EmptyDir volume "cache" exceeds the limit "64Ki". '])
  })
})
