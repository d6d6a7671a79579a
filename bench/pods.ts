// What a person waits for: kubectl's round trip, and a pod from apply to Ready.
import type { Pod } from '../shared/api/core/v1.ts'
import type { Cluster } from '../test/tools/cluster.ts'
import { containersOf } from '../test/tools/docker.ts'
import { runProgram } from '../test/tools/kubectl.ts'
import { apiClient } from './http.ts'
import { type Figure, mib, ms, quantile } from './report.ts'

const RUNS = 8

export async function benchPods(cluster: Cluster): Promise<Figure[]> {
  const figures: Figure[] = []
  const client = apiClient(cluster.kubeconfig, 4)
  try {
    const ready: number[] = []
    for (let n = 0; n < RUNS; n++) ready.push(await applyToReady(cluster, `bench-${n}`))
    figures.push({
      name: 'apply of a pod with a local image to Ready',
      value: `p50 ${ms(quantile(ready, 0.5))}, slowest ${ms(Math.max(...ready))}`,
      beside: 'aim: 2 s',
    })

    const round: number[] = []
    for (let n = 0; n < 10; n++) {
      const begin = performance.now()
      await cluster.kubectl('get pods')
      round.push(performance.now() - begin)
    }
    figures.push({ name: `kubectl get pods, ${RUNS} pods`, value: `p50 ${ms(quantile(round, 0.5))}` })
    figures.push({ name: 'agent, resident memory per pod', value: mib(await agentMemory(cluster)), beside: 'aim: 64 MB' })
    await cluster.kubectl('delete pods --all --now')
  } finally {
    client.close()
  }
  return figures
}

async function applyToReady(cluster: Cluster, name: string): Promise<number> {
  const manifest = `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\nspec: { containers: [{ name: demo, image: 'zeroplane/demo:1' }] }\n`
  const begin = performance.now()
  await cluster.apply(manifest)
  await cluster.kubectl(`wait pod/${name} --for=condition=Ready --timeout=120s`)
  const took = performance.now() - begin
  const pod = await cluster.json<Pod>(`get pod ${name}`)
  if (pod.status?.phase !== 'Running') throw new Error(`pod ${name} is ${pod.status?.phase}`)
  return took
}

/** Mean over all agents, as the kernel counts the processes: what is theirs alone and what they share. */
async function agentMemory(cluster: Cluster): Promise<number> {
  const agents = await containersOf(cluster, '_agent')
  let sum = 0
  for (const { Id } of agents) {
    const { stdout } = await runProgram('docker', ['stats', '--no-stream', '--format', '{{.MemUsage}}', Id])
    sum += bytes(stdout.split('/')[0] ?? '')
  }
  return sum / Math.max(1, agents.length)
}

function bytes(text: string): number {
  const [, number = '0', unit = 'B'] = /([\d.]+)\s*(\w+)/.exec(text) ?? []
  const factor = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }[unit] ?? 1
  return Number(number) * factor
}
