// What real containers use, as kubectl top shows it, and an adapter in a pod whose metric an autoscaler goes by.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { serverCertificate } from '../../localstack/host/certificates.ts'
import type { Deployment } from '../../shared/api/apps/v1.ts'
import { Cluster } from '../tools/cluster.ts'
import type { KubectlVersion } from '../tools/kubectl.ts'
import { eventually } from '../tools/wait.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await Cluster.prepare()
  await cluster.start()
})
afterAll(() => cluster?.destroy())

const IMAGE = 'zeroplane/demo:1'
const apply = (...objects: object[]) => cluster.apply(objects.map(object => stringify(object)).join('---\n'))

async function top(line: string, version: KubectlVersion = '1.36'): Promise<string> {
  const { code, stdout, stderr } = await cluster.try(version, ['top', ...line.split(' ')])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

test('kubectl top shows who is busy', async () => {
  const resources = { limits: { cpu: '200m', memory: '64Mi' } }
  const containers = [
    { name: 'busy', image: IMAGE, command: ['sh', '-c', 'while :; do :; done'], resources },
    { name: 'idle', image: IMAGE, command: ['sh', '-c', 'while :; do sleep 5; done'], resources },
  ]
  const spec = { containers, terminationGracePeriodSeconds: 0 }
  await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'two', labels: { app: 'two' } }, spec })
  await cluster.kubectl('wait pod/two --for=condition=Ready --timeout=120s')
  const figures = await eventually('both containers are measured', async () => {
    const { stdout } = await cluster.try('1.36', ['top', 'pod', 'two', '--containers', '--no-headers'])
    const lines = stdout.split('\n').filter(Boolean)
    const found = new Map(
      lines.map(line => /^two +(\w+) +(\d+)m +(\d+)Mi/.exec(line)?.slice(1) ?? []).map(([name, cpu]) => [name, Number(cpu)]),
    )
    return found.size === 2 && found
  })
  // Of 200 it gets what the machine has left.
  expect(figures.get('busy')).toBeGreaterThan(20)
  expect(figures.get('busy')).toBeLessThan(260)
  expect(figures.get('idle')).toBeLessThan(20)
  for (const version of ['1.36', '1.22'] as const) {
    expect(await top('pods', version)).toMatch(/^NAME +CPU\(cores\) +MEMORY\(bytes\) *\ntwo +\d+m +\d+Mi *\n$/)
    expect(await top('pods -A -l app=two --sort-by=cpu', version)).toMatch(/\ndefault +two +\d+m/)
    expect(await top('nodes', version)).toMatch(
      /^NAME +CPU\(cores\) +CPU.* +MEMORY\(bytes\) +MEMORY.*\n(\S+ +\d+m +\d+% +\d+Mi +\d+% *\n)+$/,
    )
  }
  expect(await top('pods --sum')).toMatch(/\n +_+ +_+ *\n +\d+m +\d+Mi/)
  await cluster.kubectl('delete pod two --now')
}, 240_000)

/** Serves one external metric, whose value a PUT sets. */
const ADAPTER = `
let value = '0'
const group = 'external.metrics.k8s.io/v1beta1'
const resource = { name: 'depth', singularName: '', namespaced: true, kind: 'ExternalMetricValueList', verbs: ['get'] }
require('node:https').createServer({ cert: process.env.CERT, key: process.env.KEY }, async (request, reply) => {
  let body = ''
  for await (const chunk of request) body += chunk
  if (request.method === 'PUT') value = JSON.parse(body).value
  const item = { metricName: 'depth', metricLabels: { asker: request.headers['x-remote-user'] }, timestamp: new Date().toISOString(), value }
  const list = { kind: 'ExternalMetricValueList', apiVersion: group, metadata: {}, items: [item] }
  reply.setHeader('content-type', 'application/json')
  reply.end(JSON.stringify(request.url.includes('/namespaces/') ? list : { kind: 'APIResourceList', groupVersion: group, resources: [resource] }))
}).listen(6443)
`

test('an adapter in a pod is reached through its APIService, and an autoscaler goes by what it says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'zeroplane-adapter-'))
  const certificate = await serverCertificate(folder, ['adapter.default.svc'], Date.now())
  rmSync(folder, { recursive: true })
  const labels = { app: 'adapter' }
  const env = ['CERT', 'KEY'].map(name => ({ name, valueFrom: { secretKeyRef: { name: 'adapter', key: name } } }))
  const ports = [{ name: 'api', containerPort: 6443 }]
  const adapter = {
    name: 'adapter',
    image: IMAGE,
    command: ['node', '-e', ADAPTER],
    env,
    ports,
    readinessProbe: { tcpSocket: { port: 'api' } },
  }
  await apply(
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'adapter' }, stringData: { CERT: certificate.cert, KEY: certificate.key } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'adapter' },
      spec: { selector: labels, ports: [{ port: 443, targetPort: 'api' }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'adapter', labels },
      spec: { containers: [adapter], terminationGracePeriodSeconds: 0 },
    },
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1beta1.external.metrics.k8s.io' },
      spec: {
        group: 'external.metrics.k8s.io',
        version: 'v1beta1',
        service: { namespace: 'default', name: 'adapter' },
        caBundle: Buffer.from(certificate.ca).toString('base64'),
        groupPriorityMinimum: 100,
        versionPriority: 100,
      },
    },
  )
  await cluster.kubectl('wait apiservice/v1beta1.external.metrics.k8s.io --for=condition=Available --timeout=120s')
  expect(await cluster.kubectl('api-versions')).toContain('external.metrics.k8s.io/v1beta1\n')
  const path = '/apis/external.metrics.k8s.io/v1beta1/namespaces/default/depth'
  const set = (value: string) => cluster.kubectl(`replace --raw ${path} -f -`, { input: JSON.stringify({ value }) })
  expect(JSON.parse(await set('9')).items[0]).toMatchObject({ value: '9', metricLabels: { asker: 'kubernetes-admin' } })

  const web = {
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ name: 'web', image: IMAGE }], terminationGracePeriodSeconds: 0 },
  }
  const metric = { type: 'External', external: { metric: { name: 'depth' }, target: { type: 'AverageValue', averageValue: '3' } } }
  await apply(
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template: web },
    },
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        maxReplicas: 4,
        metrics: [metric],
        behavior: { scaleDown: { stabilizationWindowSeconds: 0 } },
      },
    },
  )
  const replicas = async () => (await cluster.json<Deployment>('get deployment web')).spec?.replicas
  await eventually('it is three, for nine', async () => (await replicas()) === 3)
  await set('3')
  await eventually('it is one again', async () => (await replicas()) === 1)
  expect(await cluster.kubectl('describe hpa web')).toMatch(/New size: 3; reason: external metric depth\(nil\) above target/)

  await cluster.kubectl('delete pod adapter --now')
  await cluster.kubectl('wait apiservice/v1beta1.external.metrics.k8s.io --for=condition=Available=false --timeout=120s')
  const { code, stderr } = await cluster.try('1.36', ['get', '--raw', path])
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: 'Error from server (ServiceUnavailable): the server is currently unable to handle the request\n',
  })
  await cluster.kubectl('delete apiservice v1beta1.external.metrics.k8s.io')
}, 300_000)
