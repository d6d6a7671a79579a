// Volumes in real containers: every controller and the provisioner on a store in memory, the embedded ECS and EFS, a Docker Engine.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EFSClient } from '@aws-sdk/client-efs'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { agentRoute } from '../../functions/api/agents.ts'
import { createApi } from '../../functions/api/app.ts'
import { nodeListener } from '../../functions/api/node-http.ts'
import { type LocalAws, startAws } from '../../localstack/aws/index.ts'
import { ensureImages } from '../../scripts/images/ensure.ts'
import type { ConfigMap, PersistentVolume, PersistentVolumeClaim, Pod, Secret } from '../../shared/api/core/v1.ts'
import type { Client } from '../../shared/apimachinery/client.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import { efsAccessPoints } from '../../shared/aws/access-points.ts'
import { awsEcs } from '../../shared/aws/ecs.ts'
import { openCluster } from '../../shared/cluster.ts'
import { CONFIG_MAPS, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, SECRETS } from '../../shared/controllers/collections.ts'
import { efsProvisioner } from '../../shared/controllers/efsprovisioner.ts'
import { controllers } from '../../shared/controllers/index.ts'
import { silent } from '../../shared/pipeline/log.ts'
import { type Manager, startManager } from '../../shared/pipeline/manager.ts'
import { podControllers } from '../../shared/pods/controllers.ts'
import { ImageLookup } from '../../shared/pods/images/lookup.ts'
import { Registry } from '../../shared/pods/images/registry.ts'
import { volumeCleaner } from '../../shared/pods/volume-cleaner.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import { settings as common } from '../pods/pod-cluster.ts'
import { eventually } from '../tools/wait.ts'

const docker = new Docker()
const available = await docker.ping().then(
  () => process.platform === 'linux' && process.getuid?.() === 0,
  () => false,
)
const OWNER = `zeroplane-test-volumes-${process.pid}`
const LOG_GROUP = '/zeroplane/pods'

describe.skipIf(!available)(
  `volumes on Docker${available ? '' : ' (skipped: no Docker Engine of this Linux machine answers to root)'}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'zeroplane-volumes-'))
    let aws: LocalAws
    let manager: Manager
    let client: Client
    let server: Server
    const store = new MemoryStore()

    beforeAll(async () => {
      const { agent } = await ensureImages({ docker, cache: 'node_modules/.cache/zeroplane' })
      const ecsOptions = { engine: 'docker' as const, cluster: 'zeroplane', nodes: 1, owner: OWNER }
      aws = await startAws({ port: 0, dataDir: folder, ecs: ecsOptions, log: () => {} })
      aws.logs.groups.createGroup(LOG_GROUP)
      const { FileSystemId: fileSystemId } = aws.efs.operations.CreateFileSystem({ CreationToken: 'test' })
      const { ECSClient } = await import('@aws-sdk/client-ecs')
      const sdk = { endpoint: aws.endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }
      const ecs = awsEcs({ cluster: 'zeroplane', client: new ECSClient(sdk) })
      const accessPoints = efsAccessPoints(new EFSClient(sdk))
      const machinery = openCluster({ store })
      client = clientFor(machinery, SYSTEM, 'test')
      const extraRoutes = [agentRoute({ machinery, ecs: () => ecs, holdSeconds: 20, log: silent })]
      const { handle } = await createApi({ store, extraRoutes, hasFileSystem: true })
      server = createServer(nodeListener(handle))
      await new Promise<void>(resolve => server.listen(0, aws.ecs!.gateway, resolve))
      const apiUrl = `http://${aws.ecs!.gateway}:${(server.address() as AddressInfo).port}`
      const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
      const images = new ImageLookup({ registry: new Registry({ mirror: aws.endpoint, architecture }), now: Date.now })
      const settings = { ...common, agentImage: agent, apiUrl, logGroup: LOG_GROUP, region: 'us-east-1' }
      const services = { ecs, images, accessPoints: async () => accessPoints, version: 'v1.36.3', settings }
      const cleaner = volumeCleaner({ ecs, settings, now: Date.now })
      const all = [...controllers, ...podControllers(() => services), efsProvisioner(async () => ({ accessPoints, fileSystemId, cleaner }))]
      manager = await startManager({ store, client, registry: machinery.registry, controllers: all, log: silent })
      await aws.attach(async () => undefined)
      await eventually('the account default is there', () => client.get({ group: '', resource: 'serviceaccounts' }, 'default', 'default'))
    })

    afterAll(async () => {
      manager?.stop()
      server?.close()
      await aws?.ecs?.removeAll()
      await aws?.close()
      rmSync(folder, { recursive: true, force: true })
    })

    const pod = (name: string) => client.get<Pod>(PODS, 'default', name)

    type Spec = { containers: object[]; initContainers?: object[]; [more: string]: unknown }

    /** Runs a pod to its end, answers it, and deletes it. */
    async function runPod(name: string, spec: Spec): Promise<Pod> {
      await client.create<Pod>(PODS, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default' },
        spec: { restartPolicy: 'Never', terminationGracePeriodSeconds: 1, ...spec },
      } as unknown as Pod)
      const ended = await eventually(`pod ${name} ends`, async () => {
        const found = await pod(name)
        return ['Succeeded', 'Failed'].includes(found?.status?.phase ?? '') && found
      })
      await client.delete(PODS, 'default', name, { gracePeriodSeconds: 0 })
      return ended as Pod
    }

    /** What the containers of such a pod left as their last words. */
    async function run(name: string, spec: Spec): Promise<string[]> {
      const { status } = await runPod(name, spec)
      const words = (status?.containerStatuses ?? []).map(({ state }) => state?.terminated)
      return words.map(terminated => `${terminated?.message ?? ''}${terminated?.exitCode ? `exit ${terminated.exitCode}` : ''}`)
    }

    const container = (script: string, mounts: object[], more: object = {}) => ({
      name: 'app',
      image: 'zeroplane/demo:1',
      command: ['sh', '-c', `{ ${script}; } 2>&1`],
      volumeMounts: mounts,
      terminationMessagePolicy: 'FallbackToLogsOnError',
      ...more,
    })
    /** What a script prints, told as the container's last words. */
    const say = (script: string, mounts: object[], more: object = {}) =>
      container(`{ ${script}; } >/tmp/said 2>&1; cat /tmp/said >/dev/termination-log`, mounts, { ...more })

    const claim = (name: string, spec: object = {}) =>
      client.create<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name, namespace: 'default' },
        spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '1Mi' } }, ...spec },
      } as PersistentVolumeClaim)

    it('a claim of the default class keeps its files from pod to pod, whoever writes them, and takes them with it', async () => {
      await claim('data')
      const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }]
      const mount = { name: 'data', mountPath: '/data' }
      const user = { securityContext: { runAsUser: 1000, runAsGroup: 1000 } }
      expect(await run('writer', { containers: [container('echo kept >/data/file; exit 3', [mount], user)], volumes })).toEqual(['exit 3'])
      const sub = { name: 'data', mountPath: '/sub', subPath: 'deep/er' }
      const script = 'cat /data/file; echo below >/sub/file; cat /data/deep/er/file; touch /ro/x'
      const mounts = [mount, sub, { ...mount, mountPath: '/ro', readOnly: true }]
      expect(await run('reader', { containers: [say(script, mounts)], volumes })).toEqual([
        'kept\nbelow\ntouch: /ro/x: Read-only file system\n',
      ])
      const { spec } = (await client.get<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, 'default', 'data'))!
      const [fileSystem] = readdirSync(join(folder, 'efs'))
      const place = join(folder, 'efs', fileSystem!, 'zeroplane', spec!.volumeName!)
      expect(readFileSync(join(place, 'file'), 'utf8')).toBe('kept\n')
      await client.delete(PERSISTENT_VOLUME_CLAIMS, 'default', 'data')
      await eventually('the volume is gone', async () => !(await client.get(PERSISTENT_VOLUMES, undefined, spec!.volumeName!)))
      expect(existsSync(place)).toBe(false)
      expect(aws.efs.operations.DescribeAccessPoints({}).AccessPoints).toEqual([])
    })

    it('a volume of NFS and a path of the host are what they name, by a claim, too', async () => {
      const host = join(folder, 'host')
      const volume = (name: string, source: object) =>
        client.create<PersistentVolume>(PERSISTENT_VOLUMES, {
          apiVersion: 'v1',
          kind: 'PersistentVolume',
          metadata: { name, labels: { volume: name } },
          spec: { capacity: { storage: '1Mi' }, accessModes: ['ReadWriteMany'], ...source },
        } as PersistentVolume)
      await volume('exported', { nfs: { server: '192.168.0.1', path: '/exports' } })
      await claim('exported', { selector: { matchLabels: { volume: 'exported' } } })
      const volumes = [
        { name: 'nfs', persistentVolumeClaim: { claimName: 'exported' } },
        { name: 'host', hostPath: { path: host } },
        { name: 'sub', hostPath: { path: host } },
      ]
      const mounts = [
        { name: 'nfs', mountPath: '/nfs' },
        { name: 'host', mountPath: '/host' },
        { name: 'sub', mountPath: '/sub', subPathExpr: '$(NAME)/logs' },
      ]
      const env = [{ name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }]
      const script = 'echo one >/nfs/a; echo two >/host/b; echo three >/sub/c; exit 7'
      expect(await run('mounting', { containers: [container(script, mounts, { env })], volumes })).toEqual(['exit 7'])
      expect(readFileSync(join(folder, 'nfs/192.168.0.1/exports/a'), 'utf8')).toBe('one\n')
      expect(readFileSync(join(host, 'b'), 'utf8')).toBe('two\n')
      expect(readFileSync(join(host, 'mounting/logs/c'), 'utf8')).toBe('three\n')
      writeFileSync(join(host, 'b'), 'changed\n')
      const single = [{ name: 'host', mountPath: '/etc/b', subPath: 'b', readOnly: true }]
      expect(await run('single', { containers: [say('cat /etc/b', single)], volumes: [volumes[1]!] })).toEqual(['changed\n'])
    })

    it('a path of the host is waited for, when its type wants it to be there', async () => {
      const path = join(folder, 'absent')
      const volumes = [{ name: 'host', hostPath: { path, type: 'Directory' } }]
      const ended = run('patient', { containers: [say('cat /host/file', [{ name: 'host', mountPath: '/host' }])], volumes })
      const { items } = await eventually('the pod says what is missing', async () => {
        const events = await store.list({ group: '', resource: 'events' })
        const message = `MountVolume.SetUp failed for volume "host" : hostPath type check failed: ${path} is not a directory`
        return events.items.some(({ object }) => (object as unknown as { message: string }).message === message) && events
      })
      expect([items.length > 0, existsSync(path)]).toEqual([true, false])
      mkdirSync(path)
      writeFileSync(join(path, 'file'), 'came\n')
      expect(await ended).toEqual(['came\n'])
    })

    it('a pod whose emptyDir outgrows its limit is evicted', async () => {
      const volumes = [{ name: 'cache', emptyDir: { sizeLimit: '64Ki' } }]
      const mounts = [{ name: 'cache', mountPath: '/cache', subPath: 'part' }]
      const containers = [container('head -c 200000 /dev/zero >/cache/big; sleep 600', mounts)]
      const { status } = await runPod('greedy', { containers, volumes })
      expect(status).toMatchObject({
        phase: 'Failed',
        reason: 'Evicted',
        message: 'Usage of EmptyDir volume "cache" exceeds the limit "64Ki". ',
      })
    })

    it('containers share an emptyDir, its parts and what is in memory; init containers come first', async () => {
      const volumes = [{ name: 'disk' }, { name: 'fast', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }]
      const init = {
        ...container('mkdir -p /all/www; echo page >/all/www/index; echo quick >/fast/f', [
          { name: 'disk', mountPath: '/all' },
          { name: 'fast', mountPath: '/fast' },
        ]),
        name: 'init',
      }
      const web = say(
        'cat /www/index; stat -f -c %T /fast; cat /fast/f; head -c 2000000 /dev/zero 2>/dev/null >/fast/big; test $(wc -c </fast/big) -lt 1048577 && echo full; touch /all/www/new',
        [
          { name: 'disk', mountPath: '/www', subPath: 'www' },
          { name: 'fast', mountPath: '/fast' },
          { name: 'disk', mountPath: '/all', readOnly: true },
        ],
      )
      expect(await run('sharing', { initContainers: [init], containers: [web], volumes })).toEqual([
        'page\ntmpfs\nquick\nfull\ntouch: /all/www/new: Read-only file system\n',
      ])
    })

    it('files of ConfigMaps and Secrets are there before anything starts, a single one in its place, no secret on the disk', async () => {
      const metadata = { name: 'settings', namespace: 'default' }
      await client.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'a.conf': 'alpha\n' } } as ConfigMap)
      await client.create(SECRETS, { apiVersion: 'v1', kind: 'Secret', metadata, data: { key: 'aHVzaAo=' } } as Secret)
      const volumes = [
        { name: 'settings', configMap: { name: 'settings' } },
        { name: 'hush', secret: { secretName: 'settings', defaultMode: 0o400 } },
      ]
      const mounts = [
        { name: 'settings', mountPath: '/etc/settings' },
        { name: 'settings', mountPath: '/etc/deep/app.conf', subPath: 'a.conf' },
        { name: 'hush', mountPath: '/etc/hush' },
      ]
      const script =
        'cat /etc/settings/a.conf /etc/deep/app.conf /etc/hush/key; stat -f -c %T /etc/hush; touch /etc/settings/x; wc -c </var/run/secrets/kubernetes.io/serviceaccount/namespace'
      const securityContext = { runAsUser: 0, fsGroup: 2000 }
      expect(await run('files', { securityContext, containers: [say(script, mounts)], volumes })).toEqual([
        'alpha\nalpha\nhush\ntmpfs\ntouch: /etc/settings/x: Read-only file system\n7\n',
      ])
    })
  },
)
