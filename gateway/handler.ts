// The gateway of this environment: what the API function finds in it, the gateway finds there too.
import { MASTERS } from '../shared/auth/types.ts'
import { readEnvironment } from '../shared/aws/environment.ts'
import { iamAuthenticator } from '../shared/aws/iam-authenticator.ts'
import { cloudWatchLogReader } from '../shared/aws/log-reader.ts'
import { forgetCluster, storeOf } from '../shared/aws/providers.ts'
import { clusterName, isMade } from '../shared/cluster-name.ts'
import { Clusters } from '../shared/clusters.ts'
import { jsonLog } from '../shared/pipeline/json-log.ts'
import { clusterGateways } from './clusters.ts'
import { createGateway, type Gateway } from './gateway.ts'

export const log = jsonLog('gateway')

export async function gatewayOfEnvironment(): Promise<Gateway> {
  const { CLUSTER_NAME, ADMIN_TOKEN, ADMIN_PRINCIPALS, POD_LOG_GROUP } = readEnvironment([
    'CLUSTER_NAME',
    'ADMIN_TOKEN',
    'ADMIN_PRINCIPALS',
    'POD_LOG_GROUP',
  ])
  const logs = cloudWatchLogReader(POD_LOG_GROUP)
  const open = (cluster: string) =>
    createGateway({
      store: storeOf(cluster),
      logs,
      log,
      tokens: ADMIN_TOKEN === '' || isMade(cluster) ? [] : [{ token: ADMIN_TOKEN, user: { name: 'kubernetes-admin', groups: [MASTERS] } }],
      authenticators: [iamAuthenticator(clusterName(cluster), ADMIN_PRINCIPALS)],
    })
  const directory = new Clusters(storeOf(CLUSTER_NAME))
  return clusterGateways({
    home: await open(CLUSTER_NAME),
    defaultName: CLUSTER_NAME,
    find: name => directory.find(name),
    open,
    closed: forgetCluster,
    failed: error => log.error({ error }, 'a session failed'),
  })
}
