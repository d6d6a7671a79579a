import middy from '@middy/core'
import type { LambdaFunctionURLEvent } from 'aws-lambda'
import { MASTERS } from '../../shared/auth/types.ts'
import { readEnvironment } from '../../shared/aws/environment.ts'
import { storeOf } from '../../shared/aws/providers.ts'
import { jsonLog } from '../../shared/pipeline/json-log.ts'
import { createApi } from './app.ts'
import { requestOf, type StreamedResponse, streamedOf } from './function-url.ts'

const log = jsonLog('api')
const { CLUSTER_NAME, SERVICE_CIDR, ADMIN_TOKEN } = readEnvironment(['CLUSTER_NAME', 'SERVICE_CIDR', 'ADMIN_TOKEN'])

/** Lambda ends a request after 15 minutes; a watch ends itself before, so that its client sees a proper end. */
const MAX_WATCH = 14 * 60 * 1000

const api = createApi({
  store: storeOf(CLUSTER_NAME),
  serviceCidr: SERVICE_CIDR,
  tokens: ADMIN_TOKEN === '' ? [] : [{ token: ADMIN_TOKEN, user: { name: 'kubernetes-admin', groups: [MASTERS] } }],
  maxWatch: MAX_WATCH,
  onError: (error, request) => log.error({ error, method: request.method, url: request.url }, 'a request failed'),
})

export const handler = middy<LambdaFunctionURLEvent, StreamedResponse>({ streamifyResponse: true }).handler(
  async (event: LambdaFunctionURLEvent) => {
    const { handle } = await api
    return streamedOf(await handle(requestOf(event)))
  },
)
