// The scale subresource: autoscaling/v1 Scale as a view of any kind that has a number of replicas.
import type { RequestContext } from '../context.ts'
import type { ManagedFieldsOptions } from '../engines.ts'
import { type FieldError, invalid } from '../field-error.ts'
import type { Machinery, Target } from '../machinery.ts'
import { toVersion } from '../machinery.ts'
import { clone, dig } from '../objects.ts'
import type { Endpoint } from '../registry.ts'
import type { Column, ScaleStrategy, VersionDefinition } from '../resource.ts'
import { age } from '../response/age.ts'
import * as status from '../status-error.ts'
import { groupVersion, type KubeObject } from '../types.ts'
import { checkNamespace } from './create.ts'
import { applied, checkConfiguration, type Patch, patched } from './patch.ts'
import { ownersOfParent, ownersOfScale, type ReplicasPaths } from './scale-owners.ts'
import { checkName, type Updated, updateObject } from './update.ts'

const RETRIES = 5

export interface Scale extends KubeObject {
  spec: { replicas?: number }
  status: { replicas: number; selector?: string }
}

export const SCALE = { apiVersion: 'autoscaling/v1', kind: 'Scale', schema: 'io.k8s.api.autoscaling.v1.Scale' }

/** The view of an object of the storage version. */
export function scaleOf(object: KubeObject, strategy: ScaleStrategy): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const replicas = strategy.specReplicas(object)
  const selector = strategy.selector(object)
  return {
    apiVersion: SCALE.apiVersion,
    kind: SCALE.kind,
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: strategy.statusReplicas(object), ...(selector === '' ? {} : { selector }) },
  }
}

const columns: readonly Column[] = [
  { name: 'Name', type: 'string' },
  { name: 'Desired', type: 'integer' },
  { name: 'Available', type: 'integer' },
  { name: 'Age', type: 'string' },
]

const version: VersionDefinition = { version: 'v1', storage: true, schema: SCALE.schema }

/** How Scale is answered: like any object, but it is stored nowhere. */
export const SCALE_ENDPOINT: Endpoint = {
  definition: {
    group: 'autoscaling',
    resource: 'scales',
    singular: 'scale',
    kind: SCALE.kind,
    namespaced: true,
    versions: [version],
    columns,
    cells: (object, now) => {
      const { metadata, spec, status: counted } = object as Scale
      return [metadata.name, spec.replicas ?? 0, counted.replicas, age(metadata.creationTimestamp, now)]
    },
  },
  version,
  storage: version,
  group: 'autoscaling',
  resource: 'scales',
  kind: SCALE.kind,
  apiVersion: SCALE.apiVersion,
  storageApiVersion: SCALE.apiVersion,
  collection: { group: 'autoscaling', resource: 'scales' },
}

/** Of a custom resource: made from the Scale's members as any custom columns are, so that no replicas are no number. */
export const CUSTOM_SCALE_ENDPOINT: Endpoint = {
  ...SCALE_ENDPOINT,
  definition: {
    ...SCALE_ENDPOINT.definition,
    columns: columns.map(column =>
      column.name === 'Name' ? { ...column, format: 'name' } : column.name === 'Age' ? { ...column, type: 'date' } : column,
    ),
    cells: (object, now) => {
      const { metadata, spec, status: counted } = object as Scale
      return [metadata.name, spec.replicas ?? null, counted.replicas, age(metadata.creationTimestamp, now)]
    },
  },
}

/** What a custom resource without a number counts as having, until somebody says one. */
const NO_NUMBER = -(2 ** 31)

/** The view to change: it is there although the number may not be. */
function currentScale(parent: KubeObject, strategy: ScaleStrategy): Scale {
  if (strategy.path === undefined || dig(parent, strategy.path) !== undefined) return scaleOf(parent, strategy)
  return scaleOf(parent, { ...strategy, specReplicas: () => NO_NUMBER })
}

/** @throws StatusError 400 where there was no number, and is none now */
function checkNumber({ spec }: Scale, { path }: ScaleStrategy): void {
  if (spec?.replicas === NO_NUMBER && path !== undefined)
    throw status.badRequest(`the spec replicas field ${JSON.stringify(`.${path.join('.')}`)} cannot be empty`)
}

/** PATCH of the view, an apply included. @throws StatusError */
export async function patchScale(
  machinery: Machinery,
  target: Target,
  strategy: ScaleStrategy,
  patch: Patch,
  context: RequestContext,
): Promise<Updated> {
  if (patch.type === 'apply') return applyScale(machinery, target, strategy, patch, context)
  return updateScale(
    machinery,
    target,
    strategy,
    {
      retries: RETRIES,
      desired: current => {
        const scale = patched(machinery.engines, current, patch, SCALE, context) as Scale
        checkName(scale, target)
        checkNamespace(scale, target)
        return scale
      },
    },
    context,
  )
}

async function applyScale(
  machinery: Machinery,
  target: Target,
  strategy: ScaleStrategy,
  patch: Patch,
  context: RequestContext,
): Promise<Updated> {
  const options = { ...managedFieldsOptions(context), force: patch.force }
  return updateObject(
    machinery,
    target,
    {
      retries: RETRIES,
      tracked: true,
      trackedAs: 'scale',
      onlyExisting: true,
      admitted: object => scaleOf(object, strategy),
      desired: current => {
        const parent = current as KubeObject
        const configuration = checkConfiguration(patch, SCALE, context)
        const scale = applied(machinery.engines, ownedScale(parent, target, strategy), configuration, options) as Scale
        checkNumber(scale, strategy)
        return withScale(parent, scale, target, strategy)
      },
    },
    context,
  )
}

/** Writes the number of replicas; `desired` makes the new Scale of the current one. Answers the parent, for scaleOf. @throws StatusError */
export async function updateScale(
  machinery: Machinery,
  target: Target,
  strategy: ScaleStrategy,
  request: { readonly retries: number; desired(current: Scale): Scale | Promise<Scale> },
  context: RequestContext,
): Promise<Updated> {
  // Not a part: the kind's own rules for its spec hold, as if the number had been changed there.
  return updateObject(
    machinery,
    target,
    {
      retries: request.retries,
      tracked: true,
      trackedAs: 'scale',
      onlyExisting: true,
      admitted: object => scaleOf(object, strategy),
      desired: async current => {
        const parent = current as KubeObject
        const scale = await request.desired(currentScale(parent, strategy))
        checkNumber(scale, strategy)
        const errors = validateScale(scale)
        if (errors.length > 0 && target.endpoint.definition.custom) throw customInvalid(scale, target, strategy)
        if (errors.length > 0) throw status.invalid('autoscaling', 'Scale', target.name, errors)
        if (scale.metadata.uid && scale.metadata.uid !== parent.metadata.uid) {
          throw status.conflict(
            target.endpoint.collection,
            target.name,
            `Precondition failed: UID in precondition: ${scale.metadata.uid}, UID in object meta: ${parent.metadata.uid}`,
          )
        }
        machinery.engines.trackUpdate(scale, ownedScale(parent, target, strategy), managedFieldsOptions(context))
        return withScale(parent, scale, target, strategy)
      },
    },
    context,
  )
}

const managedFieldsOptions = (context: RequestContext): ManagedFieldsOptions => ({
  manager: context.fieldManager,
  apiVersion: SCALE.apiVersion,
  schema: SCALE.schema,
  subresource: 'scale',
  now: context.now,
  resetFields: [['status']],
})

/** The view with those who own the parent's number as its owners. */
function ownedScale(parent: KubeObject, target: Target, strategy: ScaleStrategy): Scale {
  const scale = currentScale(parent, strategy)
  scale.metadata.managedFields = ownersOfScale(parent.metadata.managedFields, replicasPaths(target.endpoint))
  return scale
}

const DEFAULT_PATH = ['spec', 'replicas'] as const

/** Versions of a custom kind have their numbers where each says, built-in kinds all in one place. */
const replicasPaths =
  ({ definition }: Endpoint): ReplicasPaths =>
  apiVersion => {
    if (!definition.custom) return DEFAULT_PATH
    const version = definition.versions.find(({ group = definition.group, version }) => groupVersion(group, version) === apiVersion)
    return version === undefined ? undefined : (version.own?.scale?.path ?? null)
  }

/** A copy of the parent in the endpoint's version, with number, owners and expected revision of the Scale. */
function withScale(parent: KubeObject, scale: KubeObject, { endpoint }: Target, strategy: ScaleStrategy): KubeObject {
  const { resourceVersion, managedFields } = scale.metadata
  const object = clone(toVersion(parent, endpoint))
  strategy.setReplicas(object, (scale as Scale).spec?.replicas ?? 0)
  object.metadata.resourceVersion = resourceVersion
  object.metadata.managedFields = ownersOfParent(object.metadata.managedFields, managedFields, endpoint.apiVersion, replicasPaths(endpoint))
  return object
}

/** A custom resource's number stands somewhere in it, and the error says where. */
function customInvalid({ spec }: Scale, { endpoint, name }: Target, { path = ['spec', 'replicas'] }: ScaleStrategy): status.StatusError {
  const { group, kind } = endpoint.definition
  return status.invalid(group, kind, name, [invalid(`.${path.join('.')}`, spec.replicas, 'should be a non-negative integer')])
}

function validateScale({ spec }: Scale): FieldError[] {
  const replicas = spec?.replicas ?? 0
  return replicas < 0 ? [invalid('spec.replicas', replicas, 'must be greater than or equal to 0')] : []
}
