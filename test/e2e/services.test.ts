// Services as programs in pods see them. What a pod finds out it prints, and the test reads its log.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Event, Pod, Service } from '../../shared/api/core/v1.ts'
import { Cluster } from '../tools/cluster.ts'
import { eventually } from '../tools/wait.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await Cluster.prepare()
  await cluster.start()
  await cluster.apply(WEB)
  await cluster.kubectl('rollout status deployment/web --timeout=120s')
})
afterAll(() => cluster?.destroy())

const WEB = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: zeroplane/demo:1
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
`

/** A pod that runs a script of Node, as a user without any rights on a read-only root: what the agent does needs none. */
async function run(name: string, script: string, spec: object = {}, container: object = {}): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      ...spec,
      containers: [
        {
          name: 'main',
          image: 'zeroplane/demo:1',
          command: ['node', '-e', `${TOOLS};(async () => {${script}})().catch(error => { console.log(error); process.exit(1) })`],
          securityContext: {
            runAsUser: 1000,
            readOnlyRootFilesystem: true,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
          },
          ...container,
        },
      ],
    },
  }
  await cluster.apply(JSON.stringify(pod))
}

const TOOLS = `
  const dns = require('node:dns').promises, http = require('node:http'), https = require('node:https'), fs = require('node:fs')
  const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
  const get = (url, options = {}) => new Promise((resolve, reject) => {
    const request = (url.startsWith('https') ? https : http).get(url, { agent: false, timeout: 20000, ...options }, response => {
      let text = ''
      response.on('data', chunk => { text += chunk })
      response.on('end', () => resolve(text))
      response.on('error', reject)
    })
    request.on('timeout', () => request.destroy(new Error('timeout')))
    request.on('error', reject)
  })
  const host = async url => /"HOSTNAME":"([^"]*)/.exec(await get(url))[1]
  const say = value => console.log(JSON.stringify(value))
`

/** What the pod said, once it has ended. */
async function said<T>(name: string): Promise<T> {
  await eventually(
    `pod ${name} ends`,
    async () => /Succeeded|Failed/.test((await cluster.json<Pod>(`get pod ${name}`)).status?.phase ?? ''),
    120_000,
  )
  const text = await cluster.kubectl(`logs ${name}`)
  try {
    return JSON.parse(text) as T
  } catch {
    throw new Error(`pod ${name} said:\n${text}`)
  }
}

const webPods = async () =>
  (await cluster.json<{ items: Pod[] }>('get pods -l app=web')).items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata.name)
    .sort()

test('a Service is reached by name, by its whole name, by address and by variables, and spreads over its pods', async () => {
  await run(
    'client',
    `const seen = {}
     const { WEB_SERVICE_HOST: address, WEB_SERVICE_PORT: port } = process.env
     for (const name of ['web', 'web.default', 'web.default.svc', 'web.default.svc.cluster.local', address + ':' + port]) {
       seen[name.startsWith('127.') ? 'address' : name] = []
       for (let n = 0; n < 6; n++) seen[name.startsWith('127.') ? 'address' : name].push(await host('http://' + name + '/env'))
     }
     say(seen)`,
  )
  const seen = await said<Record<string, string[]>>('client')
  const pods = await webPods()
  expect(Object.keys(seen)).toHaveLength(5)
  for (const [name, hosts] of Object.entries(seen)) expect({ name, hosts: [...new Set(hosts)].sort() }).toEqual({ name, hosts: pods })
})

test('resolv.conf and hosts say what the pod wants', async () => {
  const read = `say(['resolv.conf', 'hosts'].map(name => fs.readFileSync('/etc/' + name, 'utf8')))`
  await run('usual', read, { hostAliases: [{ ip: '192.0.2.1', hostnames: ['foo.local', 'bar.local'] }], subdomain: 'sub', hostname: 'me' })
  await run('special', read, {
    dnsPolicy: 'None',
    dnsConfig: { nameservers: ['192.0.2.53'], searches: ['example.com'], options: [{ name: 'ndots', value: '2' }] },
  })
  const [resolver, hosts] = await said<[string, string]>('usual')
  expect(resolver).toMatch(
    /^search default.svc.cluster.local svc.cluster.local cluster.local.*\nnameserver 127\.128\.0\.10\noptions ndots:5\n$/,
  )
  const { podIP } = (await cluster.json<Pod>('get pod usual')).status!
  expect(hosts).toContain(`${podIP}\tme.sub.default.svc.cluster.local\tme\n`)
  expect(hosts).toContain('192.0.2.1\tfoo.local\tbar.local\n')
  expect((await said<[string, string]>('special'))[0]).toBe('search example.com\nnameserver 192.0.2.53\noptions ndots:2\n')
})

test('headless Services, names of their pods, ports by SRV, an ExternalName, endpoints written by hand', async () => {
  await cluster.apply(`
apiVersion: v1
kind: Service
metadata: {name: mongo}
spec: {clusterIP: None, selector: {app: mongo}, ports: [{name: peer, port: 8080}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: mongo}
spec:
  serviceName: mongo
  replicas: 2
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: mongo}}
  template:
    metadata: {labels: {app: mongo}}
    spec:
      containers: [{name: mongo, image: zeroplane/demo:1, ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere}
spec: {type: ExternalName, externalName: web.default.svc.cluster.local}
`)
  await cluster.kubectl('rollout status statefulset/mongo --timeout=120s')
  const { items } = await cluster.json<{ items: Pod[] }>('get pods -l app=mongo')
  const ip = (name: string) => items.find(({ metadata }) => metadata.name === name)!.status!.podIP
  await cluster.apply(`
apiVersion: v1
kind: Service
metadata: {name: byhand}
spec: {ports: [{port: 9000}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: byhand}
subsets: [{addresses: [{ip: ${ip('mongo-1')}}], ports: [{port: 8080}]}]
`)
  // Endpoints are copied to slices by a controller.
  await eventually(
    'the endpoints are there',
    async () => (await cluster.kubectl('get endpointslices -l kubernetes.io/service-name=byhand -o name')) !== '',
  )
  await run(
    'asker',
    `say({
       all: (await dns.resolve4('mongo.default.svc.cluster.local')).sort(),
       one: (await dns.lookup('mongo-1.mongo')).address,
       byName: await host('http://mongo-0.mongo:8080/env'),
       srv: (await dns.resolveSrv('_peer._tcp.mongo.default.svc.cluster.local')).map(({ name, port }) => name + ':' + port).sort(),
       alias: await dns.resolveCname('elsewhere.default.svc.cluster.local'),
       throughAlias: (await host('http://elsewhere/env')).slice(0, 4),
       byHand: await host('http://byhand:9000/env'),
       missing: await dns.lookup('nobody.default').catch(error => error.code),
     })`,
  )
  expect(await said('asker')).toEqual({
    all: [ip('mongo-0'), ip('mongo-1')].sort(),
    one: ip('mongo-1'),
    byName: 'mongo-0',
    srv: ['mongo-0.mongo.default.svc.cluster.local:8080', 'mongo-1.mongo.default.svc.cluster.local:8080'],
    alias: ['web.default.svc.cluster.local'],
    throughAlias: 'web-',
    byHand: 'mongo-1',
    missing: 'ENOTFOUND',
  })
})

test('the API is reached as client libraries do: by its variables or its name, and it proves who it is', async () => {
  await run(
    'inside',
    `const folder = '/var/run/secrets/kubernetes.io/serviceaccount/'
     const options = { ca: fs.readFileSync(folder + 'ca.crt'), headers: { authorization: 'Bearer ' + fs.readFileSync(folder + 'token', 'utf8') } }
     const { KUBERNETES_SERVICE_HOST: address, KUBERNETES_SERVICE_PORT: port } = process.env
     const ask = async where => JSON.parse(await get('https://' + where + '/api/v1/namespaces/default/pods', options)).message
     say([await ask(address + ':' + port), await ask('kubernetes.default.svc')])`,
  )
  const forbidden = expect.stringContaining('User "system:serviceaccount:default:default" cannot list resource "pods"')
  expect(await said('inside')).toEqual([forbidden, forbidden])
})

test('a node port and a load balancer are reached from this machine', async () => {
  await cluster.kubectl('expose deployment web --name=web-node --type=NodePort --port=80 --target-port=8080')
  await cluster.kubectl('expose deployment web --name=web-balancer --type=LoadBalancer --port=18080 --target-port=8080')
  const { spec } = await cluster.json<Service>('get service web-node')
  const page = async (url: string) => {
    const response = await fetch(url)
    return response.ok && (await response.text()).includes('web-')
  }
  await eventually('the node port answers', () => page(`http://127.0.0.1:${spec!.ports![0]!.nodePort}/env`))
  const address = await eventually('the load balancer has an address', async () => {
    const { status } = await cluster.json<Service>('get service web-balancer')
    return status?.loadBalancer?.ingress?.[0]?.ip
  })
  expect(await page(`http://${address}:18080/env`)).toBe(true)
  await run('inside-balancer', `say((await host('http://${address}:18080/env')).slice(0, 4))`)
  expect(await said('inside-balancer')).toBe('web-')
  await cluster.kubectl(`patch service web-balancer --type=merge -p {"spec":{"type":"ClusterIP"}}`)
  await eventually('its address is given back', async () => {
    const { status } = await cluster.json<Service>('get service web-balancer')
    return (status?.loadBalancer?.ingress ?? []).length === 0
  })
})

test('a pod that listens on the port of a Service is left alone, and still reaches it by name', async () => {
  // It declares nothing, so that nobody can know: the first attempt finds the port taken, the second has it.
  const listen = `
    const server = http.createServer((request, response) => response.end('mine')).listen(80, '0.0.0.0')
    await new Promise((resolve, reject) => server.on('listening', resolve).on('error', reject))
    await sleep(5000)
    say({ own: await get('http://127.0.0.1/'), other: (await host('http://web/env')).slice(0, 4) })
    process.exit(0)`
  await run('stubborn', listen, { restartPolicy: 'OnFailure' }, { securityContext: {} })
  expect(await said('stubborn')).toEqual({ own: 'mine', other: 'web-' })
  const { status } = await cluster.json<Pod>('get pod stubborn')
  expect(status?.containerStatuses?.[0]?.restartCount).toBe(1)
  // One that declares it has it at once.
  await run('declared', listen, {}, { securityContext: {}, ports: [{ containerPort: 80 }] })
  expect(await said('declared')).toEqual({ own: 'mine', other: 'web-' })
  expect((await cluster.json<Pod>('get pod declared')).status?.containerStatuses?.[0]?.restartCount).toBe(0)
  const { items } = await cluster.json<{ items: Event[] }>('get events --field-selector involvedObject.name=stubborn')
  expect(items.map(({ reason }) => reason)).toContain('ServicePortTaken')
})
