import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import { observed } from '../../shared/aws/observed.ts'
import { storeOf } from '../../shared/aws/providers.ts'
import { openCluster } from '../../shared/cluster.ts'
import { EventLog } from '../../shared/pipeline/event-recorder.ts'
import { jsonLog } from '../../shared/pipeline/json-log.ts'
import type { SettleContext } from '../../shared/pods/settle.ts'
import { createTasksFunction } from './tasks.ts'

const log = jsonLog('tasks')
const contexts = new Map<string, SettleContext>()

function contextOf(cluster: string): SettleContext {
  let context = contexts.get(cluster)
  if (!context) {
    const client = clientFor(openCluster({ store: storeOf(cluster) }), SYSTEM, 'kubelet')
    context = { client, events: new EventLog({ client, now: Date.now, log }).recorder('kubelet'), now: Date.now }
    contexts.set(cluster, context)
  }
  return context
}

export const handler = observed(createTasksFunction({ contextOf }))
