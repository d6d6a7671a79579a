// apiextensions.k8s.io/v1beta1: one schema, one set of subresources and columns for all versions, and schemas that need not say types
// (pkg/apis/apiextensions/v1beta1/conversion.go). Unless preserveUnknownFields is false nothing that is not described is dropped, which
// the stored version says at each object.
import type { CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps } from '../../api/apiextensions/v1.ts'
import { clone, equal } from '../../apimachinery/objects.ts'
import type { VersionDefinition } from '../../apimachinery/resource.ts'
import type { KubeObject } from '../../apimachinery/types.ts'
import { deprecated } from './deprecated.ts'

type Column = NonNullable<CustomResourceDefinitionVersion['additionalPrinterColumns']>[number]
type OldColumn = Omit<Column, 'jsonPath'> & { JSONPath?: string }
type OldVersion = Omit<CustomResourceDefinitionVersion, 'additionalPrinterColumns'> & { additionalPrinterColumns?: OldColumn[] }
type NewSpec = NonNullable<CustomResourceDefinition['spec']>
type Webhook = NonNullable<NonNullable<NewSpec['conversion']>['webhook']>

interface OldSpec extends Omit<NewSpec, 'versions' | 'conversion'> {
  version?: string
  versions?: OldVersion[]
  validation?: OldVersion['schema']
  subresources?: OldVersion['subresources']
  additionalPrinterColumns?: OldColumn[]
  selectableFields?: OldVersion['selectableFields']
  conversion?: {
    strategy: string
    webhookClientConfig?: Webhook['clientConfig']
    conversionReviewVersions?: Webhook['conversionReviewVersions']
  }
}

const PRESERVE = 'x-kubernetes-preserve-unknown-fields'

/** Says the types that follow from what the schema says, and, with `preserve`, that nothing is dropped. In place. */
function structural(schema: JSONSchemaProps, preserve: boolean): JSONSchemaProps {
  const { properties, additionalProperties, items } = schema
  if (schema.type === undefined && schema['x-kubernetes-int-or-string'] !== true) {
    if (properties !== undefined || additionalProperties !== undefined) schema.type = 'object'
    else if (items !== undefined) schema.type = 'array'
    else schema[PRESERVE] = true
  }
  if (preserve && schema.type === 'object' && additionalProperties === undefined) schema[PRESERVE] = true
  for (const inner of Object.values(properties ?? {})) structural(inner, preserve)
  for (const inner of [additionalProperties, items])
    if (typeof inner === 'object' && !Array.isArray(inner)) structural(inner as JSONSchemaProps, preserve)
  return schema
}

const newColumn = ({ JSONPath, ...column }: OldColumn) => ({ ...column, jsonPath: JSONPath ?? '' }) as Column
const oldColumn = ({ jsonPath, ...column }: Column): OldColumn => ({ ...column, JSONPath: jsonPath })

function toStorage(object: KubeObject): KubeObject {
  const { spec, ...rest } = object as unknown as Omit<CustomResourceDefinition, 'spec'> & { spec?: OldSpec }
  if (spec === undefined) return object
  const {
    version,
    versions = [],
    validation,
    subresources,
    additionalPrinterColumns,
    selectableFields,
    conversion,
    preserveUnknownFields,
    ...same
  } = spec
  const listed: OldVersion[] = versions.length > 0 ? versions : [{ name: version ?? '', served: true, storage: true }]
  const newVersions = listed.map(one => {
    const columns = one.additionalPrinterColumns ?? additionalPrinterColumns
    const schema = clone((one.schema ?? validation)?.openAPIV3Schema ?? {}) as JSONSchemaProps
    schema.type ??= 'object'
    return {
      ...one,
      schema: { openAPIV3Schema: structural(schema, preserveUnknownFields !== false) },
      ...((one.subresources ?? subresources) && { subresources: one.subresources ?? subresources }),
      ...((one.selectableFields ?? selectableFields) && { selectableFields: one.selectableFields ?? selectableFields }),
      ...(columns && { additionalPrinterColumns: columns.map(newColumn) }),
    }
  })
  const { strategy = 'None', webhookClientConfig: clientConfig, conversionReviewVersions = [] } = conversion ?? {}
  const webhook =
    clientConfig === undefined && conversionReviewVersions.length === 0 ? undefined : { clientConfig, conversionReviewVersions }
  return {
    ...rest,
    spec: { ...same, versions: newVersions, conversion: { strategy, ...(webhook && { webhook }) } },
  } as unknown as KubeObject
}

/** What all versions have alike stands once, at the top. */
function fromStorage(object: KubeObject): KubeObject {
  const { spec, ...rest } = object as CustomResourceDefinition
  if (spec === undefined) return object
  const { versions = [], conversion, ...same } = spec
  const [first] = versions
  const alike = (member: 'schema' | 'subresources' | 'additionalPrinterColumns' | 'selectableFields') =>
    versions.every(version => equal(version[member] ?? null, first?.[member] ?? null))
  const top = {
    schema: alike('schema'),
    subresources: alike('subresources'),
    columns: alike('additionalPrinterColumns'),
    fields: alike('selectableFields'),
  }
  const oldVersions = versions.map(({ schema, subresources, additionalPrinterColumns, selectableFields, ...version }) => ({
    ...version,
    ...(!top.schema && schema && { schema }),
    ...(!top.subresources && subresources && { subresources }),
    ...(!top.fields && selectableFields && { selectableFields }),
    ...(!top.columns && additionalPrinterColumns && { additionalPrinterColumns: additionalPrinterColumns.map(oldColumn) }),
  }))
  const old = {
    ...same,
    version: first?.name,
    versions: oldVersions,
    ...(top.schema && first?.schema && { validation: first.schema }),
    ...(top.subresources && first?.subresources && { subresources: first.subresources }),
    ...(top.fields && first?.selectableFields && { selectableFields: first.selectableFields }),
    ...(top.columns && first?.additionalPrinterColumns && { additionalPrinterColumns: first.additionalPrinterColumns.map(oldColumn) }),
    ...(conversion && {
      conversion: {
        strategy: conversion.strategy,
        ...(conversion.webhook?.clientConfig && { webhookClientConfig: conversion.webhook.clientConfig }),
        ...(conversion.webhook && { conversionReviewVersions: conversion.webhook.conversionReviewVersions }),
      },
    }),
    preserveUnknownFields: versions.some(({ schema }) => schema?.openAPIV3Schema?.[PRESERVE] === true),
  }
  return { ...rest, spec: old } as unknown as KubeObject
}

export const CUSTOM_RESOURCES: readonly VersionDefinition[] = [
  {
    version: 'v1beta1',
    schema: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1beta1.CustomResourceDefinition',
    deprecation: deprecated('apiextensions.k8s.io/v1beta1', 'CustomResourceDefinition', '1.16', '1.22', 'apiextensions.k8s.io/v1'),
    defaults(object) {
      const { spec } = object as CustomResourceDefinition
      if (spec === undefined || spec === null) return
      spec.scope ||= 'Namespaced'
      spec.names ??= {} as NewSpec['names']
      spec.names.singular ||= (spec.names.kind ?? '').toLowerCase()
      spec.names.listKind ||= `${spec.names.kind ?? ''}List`
    },
    toStorage,
    fromStorage,
  },
]
