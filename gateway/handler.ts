// The gateway of this environment: what the API function finds in it, the gateway finds there too.
import { MASTERS } from '../shared/auth/types.ts'
import { readEnvironment } from '../shared/aws/environment.ts'
import { iamAuthenticator } from '../shared/aws/iam-authenticator.ts'
import { cloudWatchLogReader } from '../shared/aws/log-reader.ts'
import { storeOf } from '../shared/aws/providers.ts'
import { jsonLog } from '../shared/pipeline/json-log.ts'
import { createGateway, type Gateway } from './gateway.ts'

export const log = jsonLog('gateway')

export function gatewayOfEnvironment(): Promise<Gateway> {
  const { CLUSTER_NAME, ADMIN_TOKEN, ADMIN_PRINCIPALS, POD_LOG_GROUP } = readEnvironment([
    'CLUSTER_NAME',
    'ADMIN_TOKEN',
    'ADMIN_PRINCIPALS',
    'POD_LOG_GROUP',
  ])
  return createGateway({
    store: storeOf(CLUSTER_NAME),
    logs: cloudWatchLogReader(POD_LOG_GROUP),
    log,
    tokens: ADMIN_TOKEN === '' ? [] : [{ token: ADMIN_TOKEN, user: { name: 'kubernetes-admin', groups: [MASTERS] } }],
    authenticators: [iamAuthenticator(CLUSTER_NAME, ADMIN_PRINCIPALS)],
  })
}
