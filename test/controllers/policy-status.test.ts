// What is said of a policy's expressions: whether they fit the types that the policy is for.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ValidatingAdmissionPolicy } from '../../shared/api/admissionregistration/v1.ts'
import { VALIDATING_ADMISSION_POLICIES } from '../../shared/controllers/collections.ts'
import { customResourceDefinitionController } from '../../shared/controllers/customresourcedefinition.ts'
import { validatingAdmissionPolicyStatus } from '../../shared/controllers/validatingadmissionpolicystatus.ts'
import { TestCluster } from './cluster.ts'

let cluster: TestCluster
beforeEach(async () => {
  cluster = await TestCluster.start({ controllers: [validatingAdmissionPolicyStatus, customResourceDefinitionController] })
})
afterEach(() => cluster.stop())

const rule = (group: string, ...resources: string[]) => ({ apiGroups: [group], apiVersions: ['v1'], operations: ['CREATE'], resources })
const DEPLOYMENTS = [rule('apps', 'deployments')]

interface Wanted {
  readonly rules?: readonly object[]
  readonly validations: readonly object[]
  readonly more?: object
}

async function statusOf(name: string) {
  await cluster.calm()
  return (await cluster.client.get<ValidatingAdmissionPolicy>(VALIDATING_ADMISSION_POLICIES, undefined, name))?.status
}

async function warnings({ rules = DEPLOYMENTS, validations, more = {} }: Wanted) {
  const name = `p${++count}`
  await cluster.client.create(VALIDATING_ADMISSION_POLICIES, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: { matchConstraints: { resourceRules: rules }, validations, ...more },
  } as never)
  const status = await statusOf(name)
  expect(status?.observedGeneration).toBe(1)
  return status?.typeChecking?.expressionWarnings
}
let count = 0
const of = (expression: string, rest: Partial<Wanted> = {}) => warnings({ ...rest, validations: [{ expression }] })

describe('an expression', () => {
  test('that fits is said nothing of', async () => {
    expect(await of('object.spec.replicas > 1 && has(object.spec.template.spec.nodeSelector)')).toBeUndefined()
    expect(await statusOf('p1')).toEqual({ observedGeneration: 1, typeChecking: {} })
  })
  test('that names what the type has not is told for each type', async () => {
    expect(await of('object.replicas > 1', { rules: [rule('apps', 'replicasets', 'deployments'), rule('', 'pods')] })).toEqual([
      {
        fieldRef: 'spec.validations[0].expression',
        warning: ['/v1, Kind=Pod', 'apps/v1, Kind=Deployment', 'apps/v1, Kind=ReplicaSet']
          .map(kind => `${kind}: ERROR: <input>:1:7: undefined field 'replicas'\n | object.replicas > 1\n | ......^\n`)
          .join('\n'),
      },
    ])
  })
  test('that compares what cannot be compared is told, and in a message too', async () => {
    const expression = 'object.spec.replicas == "1"'
    const found = await warnings({ validations: [{ expression: 'true' }, { expression, messageExpression: 'object.metadata.nam' }] })
    expect(found?.map(({ fieldRef }) => fieldRef)).toEqual(['spec.validations[1].expression', 'spec.validations[1].messageExpression'])
    expect(found?.[0]?.warning).toContain("found no matching overload for '_==_' applied to '(int, string)'")
    expect(found?.[1]?.warning).toContain("undefined field 'nam'")
  })
  test.each([
    'oldObject == null || object.spec == oldObject.spec',
    'object.spec.template.spec.containers.all(c, c.image.startsWith("x") && !has(c.securityContext))',
    'object.metadata.labels["app"] in ["a"] || "app" in object.metadata.annotations',
    'quantity(object.spec.template.spec.containers[0].resources.limits["cpu"]).isLessThan(quantity("1"))',
    'object.metadata.creationTimestamp < timestamp("2030-01-01T00:00:00Z")',
    'object.spec.strategy.rollingUpdate.maxSurge == 1 || object.spec.strategy.rollingUpdate.maxSurge == "25%"',
    'request.userInfo.groups.exists(g, g == "x") && namespaceObject.metadata.labels["a"] == "b"',
    "authorizer.group('').resource('pods').check('create').allowed()",
    'object.spec.template.spec.containers.exists(c, c.livenessProbe.httpGet.port == 80)',
    'object.metadata.managedFields.all(m, m.manager != "x")',
  ])('of common use fits: %s', async expression => {
    expect(await of(expression)).toBeUndefined()
  })
})

test('an expression that asks of the request what it has not is refused when it is written', async () => {
  await expect(of('request.object.spec.replicas > 1')).rejects.toThrow(
    'spec.validations[0].expression: Invalid value: "request.object.spec.replicas > 1": compilation failed: ERROR: <input>:1:8: undefined field \'object\'',
  )
  await expect(of('namespaceObject.labels["a"] == "b"')).rejects.toThrow("undefined field 'labels'")
  await expect(of('request.dryRun == "yes"')).rejects.toThrow("found no matching overload for '_==_' applied to '(bool, string)'")
})

describe('what is looked at', () => {
  test('is not what a rule names by a star, nor parts of objects', async () => {
    expect(
      await of('object.bogus', { rules: [rule('apps', '*'), rule('', 'pods/status'), { ...rule('', 'pods'), apiVersions: ['*'] }] }),
    ).toBeUndefined()
  })
  test('are variables as well', async () => {
    const variables = [
      { name: 'n', expression: 'object.spec.replicas' },
      { name: 'twice', expression: 'variables.n * 2' },
      { name: 'wrong', expression: 'object.bogus' },
    ]
    expect(await of('variables.twice > 2 && variables.wrong == "x"', { more: { variables } })).toBeUndefined()
    expect((await of('variables.n == "2"', { more: { variables } }))?.[0]?.warning).toContain("applied to '(int, string)'")
  })
  test('are parameters of kinds that are known', async () => {
    const more = { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } }
    expect(await of('params.data["x"] == object.metadata.name', { more })).toBeUndefined()
    expect((await of('params.spec == 1', { more }))?.[0]?.warning).toContain("undefined field 'spec'")
  })
  test('are custom kinds', async () => {
    const openAPIV3Schema = {
      type: 'object',
      properties: {
        spec: { type: 'object', properties: { size: { type: 'integer' }, when: { type: 'string', format: 'date-time' } } },
      },
    }
    await cluster.client.create({ group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' }, {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'widgets.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
      },
    } as never)
    await cluster.calm()
    const rules = [rule('example.com', 'widgets')]
    expect(await of('object.spec.size > 1 && object.metadata.name != "" && object.spec.when != null', { rules })).toBeUndefined()
    expect((await of('object.spec.colour == "red"', { rules }))?.[0]?.warning).toBe(
      'example.com/v1, Kind=Widget: ERROR: <input>:1:12: undefined field \'colour\'\n | object.spec.colour == "red"\n | ...........^\n',
    )
  })
})

test('a change is looked at anew, and a policy that has not changed is not', async () => {
  expect(await of('object.bogus == 1')).toHaveLength(1)
  const [{ metadata }] = (await cluster.store.list(VALIDATING_ADMISSION_POLICIES)).items.map(({ object }) => object) as [
    ValidatingAdmissionPolicy,
  ]
  const body = { spec: { validations: [{ expression: 'object.spec.paused' }] } }
  await cluster.client.patch(VALIDATING_ADMISSION_POLICIES, undefined, metadata.name, { type: 'merge', body })
  expect(await statusOf(metadata.name)).toEqual({ observedGeneration: 2, typeChecking: {} })
  const { resourceVersion } = (await cluster.client.get(VALIDATING_ADMISSION_POLICIES, undefined, metadata.name))!.metadata
  cluster.enqueue('validatingadmissionpolicy-status', `/${metadata.name}`)
  await cluster.calm()
  expect((await cluster.client.get(VALIDATING_ADMISSION_POLICIES, undefined, metadata.name))!.metadata.resourceVersion).toBe(
    resourceVersion,
  )
})
