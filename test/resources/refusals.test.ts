// How upstream reads what is sent, where JavaScript would not: numbers by their text, empty things that are there, names of dots.
import { beforeEach, describe, expect, it } from 'vitest'
import { createApi } from '../../functions/api/app.ts'
import { requestOf } from '../../functions/api/function-url.ts'
import { MASTERS } from '../../shared/auth/types.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import { startApi, type TestApi, template } from './api.ts'

const MERGE = 'application/merge-patch+json'
const MAPS = '/api/v1/namespaces/default/configmaps'
const SERVICES = '/api/v1/namespaces/default/services'
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'

interface Cause {
  readonly field: string
  readonly message: string
}
const causes = ({ body }: { body: { details?: { causes?: Cause[] } } }) => body.details?.causes ?? []

describe('numbers', () => {
  async function sendText(method: string, path: string, body: string, type = 'application/json') {
    const { handle } = await createApi({ store, tokens: [{ token: 'admin', user: { name: 'admin', groups: [MASTERS] } }] })
    const answer = await handle(
      new Request(`http://api${path}`, { method, headers: { authorization: 'Bearer admin', 'content-type': type }, body }),
    )
    // biome-ignore lint/suspicious/noExplicitAny: an answer of any kind
    return { code: answer.status, body: (await answer.json()) as any }
  }
  let store: MemoryStore
  beforeEach(() => {
    store = new MemoryStore()
  })
  const service = (port: string) =>
    `{"metadata":{"name":"s"},"spec":{"clusterIP":"None","selector":{"a":"1.0e1"},"ports":[{"port":80},{"name":"p","port":${port}}]}}`

  it.each(['8.1e1', '81.0', '810e-1', '0.81E+2'])('written as %s are no integers', async port => {
    const posted = await sendText('POST', SERVICES, service(port))
    expect(posted).toMatchObject({ code: 400 })
    expect(posted.body.message).toContain(`cannot unmarshal number ${port} into Go struct field ServicePort.spec.ports.port of type int32`)
  })

  it('are refused in merge and JSON patches, and counted by value in strategic ones', async () => {
    await sendText('POST', SERVICES, '{"metadata":{"name":"s"},"spec":{"clusterIP":"None","ports":[{"name":"p","port":80}]}}')
    const patch = (body: string, type: string) => sendText('PATCH', `${SERVICES}/s`, body, `application/${type}+json`)
    expect(await patch('{"spec":{"ports":[{"name":"p","port":8.1e1}]}}', 'merge-patch')).toMatchObject({ code: 422 })
    expect(await patch('[{"op":"replace","path":"/spec/ports/0/port","value":81.0}]', 'json-patch')).toMatchObject({ code: 422 })
    expect(await patch('[{"op":"replace","path":"/spec/ports/0","value":{"name":"p","port":81.0}}]', 'json-patch')).toMatchObject({
      code: 422,
    })
    expect(await patch('{"spec":{"ports":[{"port":8.1e1,"name":"q"}]}}', 'strategic-merge-patch')).toMatchObject({ code: 200 })
  })

  it('in quantities keep their form', async () => {
    const spec = (cpu: string) => `{"metadata":{"name":"q"},"spec":{"hard":{"pods":${cpu}}}}`
    const { body } = await sendText('POST', '/api/v1/namespaces/default/resourcequotas', spec('12e3'))
    expect(body.spec.hard.pods).toBe('12e3')
  })
})

describe('what is sent empty', () => {
  let api: TestApi
  beforeEach(async () => {
    api = await startApi()
  })
  const deployment = (metadata: object) => ({
    metadata: { name: 'd' },
    spec: { selector: { matchLabels: { app: 'a' } }, template: { ...template, metadata } },
  })

  it('is printed so, and what is not sent as null', async () => {
    const printed = async (metadata: object) => causes(await api.send('POST', DEPLOYMENTS, deployment(metadata)))[0]?.message
    expect(await printed({})).toBe('Invalid value: null: `selector` does not match template `labels`')
    expect(await printed({ labels: {} })).toBe('Invalid value: {}: `selector` does not match template `labels`')
    await api.send('POST', DEPLOYMENTS, deployment(template.metadata))
    const patched = await api.send('PATCH', `${DEPLOYMENTS}/d`, { spec: { template: { metadata: { labels: { app: null } } } } }, MERGE)
    expect(causes(patched)[0]?.message).toBe('Invalid value: {}: `selector` does not match template `labels`')
  })

  it('is no reason for defaults', async () => {
    const behavior = { scaleDown: { policies: [] } }
    const spec = { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' }, behavior }
    const path = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers'
    const made = await api.send('POST', path, { metadata: { name: 'h' }, spec })
    expect(causes(made)).toEqual([
      {
        reason: 'FieldValueRequired',
        message: 'Required value: must specify at least one Policy',
        field: 'spec.behavior.scaleDown.policies',
      },
    ])
  })
})

describe('metadata of an update', () => {
  let api: TestApi
  beforeEach(async () => {
    api = await startApi()
  })
  const owner = (controller = true) => ({ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: `u-${controller}`, controller })

  it.each([
    ['ConfigMap', MAPS, {}, 4],
    ['Deployment', DEPLOYMENTS, { spec: { selector: { matchLabels: { app: 'a' } }, template } }, 3],
    ['LimitRange', '/api/v1/namespaces/default/limitranges', { spec: { limits: [] } }, 3],
    ['PodDisruptionBudget', '/apis/policy/v1/namespaces/default/poddisruptionbudgets', { spec: { minAvailable: 1 } }, 2],
  ])('is looked at for every kind and by the rules of a %s', async (_, path, rest, times) => {
    await api.send('POST', path, { metadata: { name: 'x' }, ...rest })
    const answer = await api.send('PATCH', `${path}/x`, { metadata: { labels: { '-': 'a' } } }, MERGE)
    expect(causes(answer)).toHaveLength(times)
    expect(answer.body.message.match(/name part/g)).toHaveLength(1)
    const owners = [owner(), { ...owner(), uid: 'v' }]
    expect(causes(await api.send('PATCH', `${path}/x`, { metadata: { ownerReferences: owners } }, MERGE))).toHaveLength(times)
  })
})

describe('names', () => {
  it.each([
    ['/..', '"..": may not be \'..\''],
    ['/.', '".": may not be \'.\''],
    ['/%2e%2E', '"..": may not be \'..\''],
    ['/a%25b', '"a%b": may not contain \'%\''],
  ])('of the path %s are refused as names', async (name, why) => {
    const { handle } = await createApi({ store: new MemoryStore(), tokens: [{ token: 'a', user: { name: 'a', groups: [MASTERS] } }] })
    for (const method of ['GET', 'DELETE']) {
      const answer = await handle(
        requestOf({
          rawPath: `${MAPS}${name}`,
          rawQueryString: '',
          headers: { host: 'api', authorization: 'Bearer a' },
          requestContext: { http: { method } },
          isBase64Encoded: false,
        } as unknown as Parameters<typeof requestOf>[0]),
      )
      expect(answer.status).toBe(400)
      expect(await answer.json()).toMatchObject({ message: `Name parameter invalid: ${why}`, reason: 'BadRequest' })
    }
  })
})

describe('growing', () => {
  it('is for pods whose node is there', async () => {
    const api = await startApi()
    const pods = '/api/v1/namespaces/default/pods'
    const container = (cpu: string) => ({ name: 'c', image: 'i:1', resources: { requests: { cpu } } })
    const pod = (nodeName?: string) => ({ containers: [container('1')], ...(nodeName === undefined ? {} : { nodeName }) })
    await api.send('POST', pods, { metadata: { name: 'lost' }, spec: pod('gone') })
    await api.send('POST', pods, { metadata: { name: 'free' }, spec: pod() })
    const patch = { spec: { containers: [container('500m')] } }
    const resize = (name: string) => api.send('PATCH', `${pods}/${name}/resize`, patch, 'application/strategic-merge-patch+json')
    expect(await resize('lost')).toMatchObject({ code: 403, body: { message: 'pods "lost" is forbidden: node "gone" not found' } })
    expect(await resize('free')).toMatchObject({ code: 200 })
  })
})
