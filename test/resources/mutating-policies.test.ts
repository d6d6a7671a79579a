// MutatingAdmissionPolicies: what they make of objects, in which order, and what happens where they cannot.
import { beforeEach, describe, expect, it } from 'vitest'
import { podSpec, startApi, type TestApi, template } from './api.ts'

const GROUP = '/apis/admissionregistration.k8s.io/v1'
const CORE = '/api/v1/namespaces/default'
const MERGE = 'application/merge-patch+json'

let api: TestApi
beforeEach(async () => {
  api = await startApi()
})

const apply = (expression: string) => ({ patchType: 'ApplyConfiguration', applyConfiguration: { expression } })
const patch = (expression: string) => ({ patchType: 'JSONPatch', jsonPatch: { expression } })
const rules = (apiGroups: string, resources: string, operations = ['CREATE', 'UPDATE']) => ({
  resourceRules: [{ apiGroups: [apiGroups], apiVersions: ['*'], operations, resources: [resources] }],
})
const policyOf = (name: string, mutations: readonly object[], spec: object = {}) => ({
  metadata: { name },
  spec: { matchConstraints: rules('', 'configmaps'), reinvocationPolicy: 'Never', mutations, ...spec },
})
async function policy(name: string, mutations: readonly object[], spec: object = {}, binding: object = {}): Promise<void> {
  expect(await api.send('POST', `${GROUP}/mutatingadmissionpolicies`, policyOf(name, mutations, spec))).toMatchObject({ code: 201 })
  const bound = { metadata: { name }, spec: { policyName: name, ...binding } }
  expect(await api.send('POST', `${GROUP}/mutatingadmissionpolicybindings`, bound)).toMatchObject({ code: 201 })
}
const configMap = (name: string, more: object = {}) => api.send('POST', `${CORE}/configmaps`, { metadata: { name }, ...more })
const label = (name: string, value = "'yes'") => `Object{metadata: Object.metadata{labels: {'${name}': ${value}}}}`

describe('a mutating policy', () => {
  it('merges apply configurations, patches, and sees after each mutation what it made', async () => {
    await policy('p', [
      apply(label('made', "request.operation + '-' + object.metadata.name")),
      patch(
        "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('golden.example/seen'), value: object.metadata.labels.made}]",
      ),
    ])
    const { code, body } = await configMap('a', { metadata: { name: 'a', labels: { own: 'x' } } })
    expect([code, body.metadata.labels]).toEqual([201, { own: 'x', made: 'CREATE-a', 'golden.example/seen': 'CREATE-a' }])
    const updated = await api.send('PATCH', `${CORE}/configmaps/a`, { metadata: { labels: null } }, MERGE)
    expect(updated.body.metadata.labels).toEqual({ made: 'UPDATE-a', 'golden.example/seen': 'UPDATE-a' })
  })

  it('changes what a dry run answers, and stores nothing', async () => {
    await policy('p', [apply(label('made', 'string(request.dryRun)'))])
    const { code, body } = await api.send('POST', `${CORE}/configmaps?dryRun=All`, { metadata: { name: 'a' } })
    expect([code, body.metadata.labels]).toEqual([201, { made: 'true' }])
    expect(await api.send('GET', `${CORE}/configmaps/a`)).toMatchObject({ code: 404 })
  })

  it('merges lists by their keys, with defaults for what it adds, and may leave out what is not there', async () => {
    const container = 'Object.spec.template.spec.containers'
    await policy(
      'p',
      [
        apply(`Object{spec: Object.spec{
          ?replicas: object.?metadata.annotations[?'replicas'].hasValue() ? optional.of(7) : optional.none(),
          template: Object.spec.template{spec: Object.spec.template.spec{containers: [
            ${container}{name: 'c', env: [${container}.env{name: 'A', value: 'a'}]},
            ${container}{name: 'added', image: 'registry.example/added', ports: [${container}.ports{containerPort: 8080}]}
          ]}}
        }}`),
      ],
      { matchConstraints: rules('apps', 'deployments') },
    )
    const spec = { selector: { matchLabels: { app: 'a' } }, template }
    const { code, body } = await api.send('POST', '/apis/apps/v1/namespaces/default/deployments', { metadata: { name: 'd' }, spec })
    expect([code, body.spec.replicas]).toEqual([201, 1])
    expect(body.spec.template.spec.containers).toMatchObject([
      { name: 'c', image: podSpec.containers[0]?.image, env: [{ name: 'A', value: 'a' }] },
      { name: 'added', ports: [{ containerPort: 8080, protocol: 'TCP' }], imagePullPolicy: 'Always' },
    ])
  })

  it('merges custom resources by their schema', async () => {
    const item = { type: 'object', required: ['name'], properties: { name: { type: 'string' }, size: { type: 'integer', default: 3 } } }
    const list = { type: 'array', items: item, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }
    const spec = { type: 'object', properties: { items: list, whole: { type: 'array', items: { type: 'string' } } } }
    const names = { plural: 'foos', singular: 'foo', kind: 'Foo' }
    const schema = { openAPIV3Schema: { type: 'object', properties: { spec } } }
    const versions = [{ name: 'v1', served: true, storage: true, schema }]
    const definition = { metadata: { name: 'foos.example.com' }, spec: { group: 'example.com', scope: 'Namespaced', names, versions } }
    expect(await api.send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)).toMatchObject({ code: 201 })
    const added = (members: string) => `Object{spec: Object.spec{${members}}}`
    await policy('p', [apply(added("items: [Object.spec.items{name: 'a', size: 5}, Object.spec.items{name: 'c'}]"))], {
      matchConstraints: rules('example.com', 'foos', ['CREATE']),
    })
    const foo = { apiVersion: 'example.com/v1', kind: 'Foo', metadata: { name: 'f' }, spec: { items: [{ name: 'a' }, { name: 'b' }] } }
    const { code, body } = await api.send('POST', '/apis/example.com/v1/namespaces/default/foos', foo)
    const items = [
      { name: 'a', size: 5 },
      { name: 'b', size: 3 },
      { name: 'c', size: 3 },
    ]
    expect([code, body.spec]).toEqual([201, { items }])
    const mutations = [apply(added("whole: ['x']"))]
    await api.send('PATCH', `${GROUP}/mutatingadmissionpolicies/p`, { spec: { mutations } }, MERGE)
    const refused = await api.send('POST', '/apis/example.com/v1/namespaces/default/foos', { ...foo, metadata: { name: 'g' } })
    expect(refused.body.message).toContain('may not mutate atomic arrays, maps or structs: .spec.whole')
  })

  it('leaves alone what its conditions, selectors and bindings do not choose, and never deletions or configurations of admission', async () => {
    await policy(
      'p',
      [apply(label('made'))],
      {
        matchConstraints: { ...rules('*', '*'), objectSelector: { matchLabels: { choose: 'me' } } },
        matchConditions: [{ name: 'c', expression: "object.metadata.name != 'not-me'" }],
      },
      { matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } } } },
    )
    const labels = { choose: 'me' }
    const made = async (name: string, own: object, path = `${CORE}/configmaps`) =>
      (await api.send('POST', path, { metadata: { name, labels: own } })).body.metadata.labels
    expect(await made('a', labels)).toEqual({ choose: 'me', made: 'yes' })
    expect(await made('b', {})).toBeUndefined()
    expect(await made('not-me', labels)).toEqual(labels)
    expect(await made('c', labels, '/api/v1/namespaces/kube-system/configmaps')).toEqual(labels)
    const other = { ...policyOf('q', [apply(label('x'))]), metadata: { name: 'q', labels } }
    expect((await api.send('POST', `${GROUP}/mutatingadmissionpolicies`, other)).body.metadata.labels).toEqual(labels)
    expect(await api.send('DELETE', `${CORE}/configmaps/a`)).toMatchObject({ code: 200 })
  })

  it('counts none of its operations when a test among them fails', async () => {
    await policy('p', [
      patch(`[JSONPatch{op: 'add', path: '/data/x', value: 'y'}, JSONPatch{op: 'test', path: '/data/k', value: 'wanted'}]`),
    ])
    expect((await configMap('a', { data: { k: 'other' } })).body.data).toEqual({ k: 'other' })
    expect((await configMap('b', { data: { k: 'wanted' } })).body.data).toEqual({ k: 'wanted', x: 'y' })
  })

  it('is applied once for each of its parameters, and sees variables, the namespace and rights', async () => {
    for (const name of ['one', 'two'])
      await configMap(name, { metadata: { name, labels: { use: 'yes' } }, data: { key: name, value: `${name}-value` } })
    await policy(
      'p',
      [
        apply(
          'Object{metadata: Object.metadata{labels: {params.data.key: params.data.value, "namespace": namespaceObject.metadata.name}}}',
        ),
        apply(label('may', 'variables.may')),
      ],
      {
        matchConstraints: rules('', 'secrets'),
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        variables: [{ name: 'may', expression: "string(authorizer.group('').resource('pods').check('delete').allowed())" }],
      },
      { paramRef: { selector: { matchLabels: { use: 'yes' } }, parameterNotFoundAction: 'Deny' } },
    )
    const { code, body } = await api.send('POST', `${CORE}/secrets`, { metadata: { name: 's' } })
    expect([code, body.message, body.metadata.labels]).toEqual([
      201,
      undefined,
      { one: 'one-value', two: 'two-value', namespace: 'default', may: 'true' },
    ])
  })
})

describe('reinvocation', () => {
  const count = (name: string) =>
    apply(`Object{metadata: Object.metadata{labels: {'${name}': string(int(object.?metadata.labels[?'${name}'].orValue('0')) + 1)}}}`)

  it('calls policies once more after others changed the object, where they ask for it', async () => {
    await policy('a', [count('a')], { reinvocationPolicy: 'IfNeeded' })
    await policy('b', [count('b')])
    await policy('c', [count('c')], { reinvocationPolicy: 'IfNeeded' })
    expect((await configMap('m')).body.metadata.labels).toEqual({ a: '2', b: '1', c: '2' })
  })

  it('lets the built-in plugins look at what a policy added', async () => {
    await policy('p', [patch("[JSONPatch{op: 'add', path: '/spec/containers/-', value: {'name': 'added', 'image': 'i'}}]")], {
      matchConstraints: rules('', 'pods', ['CREATE']),
    })
    const { code, body } = await api.send('POST', `${CORE}/pods`, { metadata: { name: 'p' }, spec: podSpec })
    expect(code).toBe(201)
    const mounts = body.spec.containers.map(({ name, volumeMounts = [] }: { name: string; volumeMounts?: { mountPath: string }[] }) => [
      name,
      volumeMounts.map(({ mountPath }) => mountPath),
    ])
    const token = '/var/run/secrets/kubernetes.io/serviceaccount'
    expect(mounts).toEqual([
      ['c', [token]],
      ['added', [token]],
    ])
    expect(body.spec.volumes).toHaveLength(1)
  })
})

describe('a mutating policy that fails', () => {
  const refusal = (message: string) => ({
    code: 403,
    body: {
      reason: 'Invalid',
      message: `policy 'p' with binding 'p' denied request: ${message}`,
      details: { name: 'a', kind: 'configmaps', causes: [{ message: `policy 'p' with binding 'p' denied request: ${message}` }] },
    },
  })
  const cases: Readonly<Record<string, readonly [mutation: object, message: string]>> = {
    'an expression that finds nothing': [
      apply("Object{data: {'x': object.data.missing}}"),
      "expression 'Object{data: {'x': object.data.missing}}' resulted in error: no such key: missing",
    ],
    'a member that the type has not': [
      apply('Object{spec: Object.spec{replicas: 1}}'),
      'error applying patch: failed to convert patch object to typed object: .spec: field not declared in schema',
    ],
    'a message in another place than its name says': [
      apply("Object{metadata: Object.meta{name: 'x'}}"),
      'type mismatch: unexpected type name "Object.meta", expected "Object.metadata", which matches field name path from root Object type',
    ],
    'what would be replaced as a whole': [
      apply("Object{metadata: Object.metadata{managedFields: [Object.metadata.managedFields{manager: 'x'}]}}"),
      'error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .metadata.managedFields',
    ],
    'an operation that does not apply': [
      patch("[JSONPatch{op: 'add', path: '/nowhere/x', value: 'y'}]"),
      'JSON Patch: add operation does not apply: doc is missing path: "/nowhere/x": missing value',
    ],
  }
  for (const [note, [mutation, message]] of Object.entries(cases)) {
    it(`refuses the request: ${note}`, async () => {
      await policy('p', [mutation])
      expect(await configMap('a', { data: { k: 'v' } })).toMatchObject(refusal(message))
    })
  }

  it('goes on with its other mutations and lets the request pass where it may be ignored', async () => {
    await policy('p', [apply("Object{data: {'x': object.data.missing}}"), apply(label('made'))], { failurePolicy: 'Ignore' })
    const { code, body } = await configMap('a', { data: { k: 'v' } })
    expect([code, body.metadata.labels, body.data]).toEqual([201, { made: 'yes' }, { k: 'v' }])
  })

  it('says what of its conditions could not be told, unless another one is false', async () => {
    const matchConditions = [{ name: 'a', expression: "object.data.missing == 'x'" }]
    await policy('p', [apply(label('made'))], { matchConditions })
    const why = "expression 'object.data.missing == 'x'' resulted in error: no such key: missing"
    expect(await configMap('a', { data: { k: 'v' } })).toMatchObject(refusal(why))
    const others = { spec: { matchConditions: [...matchConditions, { name: 'b', expression: 'false' }] } }
    await api.send('PATCH', `${GROUP}/mutatingadmissionpolicies/p`, others, MERGE)
    const { code, body } = await configMap('a', { data: { k: 'v' } })
    expect([code, body.metadata.labels]).toEqual([201, undefined])
  })

  it('answers as the server itself where a patch makes no object of the kind', async () => {
    await policy('p', [patch("[JSONPatch{op: 'add', path: '/odd', value: 'x'}]")], { failurePolicy: 'Ignore' })
    expect(await configMap('a')).toMatchObject({
      code: 500,
      body: { reason: 'InternalError', message: 'Internal error occurred: strict decoding error: unknown field "odd"' },
    })
  })

  it('says of parameters whether the binding or the policy is wrong', async () => {
    const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' }
    await policy('p', [apply(label('made'))], { paramKind }, { paramRef: { name: 'none', parameterNotFoundAction: 'Deny' } })
    const none = 'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction'
    expect(await configMap('a')).toMatchObject({
      code: 403,
      body: { reason: 'Forbidden', message: `policy 'p' with binding 'p' denied request: ${none}` },
    })
    const unknown = { spec: { paramKind: { apiVersion: 'example.com/v1', kind: 'Odd' } } }
    await api.send('PATCH', `${GROUP}/mutatingadmissionpolicies/p`, unknown, MERGE)
    const why = "failed to configure policy: failed to find resource referenced by paramKind: 'example.com/v1, Kind=Odd'"
    expect(await configMap('a')).toMatchObject({ code: 403, body: { message: `policy "p" denied request: ${why}` } })
  })
})

describe('what a mutating policy may say', () => {
  const refused: Readonly<Record<string, readonly [spec: object, message: string]>> = {
    'a patch of the other type': [
      { mutations: [{ patchType: 'JSONPatch', applyConfiguration: { expression: 'Object{}' } }] },
      '[spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch, spec.mutations[0].applyConfiguration: Invalid value: "{applyConfiguration}": must not be specified when patchType is JSONPatch]',
    ],
    'no expression': [{ mutations: [apply('  ')] }, 'spec.mutations[0].applyConfiguration.expression: Required value'],
    'part of an object': [
      { mutations: [apply('Object.spec{}')] },
      'spec.mutations[0].applyConfiguration.expression: Invalid value: "Object.spec{}": must evaluate to Object but got Object.spec',
    ],
    'an operation with a number': [
      { mutations: [patch('[JSONPatch{op: 1}]')] },
      `spec.mutations[0].jsonPatch.expression: Invalid value: "[JSONPatch{op: 1}]": compilation failed: ERROR: <input>:1:14: expected type of field 'op' is 'string' but provided type is 'int'\n | [JSONPatch{op: 1}]\n | .............^`,
    ],
    'a type that is not there': [
      { mutations: [apply('Thing{}')] },
      `spec.mutations[0].applyConfiguration.expression: Invalid value: "Thing{}": compilation failed: ERROR: <input>:1:6: undeclared reference to 'Thing' (in container '')\n | Thing{}\n | .....^`,
    ],
    'patches outside of mutations': [
      { mutations: [apply('Object{}')], matchConditions: [{ name: 'c', expression: 'Object{} == object' }] },
      `spec.matchConditions[0].expression: Invalid value: "Object{} == object": compilation failed: ERROR: <input>:1:7: undeclared reference to 'Object' (in container '')\n | Object{} == object\n | ......^`,
    ],
    deletions: [
      { mutations: [apply('Object{}')], matchConstraints: rules('', 'configmaps', ['CREATE', 'DELETE']) },
      'spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
    ],
  }
  for (const [note, [spec, message]] of Object.entries(refused)) {
    it(`is not: ${note}`, async () => {
      const { code, body } = await api.send('POST', `${GROUP}/mutatingadmissionpolicies`, policyOf('p', [], spec))
      expect([code, body.message]).toEqual([422, `MutatingAdmissionPolicy.admissionregistration.k8s.io "p" is invalid: ${message}`])
    })
  }

  it('is the same of bindings as of others', async () => {
    const spec = { policyName: 'Odd!', matchResources: rules('', 'configmaps', ['DELETE']) }
    const { code, body } = await api.send('POST', `${GROUP}/mutatingadmissionpolicybindings`, { metadata: { name: 'b' }, spec })
    expect([code, body.details.causes.map(({ field }: { field: string }) => field)]).toEqual([
      422,
      ['spec.policyName', 'spec.matchResources.resourceRules.operations'],
    ])
  })
})

describe('parameters', () => {
  const RBAC = '/apis/rbac.authorization.k8s.io/v1'
  const grant = async (name: string, rule: object) => {
    await api.send('POST', `${RBAC}/clusterroles`, { metadata: { name }, rules: [rule] })
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name }
    const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }]
    expect(await api.send('POST', `${RBAC}/clusterrolebindings`, { metadata: { name }, roleRef, subjects })).toMatchObject({ code: 201 })
  }
  const asJane = (path: string, body: object, method = 'POST') => api.send(method, `${GROUP}/${path}`, body, undefined, 'jane')

  it('are only named by who may read them', async () => {
    await grant('policies', { verbs: ['*'], apiGroups: ['admissionregistration.k8s.io'], resources: ['*'] })
    const paramKind = { apiVersion: 'v1', kind: 'Secret' }
    const user = '&{jane  [system:authenticated] map[]}'
    const refused = await asJane('mutatingadmissionpolicies', policyOf('p', [apply('Object{}')], { paramKind }))
    expect([refused.code, refused.body.details.causes]).toEqual([
      422,
      [
        {
          reason: 'FieldValueForbidden',
          field: 'spec.paramKind',
          message: `Forbidden: user ${user} must have "get" permission on all objects of the referenced paramKind (kind=Secret, apiVersion=v1)`,
        },
      ],
    ])
    await policy('p', [apply('Object{}')], { paramKind })
    const paramRef = { name: 's', namespace: 'default', parameterNotFoundAction: 'Allow' }
    const binding = { metadata: { name: 'b' }, spec: { policyName: 'p', paramRef } }
    const unbound = await asJane('mutatingadmissionpolicybindings', binding)
    expect([unbound.code, unbound.body.message]).toEqual([422, expect.stringContaining('spec.paramRef: Forbidden: user')])
    await grant('reader', { verbs: ['get'], apiGroups: [''], resources: ['secrets'] })
    expect(await asJane('mutatingadmissionpolicies', policyOf('q', [apply('Object{}')], { paramKind }))).toMatchObject({ code: 201 })
    expect(await asJane('mutatingadmissionpolicybindings', binding)).toMatchObject({ code: 201 })
  })
})
