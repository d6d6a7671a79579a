// The condition Dangling of FlowSchemas: whether the priority level that one names is there. Upstream's server keeps it up to date
// itself (k8s.io/apiserver/pkg/util/flowcontrol); here whoever writes either of the two does.
import type { FlowSchema } from '../../api/flowcontrol/v1.ts'
import type { RequestContext } from '../../apimachinery/context.ts'
import { formatTime } from '../../apimachinery/objects.ts'
import { isStatus } from '../../apimachinery/status-error.ts'
import { FLOW_SCHEMAS, PRIORITY_LEVELS } from './lazy.ts'

export async function settleSchema(name: string, { client, now }: RequestContext): Promise<void> {
  const schema = await client.get<FlowSchema>(FLOW_SCHEMAS, undefined, name)
  if (schema === undefined) return
  const level = schema.spec.priorityLevelConfiguration.name
  const isThere = (await client.get(PRIORITY_LEVELS, undefined, level)) !== undefined
  const status = isThere ? 'False' : 'True'
  const others = (schema.status?.conditions ?? []).filter(({ type }) => type !== 'Dangling')
  const message = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)} ${isThere ? 'and it exists' : 'but there is no such object'}`
  const known = schema.status?.conditions?.find(({ type }) => type === 'Dangling')
  if (known?.status === status && known.message === message) return
  const lastTransitionTime = known?.status === status ? known.lastTransitionTime : formatTime(now)
  const reason = isThere ? 'Found' : 'NotFound'
  const conditions = [...others, { type: 'Dangling', status, lastTransitionTime, reason, message }]
  try {
    await client.updateStatus<FlowSchema>(FLOW_SCHEMAS, { ...schema, status: { ...schema.status, conditions } })
  } catch (error) {
    // Whoever changed or deleted it meanwhile settles what is left.
    if (!isStatus(error, 'Conflict') && !isStatus(error, 'NotFound')) throw error
  }
}

/** After a level came or went. */
export async function settleSchemasOf(level: string, context: RequestContext): Promise<void> {
  for (const { metadata, spec } of await context.read.list<FlowSchema>(FLOW_SCHEMAS))
    if (spec.priorityLevelConfiguration.name === level) await settleSchema(metadata.name ?? '', context)
}
