// The agent's own code against real holders (the shell script under busybox, as processes of this machine) and the real control plane's
// end of the sync call over HTTP. Only ECS is missing: the test starts the holders itself.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../agent/clock.ts'
import { Link } from '../../agent/link.ts'
import { PodRunner } from '../../agent/pod.ts'
import { WrittenVolumes } from '../../agent/volumes.ts'
import { nodeListener } from '../../functions/api/node-http.ts'
import { findBusybox } from '../../scripts/images/base.ts'
import type { ConfigMap, Pod } from '../../shared/api/core/v1.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import { createReader } from '../../shared/apimachinery/machinery.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import { openCluster } from '../../shared/cluster.ts'
import { CONFIG_MAPS, PODS } from '../../shared/controllers/collections.ts'
import type { ImageDefaults } from '../../shared/pods/agent-protocol.ts'
import { agentKey, issueToken } from '../../shared/pods/agent-token.ts'
import { withRecord } from '../../shared/pods/record.ts'
import { podStatus } from '../../shared/pods/status.ts'
import { createAgentSync } from '../../shared/pods/sync.ts'
import { MemoryStore } from '../../shared/store/memory.ts'

const ROOT = join(import.meta.dirname, '../..')
/** The one that pods have. */
const BUSYBOX = findBusybox(join(ROOT, 'node_modules/.cache/zeroplane'))

/** Waits as long as it takes; the test's own time-out is the limit. */
async function until<T>(look: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  for (;;) {
    const found = await look()
    if (found) return found
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/** Real time, but each waiting of seconds is a twentieth as long: back-offs are 10 s and more. */
const quick: Clock = {
  now: () => Date.now(),
  at: (time, run) => systemClock.at(Date.now() + Math.max(0, time - Date.now()) / (time - Date.now() > 4_000 ? 20 : 1), run),
}

class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'zeroplane-agent-'))
  readonly store = new MemoryStore()
  readonly machinery = openCluster({ store: this.store })
  readonly client = clientFor(this.machinery, SYSTEM, 'test')
  readonly events: string[] = []
  readonly holders = new Map<string, ChildProcess>()
  readonly exits = new Map<string, number | null>()
  server!: Server
  runner!: PodRunner
  volumes!: WrittenVolumes
  link!: Link
  finished = false
  lost = false
  /** Syncs that the network swallows: the call is made, its answer never comes. */
  swallow = 0

  async start(spec: object, images: Record<string, ImageDefaults> = {}, ca: 'there' | 'later' = 'there') {
    for (const name of ['default', 'kube-system']) {
      await this.client.create({ group: '', resource: 'namespaces' }, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    }
    await this.client.create({ group: '', resource: 'nodes' }, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } })
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'default' } }
    await this.client.create({ group: '', resource: 'serviceaccounts' }, account)
    if (ca === 'there') await this.publishCa()
    const created = await this.client.create<Pod>(PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'default' },
      spec: { nodeName: 'n', terminationGracePeriodSeconds: 3, ...spec },
    } as Pod)
    const pod = await this.client.updateStatus<Pod>(PODS, {
      ...created,
      metadata: withRecord(created.metadata, { launch: 1, at: Date.now() }),
      status: podStatus(created, { now: Date.now() }),
    })
    const handle = createAgentSync({
      client: this.client,
      read: createReader(this.store),
      store: this.store,
      key: () => agentKey(this.client),
      events: { event: async (_, type, reason, message) => void this.events.push(`${type} ${reason}: ${message}`) },
      now: Date.now,
      holdSeconds: 5,
      findTask: async () => 'arn:aws:ecs:here:1:task/c/t1',
    })
    this.server = createServer((request, response) => {
      if (this.swallow > 0) {
        this.swallow--
        // Handled, and the answer lost on its way.
        nodeListener(async call => {
          await handle(call)
          response.destroy()
          return new Response()
        })(request, response)
        return
      }
      nodeListener(handle)(request, response)
    })
    await new Promise<void>(resolve => this.server.listen(0, '127.0.0.1', resolve))
    const names = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(({ name }) => name)
    for (const name of names) this.hold(name)
    const token = issueToken(await agentKey(this.client), { namespace: 'default', name: 'web', uid: pod.metadata.uid!, launch: 1 })
    this.link = new Link({
      url: `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`,
      token,
      clock: systemClock,
      log: () => {},
      report: () => ({
        podIPs: ['127.0.0.1'],
        taskArn: 'arn:aws:ecs:here:1:task/c/t1',
        containers: this.runner.report(),
        volumes: this.volumes.asked,
        finished: this.runner.finished,
      }),
      orders: orders => {
        if (orders.volumes) this.volumes.adopt(orders.volumes)
        if (orders.plan) this.runner.adopt(orders.plan)
        if (orders.deletion) this.runner.stop(orders.deletion)
      },
      gone: () => {
        this.lost = true
      },
      finished: () => {
        this.finished = true
      },
    })
    for (const name of ['settings', 'kube_api_access']) mkdirSync(join(this.folder, 'volumes', name), { recursive: true })
    this.volumes = new WrittenVolumes({
      clock: quick,
      failed: message => this.link.event({ type: 'Warning', reason: 'FailedMount', message }),
      path: volume => join(this.folder, 'volumes', volume),
      changed: () => {
        this.runner.step()
        this.link.changed()
      },
    })
    this.runner = new PodRunner({
      mounted: () => this.volumes.ready,
      clock: quick,
      podIP: () => '127.0.0.1',
      freshPlan: () => this.link.freshPlan(),
      image: container => images[container] ?? {},
      taskID: () => 'ecs://t1',
      lost: () => {
        this.lost = true
      },
      path: container => join(this.folder, container),
      volume: volume => join(this.folder, 'volumes', volume),
      event: (type, reason, message, container) => this.link.event({ type, reason, message, container }),
      changed: () => {
        this.runner.step()
        this.link.changed()
      },
    })
    this.link.freshPlan().catch(() => {})
    void this.link.run()
  }

  async publishCa() {
    const metadata = { name: 'kube-root-ca.crt', namespace: 'default' }
    await this.client.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': 'PEM' } } as ConfigMap)
  }

  /** What setup.sh and ECS do: the volume with its fifos, and the container with its holder. */
  hold(name: string) {
    const folder = join(this.folder, name)
    mkdirSync(folder, { recursive: true })
    copyFileSync(BUSYBOX, join(folder, 'busybox'))
    copyFileSync(join(ROOT, 'agent/holder.sh'), join(folder, 'holder'))
    for (const fifo of ['ctl', 'report', 'alive', 'log']) execFileSync('mkfifo', [join(folder, fifo)])
    for (const file of ['message', 'tail', 'refused', 'ready']) writeFileSync(join(folder, file), '')
    const holder = spawn(join(folder, 'busybox'), ['sh', join(folder, 'holder')], {
      env: { ...process.env, ZEROPLANE_DIR: folder, ZEROPLANE_ETC: join(this.folder, 'etc'), FROM_IMAGE: 'yes' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    holder.stdout!.on('data', chunk => {
      output += chunk
      this.output.set(name, output)
    })
    holder.on('exit', code => this.exits.set(name, code))
    this.holders.set(name, holder)
  }

  readonly output = new Map<string, string>()

  status = async () => (await this.client.get<Pod>(PODS, 'default', 'web'))?.status

  container = async (name = 'app') => {
    const status = await this.status()
    return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].find(one => one.name === name)
  }

  async stop() {
    this.link?.close()
    this.volumes?.close()
    for (const container of this.runner?.containers ?? []) {
      container.retire()
      container.kill()
      container.end(0)
      container.close()
    }
    for (const [name, holder] of this.holders) {
      holder.stdout!.destroy()
      if (!this.exits.has(name)) await new Promise(resolve => holder.once('exit', resolve))
    }
    this.server?.closeAllConnections()
    this.server?.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const app = (more: object = {}) => ({ containers: [{ name: 'app', image: 'x', ...more }] })
const sh = (script: string) => ({ command: ['sh', '-c', script] })

describe('the agent', () => {
  let bench: Bench
  beforeEach(() => {
    bench = new Bench()
  })
  afterEach(() => bench.stop())

  it('runs a container with its environment, reports it, and has it ready', async () => {
    const env = [
      { name: 'GREETING', value: `it's $(WHO) "here"` },
      { name: 'WHO', value: 'me' },
      { name: 'odd.name', value: 'a\nb' },
    ]
    await bench.start(app({ env, ...sh('echo "$GREETING $FROM_IMAGE $HOSTNAME"; env | grep -A1 odd; exec sleep 60') }))
    await until(async () => (await bench.container())?.ready)
    const status = await bench.status()
    expect(status).toMatchObject({ phase: 'Running', podIP: '127.0.0.1' })
    expect(await bench.container()).toMatchObject({ started: true, restartCount: 0, containerID: 'ecs://t1/app/0' })
    await until(() => bench.output.get('app')?.includes('$(WHO) "here" yes web'))
    expect(bench.events).toEqual([
      'Normal Pulled: Successfully pulled image "x"',
      'Normal Created: Container created',
      'Normal Started: Container started',
    ])
  })

  const config = (name: string, data: Record<string, string>) =>
    ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data }) as ConfigMap
  const mounting = (volumes: object[]) => ({ ...app(sh('echo begun; exec sleep 60')), volumes })

  it('starts nothing before every volume is there, and says what is missing', async () => {
    await bench.start(mounting([{ name: 'settings', configMap: { name: 'later', items: [{ key: 'a.conf', path: 'conf.d/a' }] } }]))
    const missing = 'Warning FailedMount: MountVolume.SetUp failed for volume "settings" : configmap "later" not found'
    await until(() => bench.events.includes(missing))
    expect((await bench.container())?.state).toEqual({ waiting: { reason: 'ContainerCreating' } })
    await bench.client.create(CONFIG_MAPS, config('later', { other: 'x' }))
    await until(() => bench.events.some(event => event.endsWith(': configmap references non-existent config key: a.conf')))
    expect(bench.output.get('app') ?? '').not.toContain('begun')
    await bench.client.update(CONFIG_MAPS, config('later', { 'a.conf': 'found' }))
    await until(() => bench.output.get('app')?.includes('begun'))
    expect(readFileSync(join(bench.folder, 'volumes/settings/conf.d/a'), 'utf8')).toBe('found')
  })

  it('puts a single file of a volume to its place before the process starts, and says where it cannot', async () => {
    const place = join(bench.folder, 'etc/app/a.conf')
    await bench.start({
      ...app({ ...sh(`cat ${place}; ls -l ${place}; sleep 60`), volumeMounts: [{ name: 'settings', mountPath: place, subPath: 'a' }] }),
      volumes: [{ name: 'settings', configMap: { name: 'settings', defaultMode: 0o640 } }],
    })
    await bench.client.create(CONFIG_MAPS, config('settings', { b: 'other' }))
    const message = 'failed to prepare subPath for volumeMount "settings" of container "app"'
    await until(async () => (await bench.container())?.state?.waiting?.message === message)
    expect((await bench.container())?.state?.waiting?.reason).toBe('CreateContainerConfigError')
    const map = (await bench.client.get<ConfigMap>(CONFIG_MAPS, 'default', 'settings'))!
    await bench.client.update(CONFIG_MAPS, { ...map, data: { a: 'placed here\n' } })
    await until(() => bench.output.get('app')?.includes('placed here\n-rw-r-----'))
  })

  it('says where a single file cannot go', async () => {
    await bench.start({
      ...app({ ...sh('sleep 60'), volumeMounts: [{ name: 'settings', mountPath: '/proc/none/a.conf', subPath: 'a' }] }),
      volumes: [{ name: 'settings', configMap: { name: 'settings' } }],
    })
    await bench.client.create(CONFIG_MAPS, config('settings', { a: 'x' }))
    const failure = 'failed to place a file of a volume at /proc/none/a.conf'
    await until(() => bench.events.some(event => event.includes(failure)))
  })

  it('brings changes into the files, all at once, without a write of the pod', async () => {
    await bench.start(mounting([{ name: 'settings', configMap: { name: 'settings', optional: true } }]))
    await until(async () => (await bench.container())?.ready)
    const written = (await bench.client.get<Pod>(PODS, 'default', 'web'))!.metadata.resourceVersion
    await bench.client.create(CONFIG_MAPS, config('settings', { a: '2', c: '2' }))
    const folder = join(bench.folder, 'volumes/settings')
    await until(() => existsSync(join(folder, 'c')))
    expect(
      readdirSync(folder)
        .filter(name => !/^\.\.\d/.test(name))
        .sort(),
    ).toEqual(['..data', 'a', 'c'])
    expect(readlinkSync(join(folder, 'a'))).toBe('..data/a')
    expect((await bench.client.get<Pod>(PODS, 'default', 'web'))!.metadata.resourceVersion).toBe(written)
  })

  it('finds the token of its account, the CA and the namespace', async () => {
    await bench.start(app(sh('exec sleep 60')), {}, 'later')
    await until(() => bench.events.some(event => event.endsWith('configmap "kube-root-ca.crt" not found')))
    await bench.publishCa()
    await until(async () => (await bench.container())?.ready)
    const pod = (await bench.client.get<Pod>(PODS, 'default', 'web'))!
    const folder = join(bench.folder, 'volumes/kube_api_access')
    const read = (file: string) => readFileSync(join(folder, file), 'utf8')
    expect([read('ca.crt'), read('namespace')]).toEqual(['PEM', 'default'])
    const claims = JSON.parse(Buffer.from(read('token').split('.')[1]!, 'base64url').toString())
    expect(claims).toMatchObject({
      sub: 'system:serviceaccount:default:default',
      'kubernetes.io': { pod: { name: 'web', uid: pod.metadata.uid } },
    })
  })

  it('takes command and arguments of the image where the pod has none', async () => {
    await bench.start(app({ args: ['from', 'pod'] }), {
      app: { entrypoint: ['sh', '-c', 'echo "$0 $1"; sleep 60'], cmd: ['from', 'image'] },
    })
    await until(() => bench.output.get('app')?.includes('from pod'))
  })

  it('restarts in place, counts, backs off, and tells what was left behind', async () => {
    const file = join(bench.folder, 'message-here')
    await bench.start(app({ ...sh(`echo last words >${file}; exit 3`), terminationMessagePath: file }))
    await until(async () => (await bench.container())?.state?.waiting?.reason === 'CrashLoopBackOff')
    expect(await bench.container()).toMatchObject({
      restartCount: 1,
      state: { waiting: { message: expect.stringMatching(/^back-off 10s restarting failed container=app pod=web_default\(.+\)$/) } },
      lastState: { terminated: { exitCode: 3, reason: 'Error', message: 'last words\n', containerID: 'ecs://t1/app/1' } },
    })
    await until(async () => ((await bench.container())?.restartCount ?? 0) >= 3)
    expect(bench.holders.get('app')!.exitCode).toBeNull()
    expect(
      bench.output
        .get('app')
        ?.match(/##zeroplane (attempt|end) \d##/g)
        ?.slice(0, 4),
    ).toEqual(['##zeroplane attempt 0##', '##zeroplane end 0##', '##zeroplane attempt 1##', '##zeroplane end 1##'])
    expect(await bench.status()).toMatchObject({ phase: 'Running' })
  })

  it('keeps the end of the output where that stands in for a message', async () => {
    const policy = { terminationMessagePolicy: 'FallbackToLogsOnError', terminationMessagePath: join(bench.folder, 'none') }
    await bench.start({
      restartPolicy: 'Never',
      ...app({ ...policy, ...sh('for i in $(seq 1 100); do echo line $i; done; echo to stderr >&2; exit 1') }),
    })
    const { message } = await until(async () => (await bench.container())?.state?.terminated)
    expect(message?.split('\n').slice(-4)).toEqual(['line 99', 'line 100', 'to stderr', ''])
    expect(message).not.toContain('line 20\n')
    expect(bench.output.get('app')).toContain('line 1\n')
  })

  it.each([
    ['nosuchcommand', 'exec: "nosuchcommand": executable file not found in $PATH'],
    ['/etc/passwd', 'exec: "/etc/passwd": permission denied'],
    ['/no/such/file', 'exec: "/no/such/file": stat /no/such/file: no such file or directory'],
  ])('says why %s cannot be run', async (command, why) => {
    await bench.start({ restartPolicy: 'Never', ...app({ command: [command] }) })
    const end = await until(async () => (await bench.container())?.state?.terminated)
    expect(end).toMatchObject({ exitCode: 128, reason: 'StartError', message: expect.stringContaining(why) })
    expect((await bench.status())?.phase).toBe('Failed')
  })

  it('runs init containers one after another, sidecars with the apps, and ends with true exit codes', async () => {
    const log = join(bench.folder, 'order')
    const says = (word: string, then = '') => sh(`echo ${word} >>${log}; ${then}`)
    await bench.start({
      restartPolicy: 'Never',
      initContainers: [
        { name: 'first', image: 'x', ...says('first', 'sleep 0.2') },
        {
          name: 'side',
          image: 'x',
          restartPolicy: 'Always',
          ...says('side', `trap 'echo side-ends >>${log}; exit 0' TERM; while :; do sleep 0.05; done`),
        },
        { name: 'second', image: 'x', ...says('second') },
      ],
      ...app(says('app', 'sleep 0.3; echo app-ends >>' + log + '; exit 7')),
    })
    await until(() => bench.finished)
    const { readFileSync } = await import('node:fs')
    const order = readFileSync(log, 'utf8').trim().split('\n')
    // The sidecar is up before the second begins; which of the two writes first is their own business.
    expect(order.filter(word => word !== 'side')).toEqual(['first', 'second', 'app', 'app-ends', 'side-ends'])
    expect(order.indexOf('side')).toBeGreaterThan(order.indexOf('first'))
    expect(await bench.status()).toMatchObject({ phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 7 } } }] })
    for (const container of bench.runner.containers) container.end(container.exitCode)
    await until(() => bench.exits.get('app') !== undefined && bench.exits.get('side') !== undefined)
    expect(bench.exits.get('app')).toBe(7)
  })

  it('brings its names into a container that has files of its own for them, if its user may write there', async () => {
    const [etc, volume] = [join(bench.folder, 'etc'), join(bench.folder, 'app')]
    for (const folder of [etc, volume]) mkdirSync(folder)
    writeFileSync(join(etc, 'resolv.conf'), 'nameserver 10.0.0.2\n')
    writeFileSync(join(volume, 'resolv.conf'), 'nameserver 127.128.0.10\n')
    // There is no hosts to write to, and none is made.
    writeFileSync(join(volume, 'hosts'), '10.0.0.7\tapp\n')
    await bench.start({ restartPolicy: 'Never', ...app(sh(`cat ${etc}/resolv.conf; ls ${etc}`)) })
    await until(() => bench.finished)
    expect(bench.output.get('app')).toContain('nameserver 127.128.0.10\nresolv.conf\n')
  })

  it('waits for configuration that is missing, and starts when it comes', async () => {
    const env = [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'later', key: 'k' } } }]
    await bench.start(app({ env, ...sh('echo "got $A"; sleep 60') }))
    const waiting = await until(async () => {
      const state = (await bench.container())?.state?.waiting
      return state?.reason === 'CreateContainerConfigError' && state
    })
    expect(waiting.message).toBe('configmap "later" not found')
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'later', namespace: 'default' }, data: { k: 'it' } }
    await bench.client.create({ group: '', resource: 'configmaps' }, map)
    await until(() => bench.output.get('app')?.includes('got it'))
  })

  it('ends a deleted pod with its hook, its signal and its grace', async () => {
    const log = join(bench.folder, 'log')
    await bench.start(
      app({
        ...sh(`trap 'echo term >>${log}; exit 0' TERM; while :; do sleep 0.05; done`),
        lifecycle: { preStop: { exec: { command: ['sh', '-c', `echo hook >>${log}`] } } },
      }),
    )
    await until(async () => (await bench.container())?.ready)
    await bench.client.delete(PODS, 'default', 'web')
    await until(() => bench.finished)
    const { readFileSync } = await import('node:fs')
    expect(readFileSync(log, 'utf8')).toBe('hook\nterm\n')
    expect(await bench.status()).toMatchObject({ phase: 'Succeeded', containerStatuses: [{ state: { terminated: { exitCode: 0 } } }] })
    expect(bench.events).toContain('Normal Killing: Stopping container app')
  })

  it('starts processes and probes with no signal ignored or blocked', async () => {
    const told = (name: string) => join(bench.folder, name)
    const tell = (name: string) => `grep -E "^Sig(Ign|Blk)" /proc/self/status >${told(name)}.new && mv ${told(name)}.new ${told(name)}`
    await bench.start(
      app({
        ...sh(`${tell('process')}; exec sleep 60`),
        readinessProbe: { exec: { command: ['sh', '-c', tell('probe')] }, periodSeconds: 1 },
      }),
    )
    await until(async () => (await bench.container())?.ready && existsSync(told('process')))
    for (const name of ['process', 'probe']) expect(readFileSync(told(name), 'utf8')).toMatch(/^SigBlk:\t0+\nSigIgn:\t0+\n$/)
  })

  it('kills what does not end in time', async () => {
    await bench.start({ terminationGracePeriodSeconds: 1, ...app(sh(`trap '' TERM; echo deaf; while :; do sleep 0.05; done`)) })
    await until(() => bench.output.get('app')?.includes('deaf'))
    await until(async () => (await bench.container())?.ready)
    await bench.client.delete(PODS, 'default', 'web')
    await until(() => bench.finished)
    expect((await bench.container())?.state?.terminated).toMatchObject({ exitCode: 137, reason: 'Error' })
  })

  it('restarts a container whose liveness probe fails, and holds one back whose startup probe has not passed', async () => {
    const flag = join(bench.folder, 'flag')
    await bench.start(
      app({
        ...sh('exec sleep 60'),
        startupProbe: { exec: { command: ['test', '-e', flag] }, periodSeconds: 1, failureThreshold: 60 },
        livenessProbe: { exec: { command: ['sh', '-c', `echo unwell; test ! -e ${flag}.bad`] }, periodSeconds: 1, failureThreshold: 1 },
      }),
    )
    await until(async () => (await bench.container())?.state?.running)
    expect(await bench.container()).toMatchObject({ started: false, ready: false })
    writeFileSync(flag, '')
    await until(async () => (await bench.container())?.ready)
    writeFileSync(`${flag}.bad`, '')
    await until(async () => (await bench.container())?.restartCount === 1)
    expect(bench.events).toContain('Warning Unhealthy: Liveness probe failed: unwell\n')
    expect(bench.events).toContain('Normal Killing: Container app failed liveness probe, will be restarted')
  })

  it('asks for readiness over HTTP and TCP', async () => {
    let code = 500
    const web = createServer((_, response) => response.writeHead(code).end())
    const tcp = createTcpServer(socket => socket.end())
    await Promise.all([web, tcp].map(server => new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()))))
    const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port
    try {
      await bench.start(
        app({
          ...sh('exec sleep 60'),
          ports: [{ name: 'web', containerPort: portOf(web) }],
          readinessProbe: { httpGet: { path: '/', port: 'web' }, periodSeconds: 1 },
          livenessProbe: { tcpSocket: { port: portOf(tcp) }, periodSeconds: 1 },
        }),
      )
      await until(() => bench.events.includes('Warning Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 500'))
      expect((await bench.container())?.ready).toBe(false)
      code = 200
      await until(async () => (await bench.container())?.ready)
      expect(await bench.container()).toMatchObject({ restartCount: 0 })
    } finally {
      web.close()
      tcp.close()
    }
  })

  it('loses nothing to answers that never come', async () => {
    bench.swallow = 2
    await bench.start(app(sh('exit 0')), {})
    bench.swallow = 2
    await until(async () => ((await bench.container())?.restartCount ?? 0) >= 1)
    expect((await bench.container())?.lastState?.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' })
  })

  it('gives the task up when a holder was killed', async () => {
    await bench.start(app(sh('exec sleep 5')))
    await until(async () => (await bench.container())?.ready)
    process.kill(bench.holders.get('app')!.pid!, 'SIGKILL')
    await until(() => bench.lost)
    expect(await until(async () => (await bench.container())?.state?.terminated)).toMatchObject({ exitCode: 137 })
  })

  it('leaves when the pod is gone', async () => {
    await bench.start(app(sh('exec sleep 60')))
    await until(async () => (await bench.container())?.ready)
    await bench.client.delete(PODS, 'default', 'web', { gracePeriodSeconds: 0 })
    await until(() => bench.lost)
  })

  it('follows no link that an app put in the way', async () => {
    const { symlinkSync, readFileSync, rmSync } = await import('node:fs')
    const victim = join(bench.folder, 'victim')
    writeFileSync(victim, 'untouched')
    await bench.start(app({ ...sh('exit 1'), terminationMessagePath: join(bench.folder, 'none') }))
    await until(async () => (await bench.container())?.state?.waiting?.reason === 'CrashLoopBackOff')
    for (const name of ['start', 'message']) {
      rmSync(join(bench.folder, 'app', name), { force: true })
      symlinkSync(victim, join(bench.folder, 'app', name))
    }
    await until(async () => ((await bench.container())?.restartCount ?? 0) >= 2)
    expect(readFileSync(victim, 'utf8')).not.toContain('launch')
    expect((await bench.container())?.lastState?.terminated?.message).toBeUndefined()
  })
})
