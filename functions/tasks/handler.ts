import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import { observed } from '../../shared/aws/observed.ts'
import { forgetCluster, storeOf } from '../../shared/aws/providers.ts'
import { openCluster } from '../../shared/cluster.ts'
import { EventLog } from '../../shared/pipeline/event-recorder.ts'
import { jsonLog } from '../../shared/pipeline/json-log.ts'
import type { SettleContext } from '../../shared/pods/settle.ts'
import { RecentlyUsed } from '../../shared/recently-used.ts'
import { createTasksFunction } from './tasks.ts'

const log = jsonLog('tasks')
const contexts = new RecentlyUsed<SettleContext>(50, forgetCluster)

const contextOf = (cluster: string): SettleContext =>
  contexts.use(cluster, () => {
    const client = clientFor(openCluster({ store: storeOf(cluster) }), SYSTEM, 'kubelet')
    return { client, events: new EventLog({ client, now: Date.now, log }).recorder('kubelet'), now: Date.now }
  })

export const handler = observed(createTasksFunction({ contextOf }))
