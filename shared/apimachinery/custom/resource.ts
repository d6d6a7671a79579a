// A kind made from its definition: everything that shared/resources says of a built-in kind, each version with its own schema,
// columns and subresources.
import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from '../../api/apiextensions/v1.ts'
import type { Reader } from '../context.ts'
import { compareVersions } from '../discovery.ts'
import { equal } from '../objects.ts'
import type { PartStrategy, ResourceDefinition, VersionDefinition } from '../resource.ts'
import { addSchema } from '../schema/schemas.ts'
import { type CustomKind, type JsonSchema, structuralTypes } from '../schema/structural.ts'
import type { StructSchema } from '../schema/types.ts'
import { forbidden } from '../status-error.ts'
import type { KubeObject } from '../types.ts'
import { columnsOf } from './columns.ts'
import { type Convert, converterOf } from './conversion.ts'
import { pruned, readerOf } from './read.ts'
import { scaleOf } from './scale.ts'
import { selectableFieldsOf } from './selectable.ts'
import { Validator } from './validator.ts'

export interface MadeKind {
  readonly resource: ResourceDefinition
  /** Names under which its types were added. */
  readonly schemas: readonly string[]
}

/** As upstream lists them. */
const VERBS = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'] as const

export function makeKind(definition: CustomResourceDefinition, reader: Reader): MadeKind {
  const { spec, status } = definition
  const { acceptedNames } = status ?? {}
  const { conversion } = spec
  const convert = conversion?.strategy === 'Webhook' ? converterOf(conversion, spec.names.kind, reader) : undefined
  const schemas: string[] = []
  const types = new Map(spec.versions.map(version => [version.name, addTypes(definition, version)]))
  const stored = types.get(spec.versions.find(({ storage }) => storage)?.name ?? '') as StructSchema
  const storedAs = ({ apiVersion }: KubeObject) => types.get(apiVersion.slice(apiVersion.indexOf('/') + 1)) ?? stored
  const versions = spec.versions.map(version => {
    const type = types.get(version.name) as StructSchema
    const made = makeVersion(definition, version, { type, stored, storedAs, convert })
    schemas.push(made.schema)
    return made
  })
  const resource: ResourceDefinition = {
    custom: true,
    plainFinalizers: true,
    group: spec.group,
    resource: spec.names.plural,
    singular: acceptedNames?.singular ?? spec.names.singular ?? '',
    kind: spec.names.kind,
    listKind: spec.names.listKind,
    namespaced: spec.scope === 'Namespaced',
    ...(acceptedNames?.shortNames === undefined ? {} : { shortNames: acceptedNames.shortNames }),
    ...(acceptedNames?.categories === undefined ? {} : { categories: acceptedNames.categories }),
    verbs: VERBS,
    versions,
    allowUnconditionalUpdate: false,
    deletion: { defaultPropagation: 'Background' },
  }
  return { resource, schemas: schemas.flatMap(schema => [schema, `${schema}List`]) }
}

// Two clusters, and a definition before and after a change, may have different types of one name in this process.
const schemaName = ({ metadata }: CustomResourceDefinition, version: string) => `custom/${metadata.uid}/${metadata.generation}/${version}`

function addTypes(definition: CustomResourceDefinition, version: CustomResourceDefinitionVersion): StructSchema {
  const { group, names } = definition.spec
  const custom: CustomKind = {
    group,
    version: version.name,
    kind: names.kind,
    listKind: names.listKind ?? `${names.kind}List`,
    plural: names.plural,
  }
  const { object, list } = structuralTypes(custom, version.schema?.openAPIV3Schema as JsonSchema | undefined)
  const schema = schemaName(definition, version.name)
  addSchema(schema, object)
  addSchema(`${schema}List`, list)
  return object
}

interface VersionTypes {
  readonly type: StructSchema
  readonly stored: StructSchema
  storedAs(object: KubeObject): StructSchema
  readonly convert: Convert | undefined
}

function makeVersion(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  { type, stored, storedAs, convert }: VersionTypes,
): VersionDefinition {
  const { metadata, spec } = definition
  const { names, group } = spec
  const schema = schemaName(definition, version.name)
  const root = version.schema?.openAPIV3Schema as JsonSchema | undefined
  const apiVersion = `${group}/${version.name}`
  const reading = readerOf(storedAs, type, apiVersion, names.kind, convert)
  const { read } = reading
  const hasStatus = version.subresources?.status !== undefined && version.subresources.status !== null
  const validator = new Validator(root, { apiVersion, kind: names.kind, hasStatus })
  const columns = columnsOf(version.additionalPrinterColumns)
  const scale = version.subresources?.scale && scaleOf(version.subresources.scale)
  const selectable = selectableFieldsOf(version.selectableFields ?? [], read)
  const isGoing = metadata.deletionTimestamp !== undefined
  const own: Partial<ResourceDefinition> = {
    load: () => validator.load(),
    generation: (object, old) => !equal(countedParts(object, hasStatus), countedParts(read(old), hasStatus)),
    prepareForCreate(object) {
      if (isGoing) {
        const why = 'create not allowed while custom resource definition is terminating'
        throw forbidden({ group, resource: names.plural }, object.metadata.name ?? '', why)
      }
      if (hasStatus) delete (object as { status?: unknown }).status
    },
    ...(hasStatus
      ? {
          prepareForUpdate(object: KubeObject, old: KubeObject) {
            const { status } = read(old) as { status?: unknown }
            if (status === undefined) delete (object as { status?: unknown }).status
            else (object as { status?: unknown }).status = status
          },
          parts: { status: statusPart(validator, read) },
        }
      : {}),
    validate: object => validator.validate(object),
    validateUpdate: (object, old) => validator.validateUpdate(object, read(old)),
    warnings: (object, old) => validator.warnings(object, old),
    ...(scale === undefined ? {} : { scale }),
    ...(selectable === undefined ? {} : { selectableFields: selectable }),
    columns: columns.columns,
    cells: (object, now) => columns.cells(read(object), now),
  }
  const deprecation = version.deprecated ? (version.deprecationWarning ?? defaultDeprecation(definition, version.name)) : undefined
  return {
    version: version.name,
    served: version.served,
    storage: version.storage,
    schema,
    own,
    fromStorage: read,
    ...(reading.prepare === undefined ? {} : { prepare: reading.prepare }),
    ...(version.storage ? {} : { toStorage: toStorageOf(definition, stored, convert) }),
    ...(deprecation === undefined ? {} : { deprecation }),
  }
}

/** Without a webhook only the version's name changes; what the stored version's schema does not name is lost. */
function toStorageOf(
  { spec }: CustomResourceDefinition,
  stored: StructSchema,
  convert: Convert | undefined,
): VersionDefinition['toStorage'] {
  if (convert === undefined) return object => pruned(object, stored)
  const apiVersion = `${spec.group}/${spec.versions.find(({ storage }) => storage)?.name}`
  return async object => {
    const [converted] = await convert([object], apiVersion)
    return pruned(converted as KubeObject, stored)
  }
}

/** What counts as a change of the object's specification. */
function countedParts(object: KubeObject, hasStatus: boolean): object {
  const { metadata: _, apiVersion: __, kind: ___, ...rest } = object as KubeObject & { status?: unknown }
  if (hasStatus) delete rest.status
  return rest
}

/** Only status is taken, not even labels. */
function statusPart(validator: Validator, read: (object: KubeObject) => KubeObject): PartStrategy {
  return {
    resetFields: [['spec']],
    prepare(object, old) {
      const { status } = object as { status?: unknown }
      const target = object as unknown as Record<string, unknown>
      for (const name of Object.keys(target)) if (name !== 'metadata') delete target[name]
      Object.assign(target, { ...old, metadata: target.metadata, status })
      if (status === undefined) delete target.status
      const { managedFields, resourceVersion } = object.metadata
      object.metadata = { ...old.metadata, resourceVersion }
      if (managedFields === undefined) delete object.metadata.managedFields
      else object.metadata.managedFields = managedFields
    },
    validate: (object, old) => validator.validateStatus(object, read(old)),
  }
}

/** "example.com/v1beta1 Widget is deprecated; use example.com/v1 Widget": the newest version that is served and not deprecated. */
function defaultDeprecation({ spec }: CustomResourceDefinition, version: string): string {
  const { group, names } = spec
  const better = spec.versions
    .filter(other => other.served && !other.deprecated)
    .map(({ name }) => name)
    .sort(compareVersions)
    .find(name => compareVersions(name, version) < 0)
  const advice = better === undefined ? '' : `; use ${group}/${better} ${names.kind}`
  return `${group}/${version} ${names.kind} is deprecated${advice}`
}
