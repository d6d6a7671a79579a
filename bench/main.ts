// npm run bench [-- start api pods processes scale scale-dynamodb scale-10000 costs bundles]: figures, printed and never asserted. It wants the machine to itself.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { bundleFunctions } from '../scripts/bundle.ts'
import { Cluster } from '../test/tools/cluster.ts'
import { benchApi } from './api.ts'
import { benchCosts } from './costs.ts'
import { benchPods } from './pods.ts'
import { benchProcesses } from './process.ts'
import { type Figure, mib, ms, printFigures, quantile, seconds } from './report.ts'
import { benchScale, benchScaleOnDynamoDb } from './scale.ts'

const wanted = new Set(process.argv.slice(2))
const want = (name: string) => wanted.size === 0 || wanted.has(name)

console.log(`${cpus().length} cores (${cpus()[0]?.model.trim()}), ${mib(totalmem())} memory, Node ${process.version}`)
const cluster = await Cluster.prepare()
try {
  if (want('start')) printFigures('Start (npm start -- --detach, from the command to its return)', await benchStart())
  if (['api', 'pods', 'processes'].some(want)) {
    await cluster.start()
    if (want('processes')) printFigures('Processes, fresh and idle', await benchProcesses(cluster))
    if (want('api')) printFigures('API over HTTPS, objects on DynamoDB Local', await benchApi(cluster))
    if (want('pods')) printFigures('Pods on Docker', await benchPods(cluster))
  }
} finally {
  await cluster.destroy()
}
if (want('scale')) printFigures('Scale: in-memory store, simulated ECS, one process', await benchScale())
if (want('scale-dynamodb')) printFigures('Scale: DynamoDB Local, simulated ECS, one process', await benchScaleOnDynamoDb())
// Only when it is asked for: it takes minutes.
if (wanted.has('scale-10000')) {
  printFigures('Scale: in-memory store, 10,000 pods', await benchScale({ replicas: 10_000, rollout: 0, cronJobs: 0, objects: 0 }))
}
if (want('costs')) printFigures('What a verb asks of AWS (ConfigMap of 1 KB or less, warm)', await benchCosts())
if (want('bundles')) printFigures('Bundles of the functions', await benchBundles())

async function benchStart(): Promise<Figure[]> {
  await cluster.start('--fresh')
  await cluster.stop()
  const warm: number[] = []
  for (let n = 0; n < 5; n++) {
    const begin = performance.now()
    await cluster.start()
    warm.push(performance.now() - begin)
    await cluster.stop()
  }
  const begin = performance.now()
  await cluster.start('--fresh')
  const fresh = performance.now() - begin
  await cluster.stop()
  return [
    {
      name: 'ready with a warm install, old data',
      value: `p50 ${seconds(quantile(warm, 0.5))}`,
      beside: 'kube-apiserver and its neighbours 4.6 s; aim: 4 s',
    },
    { name: 'ready with a warm install, --fresh', value: seconds(fresh) },
  ]
}

/** What a cold start loads: how large it is, and how long this machine takes to import it in a process of its own, with the environment that it wants. */
async function benchBundles(): Promise<Figure[]> {
  const bundles = await bundleFunctions()
  return bundles.map(({ name, directory, bytes }) => {
    const times = Array.from({ length: 7 }, () => importTime(join(directory, 'index.mjs')))
    const value = `${(bytes / 1024 / 1024).toFixed(2)} MB, import p50 ${ms(quantile(times, 0.5))}`
    return { name, value, ...(name === 'api' && { beside: 'aim: 1 MB' }) }
  })
}

function importTime(file: string): number {
  const script = `
    globalThis.awslambda = { streamifyResponse: handler => handler }
    const begin = performance.now()
    await import(process.argv[1])
    console.log(performance.now() - begin)
    process.exit(0)`
  // Nothing that is named here is called while a function is imported, so any value will do.
  const environment = readFileSync(join(import.meta.dirname, '../shared/aws/environment.ts'), 'utf8')
  const names = [...environment.matchAll(/readonly ([A-Z_]+): string/g)].map(([, name]) => name!)
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, file], {
    encoding: 'utf8',
    env: { ...process.env, ...Object.fromEntries(names.map(name => [name, ''])), SERVICE_CIDR: '127.128.0.0/9', AWS_REGION: 'us-east-1' },
  })
  const time = Number(stdout)
  if (!(time > 0)) throw new Error(`${file} cannot be imported: ${stderr}`)
  return time
}
