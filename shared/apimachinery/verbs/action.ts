// Objects that are acted upon instead of stored: evictions, bindings, requests for tokens.
import type { RequestContext } from '../context.ts'
import type { Machinery, Target } from '../machinery.ts'
import type { Action } from '../resource.ts'
import * as status from '../status-error.ts'
import type { KubeObject } from '../types.ts'

/** @throws StatusError */
export async function actOn(
  machinery: Machinery,
  target: Target,
  subresource: string,
  action: Action,
  body: KubeObject,
  actionCall: Parameters<NonNullable<Action['create']>>[0],
  context: RequestContext,
): Promise<KubeObject> {
  if (action.create === undefined) throw status.badMethod()
  const attributes = {
    operation: 'CREATE' as const,
    endpoint: target.endpoint,
    subresource,
    namespace: target.namespace,
    name: target.name,
    object: body,
    context,
  }
  if (action.answersBody) {
    const [{ schema, defaults } = { schema: '' }] = action.accepts ?? []
    defaults?.(body)
    const { fieldManager: manager, now } = context
    const { apiVersion } = body
    machinery.engines.trackUpdate(body, undefined, { manager, apiVersion, schema, subresource, now, resetFields: [] })
  }
  await machinery.admission.mutate(attributes)
  await machinery.admission.validate(attributes)
  return action.create(actionCall, body, context)
}
