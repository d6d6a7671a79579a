// Verbs over HTTPS, as clients see them: latencies with one client, and throughput with sixteen.
import type { Cluster } from '../test/tools/cluster.ts'
import { apiClient, load, type Reply } from './http.ts'
import { type Figure, ms, quantile } from './report.ts'

const PATH = '/api/v1/namespaces/default/configmaps'
const FOR_MS = 3000
/** Objects in the list. */
const LISTED = 300

const configMap = (name: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels: { bench: 'x' } },
  data: { key: 'value'.repeat(40) },
})

/** What the same machine did with kube-apiserver and etcd. */
const BESIDE: Readonly<Record<string, string>> = {
  'get 1': 'kube-apiserver 2.1 ms, 431/s',
  'get 16': 'kube-apiserver 1,381/s',
  'patch 1': 'kube-apiserver 3.8 ms, 201/s',
  'patch 16': 'kube-apiserver 932/s',
  'list 1': 'kube-apiserver 10 ms',
}

export async function benchApi(cluster: Cluster): Promise<Figure[]> {
  const client = apiClient(cluster.kubeconfig, 16)
  const run = `${Date.now()}`
  try {
    await inBatches(LISTED, n => client.call('POST', '/api/v1/namespaces/kube-public/configmaps', configMap(`listed-${run}-${n}`)))
    for (let n = 0; n < 16; n++) await client.call('POST', PATH, configMap(`own-${run}-${n}`))
    const verbs: Record<string, (client: number, n: number) => Promise<Reply>> = {
      get: number => client.call('GET', `${PATH}/own-${run}-${number}`),
      list: () => client.call('GET', '/api/v1/namespaces/kube-public/configmaps'),
      create: (number, n) => client.call('POST', PATH, configMap(`new-${run}-${clientsSeen}-${number}-${n}`)),
      update: (number, n) =>
        client.call('PUT', `${PATH}/own-${run}-${number}`, { ...configMap(`own-${run}-${number}`), data: { n: `${n}` } }),
      patch: (number, n) => client.call('PATCH', `${PATH}/own-${run}-${number}`, { data: { n: `${n}` } }, 'application/merge-patch+json'),
    }
    let clientsSeen = 0
    const figures: Figure[] = []
    for (const [verb, act] of Object.entries(verbs)) {
      for (const clients of [1, 16]) {
        clientsSeen++
        await load(clients, 300, (number, n) => act(number, n + 1_000_000)) // warm
        const { took, perSecond } = await load(clients, FOR_MS, act)
        const value = `p50 ${ms(quantile(took, 0.5))}, p99 ${ms(quantile(took, 0.99))}, ${Math.round(perSecond)}/s`
        const name = `${verb}${verb === 'list' ? ` of ${LISTED}` : ''}, ${clients} ${clients === 1 ? 'client' : 'clients'}`
        figures.push({ name, value, beside: BESIDE[`${verb} ${clients}`] })
      }
    }
    return figures
  } finally {
    client.close()
  }
}

async function inBatches(count: number, act: (n: number) => Promise<Reply>): Promise<void> {
  for (let n = 0; n < count; n += 16) await Promise.all(Array.from({ length: Math.min(16, count - n) }, (_, i) => act(n + i)))
}
