// Which fields a write through an endpoint may come to own.
import type { RequestContext } from '../context.ts'
import type { ManagedFieldsOptions } from '../engines.ts'
import type { Endpoint } from '../registry.ts'

export function managedFieldsOptions(endpoint: Endpoint, subresource: string, context: RequestContext): ManagedFieldsOptions {
  return {
    manager: context.fieldManager,
    apiVersion: endpoint.apiVersion,
    schema: endpoint.version.schema,
    subresource,
    now: context.now,
    resetFields: resetFieldsOf(endpoint, subresource),
  }
}

function resetFieldsOf({ definition }: Endpoint, subresource: string): readonly (readonly string[])[] {
  if (subresource === '') return definition.resetFields ?? (definition.parts?.status === undefined ? [] : [['status']])
  const part = definition.parts?.[subresource]
  return part?.resetFields ?? (subresource === 'status' ? [['spec']] : [])
}
