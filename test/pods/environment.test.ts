import { describe, expect, it } from 'vitest'
import type { ConfigMap, Container, Pod, Secret, Service } from '../../shared/api/core/v1.ts'
import { expandAll, resolveEnvironment, type Sources } from '../../shared/pods/environment.ts'
import { expand } from '../../shared/pods/expand.ts'

const pod = {
  metadata: { name: 'web', namespace: 'shop', uid: 'u-1', labels: { app: 'web', tier: 'a"b' }, annotations: { note: 'x' } },
  spec: {
    nodeName: 'n1',
    serviceAccountName: 'robot',
    containers: [{ name: 'app', resources: { limits: { cpu: '1500m', memory: '200Mi' } } }],
  },
} as unknown as Pod

const sources: Sources = {
  configMap: name => (name === 'settings' ? ({ data: { COLOR: 'red', 'with.dot': 'yes' } } as unknown as ConfigMap) : undefined),
  secret: name => (name === 'passwords' ? ({ data: { DB: Buffer.from('s3cret').toString('base64') } } as unknown as Secret) : undefined),
  services: [],
  node: { hostIP: '10.0.0.1', allocatable: { cpu: '4', memory: '8Gi' } },
  podIPs: ['10.1.2.3'],
}

const resolve = (container: Partial<Container>, more: Partial<Sources> = {}, subject = pod) =>
  Object.fromEntries(
    resolveEnvironment(subject, { name: 'app', ...container } as Container, { ...sources, ...more }).map(v => [v.name, v.value]),
  )

describe('$(VAR)', () => {
  const variables = new Map([
    ['A', '1'],
    ['EMPTY', ''],
  ])
  it.each([
    ['$(A)', '1'],
    ['x$(A)y$(A)', 'x1y1'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$1'],
    ['$(MISSING)', '$(MISSING)'],
    ['$(EMPTY)!', '!'],
    ['$A $', '$A $'],
    ['$(A', '$(A'],
  ])('%s is %s', (text, expected) => expect(expand(text, variables)).toBe(expected))
})

describe('variables', () => {
  it('may mention those before them, and not those after', () => {
    expect(
      resolve({
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '$(A)$(C)' },
          { name: 'C', value: '2' },
        ],
      }),
    ).toEqual({ A: '1', B: '1$(C)', C: '2' })
  })

  it('come from ConfigMaps and Secrets, whole or by key, and env wins over envFrom', () => {
    const env = resolve({
      envFrom: [{ configMapRef: { name: 'settings' }, prefix: 'P_' }, { secretRef: { name: 'passwords' } }],
      env: [
        { name: 'DB', value: 'mine' },
        { name: 'KEY', valueFrom: { secretKeyRef: { name: 'passwords', key: 'DB' } } },
        { name: 'TINT', valueFrom: { configMapKeyRef: { name: 'settings', key: 'COLOR' } } },
      ],
    })
    expect(env).toEqual({ P_COLOR: 'red', 'P_with.dot': 'yes', DB: 'mine', KEY: 's3cret', TINT: 'red' })
  })

  it.each([
    [{ env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'no', key: 'k' } } }] }, 'configmap "no" not found'],
    [
      { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'k' } } }] },
      "couldn't find key k in ConfigMap shop/settings",
    ],
    [
      { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'passwords', key: 'k' } } }] },
      "couldn't find key k in Secret shop/passwords",
    ],
    [{ envFrom: [{ secretRef: { name: 'no' } }] }, 'secret "no" not found'],
  ])('say what is missing: %#', (container, message) => {
    expect(() => resolve(container)).toThrow(message)
  })

  it('do without what is optional', () => {
    const env = [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'no', key: 'k', optional: true } } }]
    expect(resolve({ env, envFrom: [{ configMapRef: { name: 'no', optional: true } }] })).toEqual({})
  })

  it('tell the pod about itself', () => {
    const field = (fieldPath: string) => ({ name: fieldPath, valueFrom: { fieldRef: { fieldPath } } })
    expect(
      resolve({
        env: [
          'metadata.name',
          'metadata.uid',
          "metadata.labels['app']",
          'spec.nodeName',
          'spec.serviceAccountName',
          'status.podIP',
          'status.hostIP',
        ].map(field),
      }),
    ).toEqual({
      'metadata.name': 'web',
      'metadata.uid': 'u-1',
      "metadata.labels['app']": 'web',
      'spec.nodeName': 'n1',
      'spec.serviceAccountName': 'robot',
      'status.podIP': '10.1.2.3',
      'status.hostIP': '10.0.0.1',
    })
  })

  it('tell a container its limits, rounded up, and the node where there are none', () => {
    const resource = (resource: string, divisor?: string) => ({
      name: `${resource}/${divisor}`,
      valueFrom: { resourceFieldRef: { resource, divisor, containerName: 'app' } },
    })
    expect(
      resolve({
        env: [resource('limits.cpu'), resource('limits.cpu', '1m'), resource('limits.memory', '1Mi'), resource('requests.memory')],
      }),
    ).toEqual({
      'limits.cpu/undefined': '2',
      'limits.cpu/1m': '1500',
      'limits.memory/1Mi': '200',
      'requests.memory/undefined': '0',
    })
    const free = { ...pod, spec: { ...pod.spec, containers: [{ name: 'app' }] } } as Pod
    expect(resolve({ env: [resource('limits.memory', '1Gi')] }, {}, free)).toEqual({ 'limits.memory/1Gi': '8' })
  })
})

describe('service variables', () => {
  const service = (name: string, namespace: string, clusterIP: string) =>
    ({ metadata: { name, namespace }, spec: { clusterIP, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] } }) as unknown as Service
  const services = [
    service('kubernetes', 'default', '127.128.0.1'),
    service('my-db', 'shop', '127.128.0.2'),
    service('headless', 'shop', 'None'),
  ]

  it('follow the Docker links convention', () => {
    expect(resolve({}, { services: services.slice(1) })).toEqual({
      MY_DB_SERVICE_HOST: '127.128.0.2',
      MY_DB_SERVICE_PORT: '80',
      MY_DB_SERVICE_PORT_HTTP: '80',
      MY_DB_PORT: 'tcp://127.128.0.2:80',
      MY_DB_PORT_80_TCP: 'tcp://127.128.0.2:80',
      MY_DB_PORT_80_TCP_PROTO: 'tcp',
      MY_DB_PORT_80_TCP_PORT: '80',
      MY_DB_PORT_80_TCP_ADDR: '127.128.0.2',
    })
  })

  it('may be mentioned in values, and do not replace what the pod sets', () => {
    const env = resolve(
      {
        env: [
          { name: 'URL', value: 'http://$(MY_DB_SERVICE_HOST)' },
          { name: 'MY_DB_SERVICE_PORT', value: '9' },
        ],
      },
      { services },
    )
    expect(env).toMatchObject({ URL: 'http://127.128.0.2', MY_DB_SERVICE_PORT: '9' })
  })

  it("are only the API's own when links are off", () => {
    const alone = { ...pod, spec: { ...pod.spec, enableServiceLinks: false } } as Pod
    expect(Object.keys(resolve({}, { services }, alone)).every(name => name.startsWith('KUBERNETES_'))).toBe(true)
  })

  it('reach command and args', () => {
    expect(expandAll(['echo', '$(A)', '$(B)'], [{ name: 'A', value: '1' }])).toEqual(['echo', '1', '$(B)'])
    expect(expandAll(undefined, [])).toBeUndefined()
  })
})
