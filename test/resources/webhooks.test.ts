// Webhooks that really answer, over HTTPS with a certificate of their own: by URL and by service.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { serverCertificate } from '../../localstack/host/certificates.ts'
import { startApi, type TestApi } from './api.ts'

const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1'
const MAPS = '/api/v1/namespaces/default/configmaps'
/** Of this machine, and none that slices may not have. */
const address = Object.values(networkInterfaces())
  .flat()
  .find(one => one?.family === 'IPv4' && !one.internal)?.address
const folder = mkdtempSync(join(tmpdir(), 'zeroplane-webhooks-'))

interface Review {
  readonly kind: string
  readonly apiVersion: string
  readonly request: {
    readonly uid: string
    readonly operation: string
    readonly object: Named | null
    readonly oldObject: Named | null
    readonly dryRun: boolean
  }
}
interface Named {
  readonly metadata: { readonly name: string; readonly labels?: Record<string, string> }
  readonly data?: Record<string, string>
}

let server: Server
let ca: string
let port: number
/** What the webhook answers, by path. */
let answers: Record<string, (review: Review) => object>
let calls: string[]

beforeAll(async () => {
  const certificate = await serverCertificate(folder, ['127.0.0.1', 'hook.default.svc'], Date.now())
  ca = Buffer.from(certificate.ca).toString('base64')
  server = createServer({ key: certificate.key, cert: certificate.cert }, async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const path = (request.url ?? '').split('?')[0] ?? ''
    const review = JSON.parse(text) as Review
    calls.push(`${path} ${review.request.operation}`)
    const answer = answers[path]?.(review)
    const { apiVersion, kind } = review
    // Webhooks of v1beta1 need not repeat the uid.
    const uid = apiVersion.endsWith('/v1beta1') ? {} : { uid: review.request.uid }
    const body = answer === undefined ? undefined : { kind, apiVersion, response: { ...uid, ...answer } }
    response.writeHead(body === undefined ? 500 : 200, { 'content-type': 'application/json' })
    response.end(body === undefined ? 'broken' : JSON.stringify(body))
  })
  await new Promise<void>(resolve => server.listen(0, resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

let api: TestApi
beforeEach(async () => {
  api = await startApi()
  calls = []
  answers = {}
})

const hook = (path: string, more: object = {}) => ({
  name: `${path.slice(1)}.hooks.example`,
  clientConfig: { url: `https://127.0.0.1:${port}${path}`, caBundle: ca },
  rules: [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }],
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  ...more,
})
const configure = async (kind: 'validating' | 'mutating', ...webhooks: object[]) =>
  expect(await api.send('POST', `${CONFIGURATIONS}/${kind}webhookconfigurations`, { metadata: { name: 'h' }, webhooks })).toMatchObject({
    code: 201,
  })
const patch = (...operations: object[]) => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
})
const create = (name: string, more: object = {}) => api.send('POST', MAPS, { metadata: { name }, ...more })

describe('a validating webhook', () => {
  it('is asked, refuses with its own words, and warns', async () => {
    answers['/check'] = ({ request }) =>
      request.object?.metadata.name === 'bad'
        ? { allowed: false, status: { code: 403, reason: 'Forbidden', message: 'not this one' } }
        : { allowed: true, warnings: ['be careful'] }
    await configure('validating', hook('/check'))
    expect(await create('bad')).toMatchObject({
      code: 403,
      body: { reason: 'Forbidden', message: 'admission webhook "check.hooks.example" denied the request: not this one' },
    })
    const good = await create('good')
    expect([good.code, good.warning]).toEqual([201, expect.stringContaining('be careful')])
  })

  it('sees updates with both states, and deletions with the old one', async () => {
    const seen: unknown[] = []
    answers['/see'] = ({ request }) => {
      seen.push([request.operation, request.object?.data?.k, request.oldObject?.data?.k])
      return { allowed: true }
    }
    await create('m', { data: { k: '1' } })
    await configure('validating', hook('/see'))
    await api.send('PATCH', `${MAPS}/m`, { data: { k: '2' } }, 'application/merge-patch+json')
    await api.send('DELETE', `${MAPS}/m`)
    expect(seen).toEqual([
      ['UPDATE', '2', '1'],
      ['DELETE', undefined, '2'],
    ])
  })

  it('that breaks refuses or lets pass, as its failure policy says', async () => {
    await configure('validating', hook('/broken'))
    expect(await create('m')).toMatchObject({ code: 500, body: { reason: 'InternalError' } })
    await api.send(
      'PATCH',
      `${CONFIGURATIONS}/validatingwebhookconfigurations/h`,
      [{ op: 'add', path: '/webhooks/0/failurePolicy', value: 'Ignore' }],
      'application/json-patch+json',
    )
    expect(await create('m')).toMatchObject({ code: 201 })
  })

  it('whose certificate nobody vouches for is not believed', async () => {
    answers['/check'] = () => ({ allowed: true })
    await configure('validating', hook('/check', { clientConfig: { url: `https://127.0.0.1:${port}/check` } }))
    const { code, body } = await create('m')
    expect([code, body.message, calls]).toEqual([500, expect.stringContaining('failed to verify certificate'), []])
  })

  it.skipIf(address === undefined)('is found by service, through an endpoint that is ready', async () => {
    answers['/service'] = () => ({ allowed: false, status: { message: 'by service' } })
    const ports = [{ name: 'https', port: 443, targetPort: port }]
    await api.send('POST', '/api/v1/namespaces/default/services', { metadata: { name: 'hook' }, spec: { ports } })
    await api.send('POST', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
      metadata: { name: 'hook-1', labels: { 'kubernetes.io/service-name': 'hook' } },
      addressType: 'IPv4',
      ports: [{ name: 'https', port, protocol: 'TCP' }],
      endpoints: [
        { addresses: ['192.0.2.1'], conditions: { ready: false } },
        { addresses: [address], conditions: { ready: true } },
      ],
    })
    const service = { namespace: 'default', name: 'hook', path: '/service' }
    await configure('validating', hook('/service', { clientConfig: { service, caBundle: ca } }))
    expect(await create('m')).toMatchObject({ code: 400, body: { message: expect.stringContaining('by service') } })
    await api.send('DELETE', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/hook-1')
    expect(await create('m')).toMatchObject({ code: 500, body: { message: expect.stringContaining('no endpoints available') } })
  })
})

describe('a mutating webhook', () => {
  it('changes objects before they are validated, one after the other, and again where it asks for it', async () => {
    answers['/label'] = ({ request }) => {
      const count = String(Number(request.object?.metadata.labels?.count ?? 0) + 1)
      return patch({ op: 'add', path: '/metadata/labels', value: { ...request.object?.metadata.labels, count } })
    }
    answers['/data'] = () => patch({ op: 'add', path: '/data', value: { from: 'webhook' } })
    await configure('mutating', hook('/label', { reinvocationPolicy: 'IfNeeded' }), hook('/data'))
    const { code, body } = await create('m')
    expect([code, body.metadata.labels, body.data]).toEqual([201, { count: '2' }, { from: 'webhook' }])
    expect(body.metadata).toMatchObject({ uid: expect.any(String), creationTimestamp: expect.any(String) })
    expect(calls).toEqual(['/label CREATE', '/data CREATE', '/label CREATE'])
  })

  it('is only asked for what its conditions and selectors choose, and never for configurations of admission', async () => {
    answers['/any'] = () => ({ allowed: true })
    const everything = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }]
    const matchConditions = [{ name: 'c', expression: "object.metadata.name.startsWith('yes') && request.operation == 'CREATE'" }]
    await configure('mutating', hook('/any', { rules: everything, matchConditions, objectSelector: { matchLabels: { ask: 'me' } } }))
    await create('yes-unlabelled')
    await create('no', { metadata: { name: 'no', labels: { ask: 'me' } } })
    await create('yes', { metadata: { name: 'yes', labels: { ask: 'me' } } })
    await api.send('DELETE', `${CONFIGURATIONS}/mutatingwebhookconfigurations/h`)
    expect(calls).toEqual(['/any CREATE'])
  })

  it('sees what policies made of the object, and calls them again where they ask for it', async () => {
    const seen: unknown[] = []
    answers['/label'] = ({ request }) => {
      seen.push(request.object?.metadata.labels)
      return patch({ op: 'add', path: '/metadata/labels/webhook', value: 'x' })
    }
    await configure('mutating', hook('/label'))
    const resourceRules = [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['*'], resources: ['configmaps'] }]
    const expression = "Object{metadata: Object.metadata{labels: {'policy': string(size(object.?metadata.labels.orValue({})))}}}"
    const mutations = [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }]
    const spec = { matchConstraints: { resourceRules }, reinvocationPolicy: 'IfNeeded', mutations }
    expect(await api.send('POST', `${CONFIGURATIONS}/mutatingadmissionpolicies`, { metadata: { name: 'p' }, spec })).toMatchObject({
      code: 201,
    })
    await api.send('POST', `${CONFIGURATIONS}/mutatingadmissionpolicybindings`, { metadata: { name: 'p' }, spec: { policyName: 'p' } })
    const { code, body } = await create('m')
    expect([code, body.metadata.labels, seen]).toEqual([201, { policy: '2', webhook: 'x' }, [{ policy: '0' }]])
  })
})

describe('a webhook of admissionregistration.k8s.io/v1beta1', () => {
  const OLD = '/apis/admissionregistration.k8s.io/v1beta1/validatingwebhookconfigurations'
  const old = (path: string) => {
    const { name, clientConfig, rules } = hook(path)
    return { metadata: { name: 'h' }, webhooks: [{ name, clientConfig, rules }] }
  }
  beforeEach(async () => {
    api = await startApi({ legacy: true })
  })

  it('has the defaults of its time, in either version', async () => {
    const created = await api.send('POST', OLD, old('/check'))
    const defaults = {
      failurePolicy: 'Ignore',
      matchPolicy: 'Exact',
      sideEffects: 'Unknown',
      timeoutSeconds: 30,
      admissionReviewVersions: ['v1beta1'],
    }
    expect(created).toMatchObject({
      code: 201,
      warning: expect.stringContaining(
        'is deprecated in v1.16+, unavailable in v1.22+; use admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration',
      ),
      body: { apiVersion: 'admissionregistration.k8s.io/v1beta1', webhooks: [defaults] },
    })
    const path = `${CONFIGURATIONS}/validatingwebhookconfigurations/h`
    expect(await api.send('GET', path)).toMatchObject({ code: 200, body: { webhooks: [defaults] } })
    // What v1beta1 took may stay when somebody changes the rest; new ones may not be so.
    expect(await api.send('PATCH', path, { metadata: { labels: { a: 'b' } } }, 'application/merge-patch+json')).toMatchObject({ code: 200 })
    const fresh = { ...created.body, metadata: { name: 'i' }, apiVersion: 'admissionregistration.k8s.io/v1' }
    expect((await api.send('POST', `${CONFIGURATIONS}/validatingwebhookconfigurations`, fresh)).body.message).toContain(
      'webhooks[0].sideEffects: Unsupported value: "Unknown": supported values: "None", "NoneOnDryRun"',
    )
  })

  it('is asked in v1beta1, and not at all when a dry run could have effects', async () => {
    const versions: string[] = []
    answers['/check'] = ({ apiVersion }) => {
      versions.push(apiVersion)
      return { allowed: false, status: { message: 'no' } }
    }
    await api.send('POST', OLD, old('/check'))
    expect(await create('m')).toMatchObject({ code: 400, body: { message: expect.stringContaining('denied the request: no') } })
    expect(versions).toEqual(['admission.k8s.io/v1beta1'])
    expect(await api.send('POST', `${MAPS}?dryRun=All`, { metadata: { name: 'm' } })).toMatchObject({
      code: 400,
      body: { reason: 'BadRequest', message: 'admission webhook "check.hooks.example" does not support dry run' },
    })
    expect(calls).toHaveLength(1)
  })
})
