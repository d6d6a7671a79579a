// What can be done with each resource, from which the paths of both document versions are made.
import type { Endpoint } from '../registry.ts'
import { ALL_VERBS } from '../resource.ts'
import { findKind, findSchema } from '../schema/schemas.ts'
import { type GroupVersionKindText, PATCH } from './definitions.ts'

export type Method = 'get' | 'put' | 'post' | 'delete' | 'patch' | 'head' | 'options'

export interface Operation {
  readonly method: Method
  readonly id: string
  readonly description: string
  /** list, get, post, put, patch, delete, deletecollection, connect */
  readonly action: string
  readonly kind: GroupVersionKindText
  readonly query: readonly QueryParameter[]
  readonly body?: { readonly schema: string; readonly types: readonly string[]; readonly required: boolean }
  /** Undefined: text. */
  readonly answer: string | undefined
  readonly codes: readonly (200 | 201 | 202)[]
}

export interface Route {
  readonly path: string
  readonly parameters: readonly PathParameter[]
  readonly operations: readonly Operation[]
}

export interface PathParameter {
  readonly name: string
  readonly description: string
}

export interface QueryParameter extends PathParameter {
  readonly type: 'string' | 'integer' | 'boolean'
}

/** What all operations of a path take is said once, for the path. */
export function sharedQuery({ operations }: Route): {
  readonly shared: readonly QueryParameter[]
  readonly operations: readonly Operation[]
} {
  const [first, ...others] = operations
  const has = ({ query }: Operation, name: string) => query.some(parameter => parameter.name === name)
  const shared = (first?.query ?? []).filter(({ name }) => others.every(operation => has(operation, name)))
  const own = (query: readonly QueryParameter[]) => query.filter(({ name }) => !shared.some(parameter => parameter.name === name))
  return { shared, operations: operations.map(operation => ({ ...operation, query: own(operation.query) })) }
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1'
export const BODY_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'] as const
const PATCH_TYPES = ['application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json'] as const
const STRATEGIC = 'application/strategic-merge-patch+json'

const text = (name: string, description: string): QueryParameter => ({ name, description, type: 'string' })
const number = (name: string, description: string): QueryParameter => ({ name, description, type: 'integer' })
const flag = (name: string, description: string): QueryParameter => ({ name, description, type: 'boolean' })

const PRETTY = text('pretty', "'true' indents the answer.")
const DRY_RUN = text('dryRun', "'All' does everything but keep the result.")
const MANAGER = text('fieldManager', 'The name under which the changed fields are owned: at most 128 printable characters.')
const VALIDATION = text(
  'fieldValidation',
  'What becomes of unknown and duplicate fields: Ignore drops them, Warn (the default) says so, Strict refuses the request.',
)
const WRITE = [PRETTY, DRY_RUN, MANAGER, VALIDATION]
const DELETE = [
  PRETTY,
  DRY_RUN,
  number('gracePeriodSeconds', 'Seconds until the object goes; 0 is at once.'),
  text('propagationPolicy', "What becomes of dependents: 'Orphan', 'Background' or 'Foreground'."),
  flag('orphanDependents', 'The old way to say propagationPolicy.'),
  flag('ignoreStoreReadErrorWithClusterBreakingPotential', 'Deletes an object that cannot be read.'),
]
const LIST = [
  PRETTY,
  text('continue', 'Where the list goes on: from the answer before.'),
  text('fieldSelector', 'Only objects with these fields.'),
  text('labelSelector', 'Only objects with these labels.'),
  number('limit', 'At most so many objects.'),
  text('resourceVersion', 'The oldest state that will do.'),
  text('resourceVersionMatch', "How resourceVersion is meant: 'NotOlderThan' or 'Exact'."),
  flag('sendInitialEvents', 'A watch begins with what there is.'),
  flag('allowWatchBookmarks', 'A watch may tell revisions without an object.'),
  number('timeoutSeconds', 'A watch ends after so long.'),
  flag('watch', 'What changes, as it changes.'),
]

const NAMESPACE: PathParameter = { name: 'namespace', description: 'Namespace of the object.' }

const upper = (word: string) => word.charAt(0).toUpperCase() + word.slice(1)

/** "rbac.authorization.k8s.io" -> RbacAuthorization, "" -> Core */
const groupId = (group: string) => (group === '' ? 'core' : group.replace(/\.k8s\.io$/, '')).split(/[.-]/).map(upper).join('')

/** All that is served under one endpoint. */
export function routesOf(endpoint: Endpoint): Route[] {
  if (endpoint.definition.document !== undefined) return []
  const {
    definition,
    group,
    resource,
    kind: kindName,
    version: { version, schema },
  } = endpoint
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const verbs = new Set<string>(definition.verbs ?? ALL_VERBS)
  const namespaced = definition.namespaced
  const base = namespaced ? `${root}/namespaces/{namespace}/${resource}` : `${root}/${resource}`
  const scope = namespaced ? [NAMESPACE] : []
  const named: PathParameter[] = [...scope, { name: 'name', description: `Name of the ${kindName}.` }]
  const kind = { group, version, kind: kindName }
  const list = listSchema(endpoint)
  const id = (verb: string, what = '', owner = '') =>
    `${verb}${groupId(group)}${upper(version)}${owner}${namespaced ? 'Namespaced' : ''}${kindName}${what}`
  const write = (required = true, body = schema) => ({ schema: body, types: ['*/*'], required })
  const patchBody = { schema: PATCH, types: [...PATCH_TYPES, ...(findSchema(schema)?.structural ? [] : [STRATEGIC])], required: true }
  const deletion = { schema: `${META}.DeleteOptions`, types: ['*/*'], required: false }
  const status = `${META}.Status`

  const collection: Operation[] = []
  if (verbs.has('list'))
    collection.push({
      method: 'get',
      action: 'list',
      id: id('list'),
      description: `Lists or watches objects of kind ${kindName}.`,
      kind,
      query: LIST,
      answer: list,
      codes: [200],
    })
  if (verbs.has('create'))
    collection.push({
      method: 'post',
      action: 'post',
      id: id('create'),
      description: `Creates a ${kindName}.`,
      kind,
      query: WRITE,
      body: write(),
      answer: schema,
      codes: [200, 201, 202],
    })
  if (verbs.has('deletecollection'))
    collection.push({
      method: 'delete',
      action: 'deletecollection',
      id: id('delete', '', 'Collection'),
      description: `Deletes objects of kind ${kindName}.`,
      kind,
      query: [...LIST.slice(0, 7), ...DELETE.slice(1)],
      body: deletion,
      answer: status,
      codes: [200],
    })

  const item: Operation[] = []
  if (verbs.has('get'))
    item.push({
      method: 'get',
      action: 'get',
      id: id('read'),
      description: `Reads the ${kindName}.`,
      kind,
      query: [PRETTY],
      answer: schema,
      codes: [200],
    })
  if (verbs.has('update'))
    item.push({
      method: 'put',
      action: 'put',
      id: id('replace'),
      description: `Replaces the ${kindName}.`,
      kind,
      query: WRITE,
      body: write(),
      answer: schema,
      codes: [200, 201],
    })
  if (verbs.has('delete'))
    item.push({
      method: 'delete',
      action: 'delete',
      id: id('delete'),
      description: `Deletes the ${kindName}.`,
      kind,
      query: DELETE,
      body: deletion,
      answer: definition.deletion?.returnsObject ? schema : status,
      codes: [200, 202],
    })
  const force = flag('force', 'Takes over fields that others own. Only for apply.')
  if (verbs.has('patch'))
    item.push({
      method: 'patch',
      action: 'patch',
      id: id('patch'),
      description: `Changes the ${kindName} in part.`,
      kind,
      query: [...WRITE, force],
      body: patchBody,
      answer: schema,
      codes: [200, 201],
    })

  const routes: Route[] = [
    { path: base, parameters: scope, operations: collection },
    { path: `${base}/{name}`, parameters: named, operations: item },
  ]
  if (namespaced && verbs.has('list')) {
    const all: Operation = { ...collection[0]!, id: `list${groupId(group)}${upper(version)}${kindName}ForAllNamespaces` }
    routes.push({ path: `${root}/${resource}`, parameters: [], operations: [all] })
  }

  const part = (name: string, partVerbs: readonly string[], of: GroupVersionKindText, type: string): Route => {
    const what = upper(name)
    const operations: Operation[] = []
    if (partVerbs.includes('get'))
      operations.push({
        method: 'get',
        action: 'get',
        id: id('read', what),
        description: `Reads ${name} of the ${kindName}.`,
        kind: of,
        query: [PRETTY],
        answer: type,
        codes: [200],
      })
    if (partVerbs.includes('update'))
      operations.push({
        method: 'put',
        action: 'put',
        id: id('replace', what),
        description: `Replaces ${name} of the ${kindName}.`,
        kind: of,
        query: WRITE,
        body: write(true, type),
        answer: type,
        codes: [200, 201],
      })
    if (partVerbs.includes('patch'))
      operations.push({
        method: 'patch',
        action: 'patch',
        id: id('patch', what),
        description: `Changes ${name} of the ${kindName} in part.`,
        kind: of,
        query: [...WRITE, force],
        body: patchBody,
        answer: type,
        codes: [200, 201],
      })
    return { path: `${base}/{name}/${name}`, parameters: named, operations }
  }
  for (const [name, { verbs: partVerbs, internal }] of Object.entries(definition.parts ?? {})) {
    if (internal !== true) routes.push(part(name, partVerbs ?? ['get', 'patch', 'update'], kind, schema))
  }
  if (definition.scale !== undefined) {
    const scale = { group: 'autoscaling', version: 'v1', kind: 'Scale' }
    routes.push(part('scale', ['get', 'patch', 'update'], scale, 'io.k8s.api.autoscaling.v1.Scale'))
  }
  for (const [name, action] of Object.entries(definition.actions ?? {})) {
    const of = action.kind ?? kind
    const what = upper(name)
    const body = action.accepts?.[0]
    const operations: Operation[] = []
    const methods: Readonly<Record<string, Method>> = { get: 'get', create: 'post', update: 'put', patch: 'patch', delete: 'delete' }
    for (const verb of action.verbs) {
      const method = methods[verb]
      if (method === undefined) continue
      if (body !== undefined && method === 'post')
        operations.push({
          method,
          action: 'post',
          id: id('create', what),
          description: `Creates ${name} of the ${kindName}.`,
          kind: of,
          query: WRITE,
          body: write(true, body.schema),
          answer: body.schema,
          codes: [200, 201, 202],
        })
      else if (name === 'log')
        operations.push({
          method,
          action: 'get',
          id: id('read', what),
          description: `Reads ${name} of the ${kindName}.`,
          kind,
          query: [PRETTY],
          answer: undefined,
          codes: [200],
        })
      else
        operations.push({
          method,
          action: 'connect',
          id: id(`connect${upper(method)}`, what),
          description: `Connects to ${name} of the ${kindName}.`,
          kind: of,
          query: [],
          answer: undefined,
          codes: [200],
        })
    }
    routes.push({ path: `${base}/{name}/${name}`, parameters: named, operations })
    if (action.anyPath) {
      const rest = { name: 'path', description: 'The path to ask for.' }
      const below = operations.map(operation => ({ ...operation, id: `${operation.id}WithPath` }))
      routes.push({ path: `${base}/{name}/${name}/{path}`, parameters: [...named, rest], operations: below })
    }
  }
  return routes.filter(({ operations }) => operations.length > 0)
}

/** The type of a list of these objects, where it has one of its own. */
export function listSchema({ definition, apiVersion, kind, version: { schema } }: Endpoint): string {
  const own = `${schema}List`
  return findSchema(own) !== undefined ? own : (findKind(apiVersion, definition.listKind ?? `${kind}List`)?.name ?? schema)
}
