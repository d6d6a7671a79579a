// --store memory: the same functions' factories on the in-memory reference store. There is no stream and no queue: the store's feed
// drives the controllers in this process, as it does in tests. Nothing outlives the process.
import type { RequestListener } from 'node:http'
import { createApi } from '../../functions/api/app.ts'
import { nodeListener } from '../../functions/api/node-http.ts'
import { MASTERS } from '../../shared/auth/types.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import type { HostOptions } from './options.ts'

export interface MemoryCluster {
  readonly listener: RequestListener
  stop(): void
}

export async function startMemoryCluster(options: HostOptions, adminToken: string, log: (line: string) => void): Promise<MemoryCluster> {
  const { handle } = await createApi({
    store: new MemoryStore(),
    serviceCidr: options.serviceCidr,
    serverAddress: `127.0.0.1:${options.apiPort}`,
    tokens: [{ token: adminToken, user: { name: 'kubernetes-admin', groups: [MASTERS] } }],
    onError: (error, request) => log(`${request.method} ${request.url}: ${error instanceof Error ? error.stack : String(error)}`),
  })
  return { listener: nodeListener(handle), stop() {} }
}
