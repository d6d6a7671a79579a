// Which fields a write through an endpoint may come to own.
import type { RequestContext } from '../context.ts'
import type { ManagedFieldsOptions } from '../engines.ts'
import { clone } from '../objects.ts'
import type { Endpoint } from '../registry.ts'
import type { VersionDefinition } from '../resource.ts'
import { findSchema } from '../schema/schemas.ts'
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

/** An object of the endpoint's version in another one of its kind. */
function inVersion(object: KubeObject, apiVersion: string, endpoint: Endpoint): ReturnType<NonNullable<ManagedFieldsOptions['convert']>> {
  const { definition, version: from, storage } = endpoint
  const group = (version: VersionDefinition) => version.group ?? definition.group
  const to = definition.versions.find(version => version.served !== false && groupVersion(group(version), version.version) === apiVersion)
  const schema = to === undefined ? undefined : findSchema(to.schema)
  if (to === undefined || schema === undefined) return undefined
  try {
    const stored = from === storage ? clone(object) : (from.toStorage?.(clone(object)) ?? clone(object))
    // A webhook is not asked for this: owners keep what they have.
    if (stored instanceof Promise) return undefined
    const converted = to === storage ? stored : (to.fromStorage?.(stored) ?? stored)
    return { object: { ...converted, apiVersion, kind: to.kind ?? definition.kind }, schema }
  } catch {
    // Parts of an object, as apply makes them, may lack what a conversion needs. Then it is as if the version were not served.
    return undefined
  }
}

function resetFieldsOf({ definition }: Endpoint, subresource: string): readonly (readonly string[])[] {
  if (subresource === '') return definition.resetFields ?? (definition.parts?.status === undefined ? [] : [['status']])
  const part = definition.parts?.[subresource]
  return part?.resetFields ?? (subresource === 'status' ? [['spec']] : [])
}
