// Looks whether the server behind an APIService answers for its group version, as upstream's availability controller does; and empties
// namespaces in it.
import type { ApiServiceProbe } from '../controllers/apiservice.ts'
import { messageOf } from '../controllers/replicas.ts'
import type { Store } from '../store/types.ts'
import { AGGREGATOR } from './aggregator.ts'
import { ensureFrontProxy } from './front-proxy.ts'
import { groupVersionOf, type Remotes, ServiceProblem } from './remote.ts'

const PATIENCE_MS = 5_000

export function remoteProbe(remotes: Remotes, store: Pick<Store, 'get' | 'create'>): ApiServiceProbe {
  return {
    empty: async (service, namespace) => (await import('./content.ts')).emptyRemote(remotes, service, namespace),
    async check(service, { client, now }) {
      await ensureFrontProxy(store, client, now())
      const { group, version } = groupVersionOf(service)
      const path = `/apis/${group}/${version}`
      const { name, namespace } = service.spec.service!
      const url = `https://${name}.${namespace}.svc:${service.spec.service?.port ?? 443}${path}`
      try {
        const answer = await remotes.ask(service, path, { method: 'GET', headers: {} }, AGGREGATOR, PATIENCE_MS)
        await answer.body?.cancel()
        if (answer.status >= 200 && answer.status < 300) return undefined
        return {
          reason: 'FailedDiscoveryCheck',
          message: `failing or missing response from ${url}: bad status from ${url}: ${answer.status}`,
        }
      } catch (error) {
        if (error instanceof ServiceProblem) return { reason: error.reason, message: error.message }
        return { reason: 'FailedDiscoveryCheck', message: `failing or missing response from ${url}: ${messageOf(error)}` }
      }
    },
  }
}
