// What manifests and clients of 2018 ask for.
import { beforeEach, describe, expect, it } from 'vitest'
import { startApi, type TestApi, template } from './api.ts'

const MAX_INT32 = 2147483647
const EXTENSIONS = '/apis/extensions/v1beta1/namespaces/default'
const APPS = '/apis/apps/v1/namespaces/default'
const OLD_APPS = '/apis/apps/v1beta1/namespaces/default'
const MERGE = 'application/merge-patch+json'

describe('versions of 2018', () => {
  let api: TestApi
  beforeEach(async () => {
    api = await startApi({ legacy: true })
  })

  it('fills in what an extensions/v1beta1 Deployment leaves out, and shows it in every version', async () => {
    const created = await api.send('POST', `${EXTENSIONS}/deployments`, { metadata: { name: 'd' }, spec: { template } })
    expect(created).toMatchObject({
      code: 201,
      warning: expect.stringContaining(
        'extensions/v1beta1 Deployment is deprecated in v1.8+, unavailable in v1.16+; use apps/v1 Deployment',
      ),
      body: { apiVersion: 'extensions/v1beta1', metadata: { labels: { app: 'a' } } },
    })
    const { body } = await api.send('GET', `${APPS}/deployments/d`)
    expect(body).toMatchObject({
      apiVersion: 'apps/v1',
      metadata: { uid: created.body.metadata.uid, resourceVersion: created.body.metadata.resourceVersion },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'a' } },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } },
        revisionHistoryLimit: MAX_INT32,
        progressDeadlineSeconds: MAX_INT32,
      },
    })
  })

  it('has other defaults in apps/v1beta1, and asks for a selector in apps/v1beta2', async () => {
    const { body } = await api.send('POST', `${OLD_APPS}/deployments`, { metadata: { name: 'd' }, spec: { template } })
    expect(body.spec).toMatchObject({
      strategy: { rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
      revisionHistoryLimit: 2,
      progressDeadlineSeconds: 600,
    })
    const refused = await api.send('POST', '/apis/apps/v1beta2/namespaces/default/deployments', {
      metadata: { name: 'e' },
      spec: { template },
    })
    expect(refused.code).toBe(422)
    expect(refused.body.message).toContain('spec.selector: Required value')
  })

  it('lets selectors change through the oldest versions only', async () => {
    await api.send('POST', `${EXTENSIONS}/deployments`, { metadata: { name: 'd' }, spec: { template } })
    const patch = { spec: { selector: { matchLabels: { b: 'b' } }, template: { metadata: { labels: { b: 'b' } } } } }
    expect((await api.send('PATCH', `${APPS}/deployments/d`, patch, MERGE)).code).toBe(422)
    expect((await api.send('PATCH', `${EXTENSIONS}/deployments/d`, patch, MERGE)).code).toBe(200)
  })

  it('counts templates of a DaemonSet, in a field or in an annotation', async () => {
    const { body } = await api.send('POST', `${EXTENSIONS}/daemonsets`, { metadata: { name: 'd' }, spec: { template } })
    expect(body.spec).toMatchObject({ templateGeneration: 1, updateStrategy: { type: 'OnDelete' } })
    expect(body.metadata.annotations).toBeUndefined()
    const image = { spec: { template: { metadata: { annotations: { a: 'b' } } } } }
    const changed = await api.send('PATCH', `${EXTENSIONS}/daemonsets/d`, image, MERGE)
    expect(changed.body.spec.templateGeneration).toBe(2)
    const latest = await api.send('GET', `${APPS}/daemonsets/d`)
    expect(latest.body.metadata.annotations).toEqual({ 'deprecated.daemonset.template.generation': '2' })
    expect(latest.body.spec.templateGeneration).toBeUndefined()
  })

  it('does not restart pods of an apps/v1beta1 StatefulSet by itself', async () => {
    const { body } = await api.send('POST', `${OLD_APPS}/statefulsets`, { metadata: { name: 's' }, spec: { serviceName: 's', template } })
    expect(body.spec.updateStrategy).toEqual({ type: 'OnDelete' })
  })

  it('takes rollbacks, which the controller finds in an annotation', async () => {
    await api.send('POST', `${EXTENSIONS}/deployments`, { metadata: { name: 'd' }, spec: { template } })
    const rollback = {
      kind: 'DeploymentRollback',
      apiVersion: 'extensions/v1beta1',
      name: 'd',
      updatedAnnotations: { 'kubernetes.io/change-cause': 'undo' },
      rollbackTo: { revision: 3 },
    }
    expect((await api.send('POST', `${EXTENSIONS}/deployments/d/rollback`, rollback)).code).toBe(201)
    expect((await api.send('POST', `${APPS}/deployments/d/rollback`, rollback)).code).toBe(404)
    const latest = await api.send('GET', `${APPS}/deployments/d`)
    expect(latest.body.metadata.annotations).toEqual({ 'deprecated.deployment.rollback.to': '3', 'kubernetes.io/change-cause': 'undo' })
    const old = await api.send('GET', `${EXTENSIONS}/deployments/d`)
    expect(old.body.spec.rollbackTo).toEqual({ revision: 3 })
    expect(old.body.metadata.annotations).toEqual({ 'kubernetes.io/change-cause': 'undo' })
  })

  it('knows the backends of an old Ingress', async () => {
    const backend = { serviceName: 's', servicePort: 'http' }
    const spec = { backend: { serviceName: 'other', servicePort: 80 }, rules: [{ http: { paths: [{ path: '/x', backend }] } }] }
    const created = await api.send('POST', `${EXTENSIONS}/ingresses`, { metadata: { name: 'i' }, spec })
    expect(created.code).toBe(201)
    const latest = await api.send('GET', '/apis/networking.k8s.io/v1/namespaces/default/ingresses/i')
    expect(latest.body.spec).toEqual({
      defaultBackend: { service: { name: 'other', port: { number: 80 } } },
      rules: [
        {
          http: {
            paths: [{ path: '/x', pathType: 'ImplementationSpecific', backend: { service: { name: 's', port: { name: 'http' } } } }],
          },
        },
      ],
    })
    const old = await api.send('GET', `${EXTENSIONS}/ingresses/i`)
    expect(old.body.spec).toEqual(spec)
    const newer = await api.send('GET', '/apis/networking.k8s.io/v1beta1/namespaces/default/ingresses/i')
    expect(newer.body.spec.rules[0].http.paths[0]).toMatchObject({ backend, pathType: 'ImplementationSpecific' })
  })

  it('keeps what an empty selector of a budget means', async () => {
    const path = (version: string) => `/apis/policy/${version}/namespaces/default/poddisruptionbudgets`
    const spec = { minAvailable: 1, selector: {} }
    await api.send('POST', path('v1beta1'), { metadata: { name: 'none' }, spec })
    await api.send('POST', path('v1'), { metadata: { name: 'all' }, spec })
    const mark = 'pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match'
    const selector = async (version: string, name: string) => (await api.send('GET', `${path(version)}/${name}`)).body.spec.selector
    expect(await selector('v1', 'none')).toEqual({ matchExpressions: [{ key: mark, operator: 'Exists' }] })
    expect(await selector('v1beta1', 'none')).toEqual({})
    expect(await selector('v1beta1', 'all')).toEqual({ matchExpressions: [{ key: mark, operator: 'DoesNotExist' }] })
  })

  it('lists the old versions behind the new ones, and only when asked to', async () => {
    const { body } = await api.send('GET', '/apis/apps')
    expect(body.versions.map(({ version }: { version: string }) => version)).toEqual(['v1', 'v1beta2', 'v1beta1'])
    const groups = (await api.send('GET', '/apis')).body.groups.map(({ name }: { name: string }) => name)
    expect(groups.at(-1)).toBe('extensions')
    const { resources: all } = (await api.send('GET', '/apis/extensions/v1beta1')).body
    expect(all.filter((one: object) => 'categories' in one || 'shortNames' in one)).toEqual([])
    const resources = (await api.send('GET', '/apis/extensions/v1beta1')).body.resources.map(({ name }: { name: string }) => name)
    expect(resources).toEqual(expect.arrayContaining(['deployments/rollback', 'daemonsets/status', 'ingresses', 'networkpolicies']))
    expect((await (await startApi()).send('GET', '/apis/apps')).body.versions).toHaveLength(1)
  })

  it('asks in its OpenAPI documents for what the version asked for', async () => {
    const { definitions } = (await api.send('GET', '/openapi/v2')).body
    const required = (name: string) => definitions[`io.k8s.api.${name}`].required
    expect(required('extensions.v1beta1.DeploymentSpec')).toEqual(['template'])
    expect(required('extensions.v1beta1.DaemonSetSpec')).toEqual(['template'])
    expect(required('apps.v1beta1.StatefulSetSpec')).toEqual(['template'])
    expect(required('apps.v1beta2.DeploymentSpec')).toEqual(['selector', 'template'])
    expect(required('apps.v1.DeploymentSpec')).toEqual(['selector', 'template'])
  })

  it('serves old versions of kinds that only changed their number', async () => {
    const role = { metadata: { name: 'r' }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] }
    expect((await api.send('POST', '/apis/rbac.authorization.k8s.io/v1beta1/namespaces/default/roles', role)).code).toBe(201)
    const cronJob = {
      metadata: { name: 'c' },
      spec: { schedule: '* * * * *', jobTemplate: { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } } },
    }
    const { code, body } = await api.send('POST', '/apis/batch/v1beta1/namespaces/default/cronjobs', cronJob)
    expect(code).toBe(201)
    expect(body.spec).toMatchObject({ successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 })
  })

  it('flattens the metrics of an autoscaler in v2beta1, and loses none', async () => {
    const path = (version: string) => `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers`
    const scaleTargetRef = { apiVersion: 'extensions/v1beta1', kind: 'Deployment', name: 'd' }
    const metrics = [
      { type: 'Resource', resource: { name: 'cpu', targetAverageUtilization: 70 } },
      { type: 'Resource', resource: { name: 'memory', targetAverageValue: '1Gi' } },
      { type: 'Pods', pods: { metricName: 'rps', targetAverageValue: '100' } },
      { type: 'Object', object: { metricName: 'hits', target: { apiVersion: 'v1', kind: 'Service', name: 's' }, targetValue: '2k' } },
      { type: 'External', external: { metricName: 'depth', metricSelector: { matchLabels: { a: 'b' } }, targetAverageValue: '5' } },
    ]
    const created = await api.send('POST', path('v2beta1'), { metadata: { name: 'h' }, spec: { maxReplicas: 3, scaleTargetRef, metrics } })
    expect(created.code).toBe(201)
    const latest = (await api.send('GET', `${path('v2')}/h`)).body
    expect(latest.spec.metrics).toEqual([
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
      { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } } },
      { type: 'Pods', pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '100' } } },
      {
        type: 'Object',
        object: {
          describedObject: { apiVersion: 'v1', kind: 'Service', name: 's' },
          metric: { name: 'hits' },
          target: { type: 'Value', value: '2k' },
        },
      },
      {
        type: 'External',
        external: { metric: { name: 'depth', selector: { matchLabels: { a: 'b' } } }, target: { type: 'AverageValue', averageValue: '5' } },
      },
    ])
    const behavior = { scaleDown: { stabilizationWindowSeconds: 7 } }
    await api.send('PATCH', `${path('v2')}/h`, { spec: { behavior } }, MERGE)
    const old = (await api.send('GET', `${path('v2beta1')}/h`)).body
    expect(old).toMatchObject({ apiVersion: 'autoscaling/v2beta1', spec: { metrics, minReplicas: 1 } })
    expect((await api.send('PUT', `${path('v2beta1')}/h`, { ...old, spec: { ...old.spec, maxReplicas: 4 } })).code).toBe(200)
    const after = (await api.send('GET', `${path('v2')}/h`)).body
    expect(after.spec).toMatchObject({
      maxReplicas: 4,
      metrics: latest.spec.metrics,
      behavior: { scaleDown: { stabilizationWindowSeconds: 7 } },
    })
    expect(after.metadata.annotations).toBeUndefined()
    expect((await api.send('GET', `${path('v2beta2')}/h`)).body.spec).toEqual(after.spec)
    const bare = await api.send('POST', path('v2beta1'), { metadata: { name: 'bare' }, spec: { maxReplicas: 3, scaleTargetRef } })
    expect(bare.body.spec.metrics).toEqual([{ type: 'Resource', resource: { name: 'cpu', targetAverageUtilization: 80 } }])
  })

  it('knows a signer for requests that name none, in the old version alone', async () => {
    const pem = '-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----\n'
    const request = Buffer.from(pem).toString('base64')
    const csr = (name: string, spec: object = {}) => ({ metadata: { name }, spec: { request, ...spec } })
    const { code, body } = await api.send('POST', '/apis/certificates.k8s.io/v1beta1/certificatesigningrequests', csr('old'))
    expect(code).toBe(201)
    expect(body.spec).toMatchObject({ signerName: 'kubernetes.io/legacy-unknown', usages: ['digital signature', 'key encipherment'] })
    const asked = { signerName: 'kubernetes.io/legacy-unknown', usages: ['digital signature'] }
    expect((await api.send('POST', '/apis/certificates.k8s.io/v1/certificatesigningrequests', csr('new', asked))).code).toBe(422)
  })

  it('finds node and zone of an endpoint in its topology', async () => {
    const path = (version: string) => `/apis/discovery.k8s.io/${version}/namespaces/default/endpointslices`
    const topology = { 'kubernetes.io/hostname': 'n', 'topology.kubernetes.io/zone': 'z', other: 'x' }
    const slice = { metadata: { name: 'e' }, addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'], topology }] }
    expect((await api.send('POST', path('v1beta1'), slice)).code).toBe(201)
    expect((await api.send('GET', `${path('v1')}/e`)).body.endpoints[0]).toMatchObject({
      nodeName: 'n',
      zone: 'z',
      deprecatedTopology: { other: 'x' },
    })
    expect((await api.send('GET', `${path('v1beta1')}/e`)).body.endpoints[0].topology).toEqual(topology)
  })

  it('answers reviews of the old version', async () => {
    const resourceAttributes = { verb: 'get', resource: 'pods' }
    const asked = { spec: { user: 'u', group: ['system:masters'], resourceAttributes } }
    const { code, body } = await api.send('POST', '/apis/authorization.k8s.io/v1beta1/subjectaccessreviews', asked)
    expect(code).toBe(201)
    expect(body).toMatchObject({
      apiVersion: 'authorization.k8s.io/v1beta1',
      spec: { group: ['system:masters'] },
      status: { allowed: true },
    })
    const token = await api.send('POST', '/apis/authentication.k8s.io/v1beta1/tokenreviews', { spec: { token: 'admin' } })
    expect(token.body).toMatchObject({ apiVersion: 'authentication.k8s.io/v1beta1', status: { authenticated: true } })
  })

  it('keeps a CronJob of batch/v2alpha1 and an Event of events.k8s.io/v1beta1', async () => {
    const spec = {
      schedule: '* * * * *',
      jobTemplate: { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } },
    }
    expect((await api.send('POST', '/apis/batch/v2alpha1/namespaces/default/cronjobs', { metadata: { name: 'c' }, spec })).code).toBe(201)
    expect((await api.send('GET', '/apis/batch/v1/namespaces/default/cronjobs/c')).body.spec).toMatchObject(spec)
    const event = {
      metadata: { name: 'e' },
      eventTime: '2018-01-01T00:00:00.000000Z',
      reportingController: 'x/y',
      reportingInstance: 'i',
      action: 'a',
      reason: 'r',
      type: 'Normal',
      note: 'n',
      regarding: { kind: 'Pod', namespace: 'default', name: 'p' },
    }
    expect((await api.send('POST', '/apis/events.k8s.io/v1beta1/namespaces/default/events', event)).code).toBe(201)
    expect((await api.send('GET', '/api/v1/namespaces/default/events/e')).body).toMatchObject({
      message: 'n',
      involvedObject: { name: 'p' },
    })
  })

  it('serves the kinds of an old definition: one schema without types for all versions, and nothing dropped', async () => {
    const path = (version: string) => `/apis/apiextensions.k8s.io/${version}/customresourcedefinitions`
    const spec = {
      group: 'example.com',
      version: 'v1',
      scope: 'Namespaced',
      names: { plural: 'foos', singular: 'foo', kind: 'Foo', shortNames: ['f'] },
      subresources: { status: {} },
      additionalPrinterColumns: [{ name: 'Size', type: 'integer', JSONPath: '.spec.size' }],
      validation: { openAPIV3Schema: { properties: { spec: { properties: { size: { type: 'integer', minimum: 1 }, any: {} } } } } },
    }
    const created = await api.send('POST', path('v1beta1'), { metadata: { name: 'foos.example.com' }, spec })
    expect(created).toMatchObject({
      code: 201,
      warning: expect.stringContaining('apiextensions.k8s.io/v1beta1 CustomResourceDefinition is deprecated in v1.16+'),
      body: { spec: { version: 'v1', versions: [{ name: 'v1', served: true, storage: true }], preserveUnknownFields: true } },
    })
    expect(created.body.spec).toMatchObject({ ...spec, validation: expect.anything() })
    const latest = (await api.send('GET', `${path('v1')}/foos.example.com`)).body.spec
    expect(latest.versions).toMatchObject([
      { name: 'v1', subresources: { status: {} }, additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }] },
    ])
    expect(latest).not.toHaveProperty('version')
    const foos = '/apis/example.com/v1/namespaces/default/foos'
    const foo = (size: number) => ({
      apiVersion: 'example.com/v1',
      kind: 'Foo',
      metadata: { name: 'f' },
      spec: { size, any: [1], more: { x: 1 } },
    })
    expect((await api.send('POST', foos, foo(0))).code).toBe(422)
    const stored = await api.send('POST', foos, foo(2))
    expect({ code: stored.code, spec: stored.body.spec }).toEqual({ code: 201, spec: foo(2).spec })
  })

  it('takes the Scale of a version that had its own', async () => {
    await api.send('POST', `${EXTENSIONS}/deployments`, { metadata: { name: 'd' }, spec: { template } })
    const scale = { apiVersion: 'extensions/v1beta1', kind: 'Scale', metadata: { name: 'd' }, spec: { replicas: 4 } }
    const status = { replicas: 1, selector: { app: 'a' }, targetSelector: 'app=a' }
    const scaled = await api.send('PUT', `${EXTENSIONS}/deployments/d/scale`, { ...scale, status })
    expect(scaled).toMatchObject({ code: 200, body: { apiVersion: 'autoscaling/v1', kind: 'Scale', spec: { replicas: 4 } } })
    expect((await api.send('GET', `${APPS}/deployments/d`)).body.spec.replicas).toBe(4)
    const today = { ...scale, apiVersion: 'autoscaling/v1' }
    expect((await api.send('PUT', `${EXTENSIONS}/deployments/d/scale`, today)).code).toBe(200)
    expect((await api.send('PUT', `${APPS}/deployments/d/scale`, scale)).code).toBe(400)
  })

  it('reads the subjects of rbac.authorization.k8s.io/v1alpha1', async () => {
    const rbac = (version: string) => `/apis/rbac.authorization.k8s.io/${version}/namespaces/default/rolebindings`
    const subjects = [
      { kind: 'User', name: '*' },
      { kind: 'User', name: 'jane' },
      { kind: 'ServiceAccount', name: 'robot', namespace: 'default' },
    ]
    const created = await api.send('POST', rbac('v1alpha1'), { metadata: { name: 'b' }, subjects, roleRef: { kind: 'Role', name: 'r' } })
    const group = 'rbac.authorization.k8s.io'
    expect(created).toMatchObject({
      code: 201,
      body: {
        subjects: [
          { kind: 'Group', name: 'system:authenticated', apiVersion: `${group}/v1alpha1` },
          { kind: 'User', name: 'jane', apiVersion: `${group}/v1alpha1` },
          { kind: 'ServiceAccount', name: 'robot', namespace: 'default', apiVersion: 'v1' },
        ],
        roleRef: { apiGroup: group, kind: 'Role', name: 'r' },
      },
    })
    expect((await api.send('GET', `${rbac('v1')}/b`)).body.subjects).toEqual([
      { kind: 'Group', name: 'system:authenticated', apiGroup: group },
      { kind: 'User', name: 'jane', apiGroup: group },
      { kind: 'ServiceAccount', name: 'robot', namespace: 'default' },
    ])
  })

  it('serves admission policies in the versions that they came in', async () => {
    const path = (version: string) => `/apis/admissionregistration.k8s.io/${version}/mutatingadmissionpolicies`
    const resourceRules = [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }]
    const mutations = [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } }]
    const spec = { matchConstraints: { resourceRules }, reinvocationPolicy: 'Never', mutations }
    for (const version of ['v1beta1', 'v1alpha1']) {
      const { code, body } = await api.send('POST', path(version), { metadata: { name: version }, spec })
      expect([code, body.apiVersion, body.spec.failurePolicy]).toEqual([201, `admissionregistration.k8s.io/${version}`, 'Fail'])
    }
    expect((await api.send('GET', path('v1'))).body.items).toHaveLength(2)
  })
})
