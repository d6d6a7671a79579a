// The OpenAPI documents: version 2 is one for everything, version 3 is one for each group version.
import type { Endpoint, Registry } from '../registry.ts'
import { findKind, findSchema } from '../schema/schemas.ts'
import { Definitions, type GroupVersionKindText, type Json } from './definitions.ts'
import type { Descriptions } from './descriptions.ts'
import { BODY_TYPES, listSchema, type Operation, type QueryParameter, type Route, routesOf, sharedQuery } from './operations.ts'

const TITLE = 'Kubernetes'
const META = 'io.k8s.apimachinery.pkg.apis.meta.v1'
const STREAM_TYPES = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch']
const SECURITY = { description: 'Bearer Token authentication', type: 'apiKey', name: 'authorization', in: 'header' }

export interface DocumentOptions {
  readonly registry: Registry
  readonly descriptions: Descriptions
  /** "v1.36.0" */
  readonly version: string
}

const visible = (registry: Registry): Endpoint[] => [...registry.endpoints()].filter(({ version }) => version.hidden !== true)

/** "apis/apps/v1" -> what is served there. */
export function endpointsByGroupVersion(registry: Registry): Map<string, Endpoint[]> {
  const found = new Map<string, Endpoint[]>()
  for (const endpoint of visible(registry)) {
    const key = rootOf(endpoint)
    const same = found.get(key)
    if (same === undefined) found.set(key, [endpoint])
    else same.push(endpoint)
  }
  return found
}

const rootOf = ({ group, version: { version } }: Endpoint) => (group === '' ? `api/${version}` : `apis/${group}/${version}`)

/** Paths that are no group version, and have a document all the same. */
export function otherRoots(registry: Registry): Map<string, readonly [path: string, schema: string, id: string]> {
  const roots = new Map<string, readonly [string, string, string]>([
    ['api', ['/api/', `${META}.APIVersions`, 'getCoreAPIVersions']],
    ['apis', ['/apis/', `${META}.APIGroupList`, 'getAPIVersions']],
    ['version', ['/version/', '', 'getCodeVersion']],
    ['.well-known/openid-configuration', ['/.well-known/openid-configuration/', '', 'getServiceAccountIssuerOpenIDConfiguration']],
    ['openid/v1/jwks', ['/openid/v1/jwks/', '', 'getServiceAccountIssuerOpenIDKeyset']],
  ])
  for (const { group, definition } of visible(registry)) {
    if (group !== '' && !definition.custom)
      roots.set(`apis/${group}`, [`/apis/${group}/`, `${META}.APIGroup`, `get${group.replaceAll(/[^a-zA-Z]/g, '')}APIGroup`])
  }
  return roots
}

/** Which kinds each definition is; the kinds of meta/v1 belong to every group that uses them. */
function kindsByDefinition(endpoints: readonly Endpoint[]): Map<string, GroupVersionKindText[]> {
  const kinds = new Map<string, GroupVersionKindText[]>()
  const add = (name: string, kind: GroupVersionKindText) => {
    const same = kinds.get(name) ?? []
    if (!same.some(one => one.group === kind.group && one.version === kind.version && one.kind === kind.kind)) same.push(kind)
    kinds.set(name, same)
  }
  for (const endpoint of endpoints) {
    const {
      group,
      kind,
      definition,
      version: { version, schema },
    } = endpoint
    add(schema, { group, version, kind })
    const list = listSchema(endpoint)
    if (list !== schema) add(list, { group, version, kind: definition.listKind ?? `${kind}List` })
    for (const name of ['DeleteOptions', 'WatchEvent']) add(`${META}.${name}`, { group, version, kind: name })
    if (definition.scale !== undefined) add('io.k8s.api.autoscaling.v1.Scale', { group: 'autoscaling', version: 'v1', kind: 'Scale' })
    for (const action of Object.values(definition.actions ?? {}))
      for (const { schema: type, group, version, kind } of action.accepts ?? []) add(type, { group, version, kind })
  }
  for (const name of ['Status', 'APIGroup', 'APIGroupList', 'APIResourceList', 'APIVersions']) {
    const known = findKind('v1', name)
    if (known !== undefined) add(known.name, { group: '', version: 'v1', kind: name })
  }
  return kinds
}

const tagOf = ({ group, version: { version } }: Endpoint) =>
  `${group === '' ? 'core' : group.replace(/\.k8s\.io$/, '').replaceAll('.', '_')}_${version}`

const extensions = ({ action, kind }: Operation): Json => ({
  ...(action === '' ? {} : { 'x-kubernetes-action': action }),
  'x-kubernetes-group-version-kind': { group: kind.group, kind: kind.kind, version: kind.version },
})

const CODES = { 200: 'OK', 201: 'Created', 202: 'Accepted' } as const

/** Answers can be watches where lists are. */
const producible = ({ action }: Operation): string[] => [...BODY_TYPES, ...(action === 'list' ? STREAM_TYPES : [])]

// --- version 3 -----------------------------------------------------------------------------------------------------------------

/** The document of one group version, or of another path; undefined when there is none. */
export function documentV3(root: string, { registry, descriptions, version }: DocumentOptions): Json | undefined {
  const endpoints = endpointsByGroupVersion(registry).get(root)
  const other = endpoints === undefined ? otherRoots(registry).get(root) : undefined
  if (endpoints === undefined && other === undefined) return undefined
  const definitions = new Definitions('v3', descriptions, kindsByDefinition(visible(registry)))
  const paths: Json = {}
  if (other !== undefined) {
    const [path, schema, operationId] = other
    const media = { schema: schema === '' ? { type: 'object' } : definitions.reference(schema) }
    paths[path] = {
      get: { tags: [root.split('/')[0]], operationId, responses: { 200: { description: 'OK', content: { 'application/json': media } } } },
    }
  }
  for (const endpoint of endpoints ?? []) {
    for (const route of routesOf(endpoint)) paths[route.path] = pathV3(route, tagOf(endpoint), definitions)
  }
  if (endpoints?.some(({ definition }) => !definition.custom)) {
    const reference = definitions.reference(`${META}.APIResourceList`)
    const content = Object.fromEntries(BODY_TYPES.map(type => [type, { schema: reference }]))
    paths[`/${root}/`] = {
      get: {
        tags: [tagOf(endpoints[0]!)],
        description: 'Lists the resources of this group version.',
        operationId: 'getAPIResources',
        responses: { 200: { description: 'OK', content } },
      },
    }
  }
  return {
    openapi: '3.0.0',
    info: {
      title: endpoints?.some(({ version: { schema } }) => findSchema(schema)?.structural) ? 'Kubernetes CRD Swagger' : TITLE,
      version,
    },
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: { schemas: definitions.all(), securitySchemes: { BearerToken: SECURITY } },
  }
}

function pathV3(route: Route, tag: string, definitions: Definitions): Json {
  const { shared, operations } = sharedQuery(route)
  const parameters = [
    ...route.parameters.map(({ name, description }) => ({
      name,
      in: 'path',
      description,
      required: true,
      schema: { type: 'string', uniqueItems: true },
    })),
    ...shared.map(parameterV3),
  ]
  return {
    ...Object.fromEntries(operations.map(operation => [operation.method, operationV3(operation, tag, definitions)])),
    ...(parameters.length === 0 ? {} : { parameters }),
  }
}

function operationV3(operation: Operation, tag: string, definitions: Definitions): Json {
  const { id, description, query, body, answer, codes } = operation
  const media = (schema: string, types: readonly string[]) => {
    const reference = definitions.reference(schema)
    return Object.fromEntries(types.map(type => [type, { schema: reference }]))
  }
  const content = answer === undefined ? { '*/*': { schema: { type: 'string' } } } : media(answer, producible(operation))
  return {
    tags: [tag],
    description,
    operationId: id,
    ...(query.length === 0 ? {} : { parameters: query.map(parameterV3) }),
    ...(body === undefined
      ? {}
      : { requestBody: { content: media(body.schema, body.types), ...(body.required ? { required: true } : {}) } }),
    responses: {
      ...Object.fromEntries(codes.map(code => [code, { description: CODES[code], content }])),
      401: { description: 'Unauthorized' },
    },
    ...extensions(operation),
  }
}

const parameterV3 = ({ name, description, type }: QueryParameter): Json => ({
  name,
  in: 'query',
  description,
  schema: { type, uniqueItems: true },
})

// --- version 2 -----------------------------------------------------------------------------------------------------------------

export function documentV2({ registry, descriptions, version }: DocumentOptions): Json {
  const endpoints = visible(registry)
  const definitions = new Definitions('v2', descriptions, kindsByDefinition(endpoints))
  const paths: Json = {}
  for (const endpoint of endpoints) for (const route of routesOf(endpoint)) paths[route.path] = pathV2(route, tagOf(endpoint), definitions)
  for (const [root, served] of endpointsByGroupVersion(registry)) {
    if (served.every(({ definition }) => definition.custom)) continue
    paths[`/${root}/`] = {
      get: {
        description: 'Lists the resources of this group version.',
        operationId: `get${root.replaceAll(/[^a-zA-Z\d]/g, '')}Resources`,
        produces: [...BODY_TYPES],
        responses: { 200: { description: 'OK', schema: definitions.reference(`${META}.APIResourceList`) } },
      },
    }
  }
  return {
    swagger: '2.0',
    info: { title: TITLE, version },
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    definitions: definitions.all(),
    securityDefinitions: { BearerToken: SECURITY },
    security: [{ BearerToken: [] }],
  }
}

function pathV2(route: Route, tag: string, definitions: Definitions): Json {
  const { shared, operations } = sharedQuery(route)
  const parameters = [
    ...route.parameters.map(({ name, description }) => ({
      uniqueItems: true,
      type: 'string',
      description,
      name,
      in: 'path',
      required: true,
    })),
    ...shared.map(parameterV2),
  ]
  return {
    ...Object.fromEntries(operations.map(operation => [operation.method, operationV2(operation, tag, definitions)])),
    ...(parameters.length === 0 ? {} : { parameters }),
  }
}

const parameterV2 = ({ name, description, type }: QueryParameter) => ({ uniqueItems: true, type, description, name, in: 'query' })

function operationV2(operation: Operation, tag: string, definitions: Definitions): Json {
  const { id, description, query, body, answer, codes } = operation
  const schema = answer === undefined ? { type: 'string' } : definitions.reference(answer)
  return {
    description,
    consumes: body?.types ?? ['*/*'],
    produces: answer === undefined ? ['*/*'] : producible(operation),
    schemes: ['https'],
    tags: [tag],
    operationId: id,
    parameters: [
      ...(body === undefined
        ? []
        : [{ name: 'body', in: 'body', ...(body.required ? { required: true } : {}), schema: definitions.reference(body.schema) }]),
      ...query.map(parameterV2),
    ],
    responses: {
      ...Object.fromEntries(codes.map(code => [code, { description: CODES[code], schema }])),
      401: { description: 'Unauthorized' },
    },
    ...extensions(operation),
  }
}
