// Which fields a write through an endpoint may come to own.
import { configurationProblems, problemsText } from '../apply/validate.ts'
import type { RequestContext } from '../context.ts'
import { DecodeError, type ManagedFieldsOptions } from '../engines.ts'
import { clone } from '../objects.ts'
import type { Endpoint } from '../registry.ts'
import type { VersionDefinition } from '../resource.ts'
import { findSchema } from '../schema/schemas.ts'
import type { StructSchema } from '../schema/types.ts'
import { groupVersion, type KubeObject } from '../types.ts'

export function managedFieldsOptions(endpoint: Endpoint, subresource: string, context: RequestContext): ManagedFieldsOptions {
  return {
    manager: context.fieldManager,
    apiVersion: endpoint.apiVersion,
    schema: endpoint.version.schema,
    subresource,
    now: context.now,
    resetFields: resetFieldsOf(endpoint, subresource),
    convert: (object, apiVersion) => inVersion(object, apiVersion, endpoint),
  }
}

/** An object of one of the kind's versions in another one. */
function inVersion(object: KubeObject, apiVersion: string, endpoint: Endpoint): ReturnType<NonNullable<ManagedFieldsOptions['convert']>> {
  const { definition, storage } = endpoint
  const named = (name: string) => (version: VersionDefinition) => groupVersion(version.group ?? definition.group, version.version) === name
  const from = definition.versions.find(named(object.apiVersion)) ?? endpoint.version
  const to = definition.versions.filter(({ served }) => served !== false).find(named(apiVersion))
  const schema = to === undefined ? undefined : findSchema(to.schema)
  if (to === undefined || schema === undefined) return undefined
  if (definition.custom) return customInVersion(object, apiVersion, endpoint, to, schema)
  try {
    const stored = from === storage ? clone(object) : (from.toStorage?.(clone(object)) ?? clone(object))
    // Only custom resources are converted elsewhere.
    if (stored instanceof Promise) return undefined
    const converted = to === storage ? stored : (to.fromStorage?.(stored) ?? stored)
    return { object: { ...converted, apiVersion, kind: to.kind ?? definition.kind }, schema }
  } catch {
    // Parts of an object, as apply makes them, may lack what a conversion needs. Then it is as if the version were not served.
    return undefined
  }
}

/**
 * Without a webhook only the version's name changes, and nothing is pruned: upstream cannot compare what the other version does not
 * know. A webhook is not asked for this: what both versions know by one name counts as one field.
 * @throws DecodeError
 */
function customInVersion(object: KubeObject, apiVersion: string, { definition }: Endpoint, to: VersionDefinition, schema: StructSchema) {
  const renamed = { ...object, apiVersion, kind: definition.kind }
  const problems = to.prepare === undefined ? configurationProblems(renamed, schema) : []
  if (problems.length > 0) throw new DecodeError(problemsText(problems))
  return { object: renamed, schema }
}

function resetFieldsOf({ definition }: Endpoint, subresource: string): readonly (readonly string[])[] {
  if (subresource === '') return definition.resetFields ?? (definition.parts?.status === undefined ? [] : [['status']])
  const part = definition.parts?.[subresource]
  return part?.resetFields ?? (subresource === 'status' ? [['spec']] : [])
}
