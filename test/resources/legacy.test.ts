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
    expect(all.filter(({ categories }: { categories?: string[] }) => categories !== undefined)).toEqual([])
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
})
