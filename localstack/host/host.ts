// The local cluster: brings up what AWS would be, then the functions on it, and takes it all down again in reverse order.
//
//   Java -> DynamoDB Local -> table ------.
//   Docker -> images, address of bridge ---+-> local AWS -> queues, rules -> functions -> event sources -> API
//   certificates --------------------------'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { request } from 'node:https'
import { fileURLToPath } from 'node:url'
import { apiAddress } from '../../shared/pods/network-plan.ts'
import { type LocalAws, startAws } from '../aws/index.ts'
import { listenApi } from './api-server.ts'
import { serverCertificate } from './certificates.ts'
import { type DataFolder, openDataFolder } from './data-folder.ts'
import { startDynamoDbLocal } from './dynamodb-local.ts'
import { setAwsEnvironment, setFunctionEnvironment } from './environment.ts'
import { functionUrl } from './function-url.ts'
import { invoker, loadFunctions } from './functions.ts'
import { HostError, reasonOf } from './host-error.ts'
import { kubeconfig } from './kubeconfig.ts'
import type { StreamingHandler } from './lambda.ts'
import { prepareEngine } from './machine/engine.ts'
import { ensureJava } from './machine/java.ts'
import { connectEventSources } from './mappings/connect.ts'
import { type HostOptions, needsDocker } from './options.ts'
import { checkPort, portTaken } from './ports.ts'
import type { Progress } from './progress.ts'
import { provisionPipeline, provisionTable, NAMES as RESOURCES } from './provision.ts'

export interface Host {
  /** "3 nodes on Docker" */
  readonly nodes: string
  /** Settles with a reason when something has ended that the cluster cannot do without. */
  readonly failed: Promise<string>
  /** With `pods`, their containers go too; without, they run on, and the next start adopts them. */
  stop(options: { readonly pods: boolean }): Promise<void>
}

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/zeroplane', import.meta.url))
const NAMES = [
  'localhost',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  '127.0.0.1',
  '::1',
]

/** @throws HostError when the machine or the options do not allow it; nothing is left running then. */
export async function startHost(options: HostOptions, progress: Progress, signal: AbortSignal): Promise<Host> {
  const undo = new AsyncDisposableStack()
  try {
    return await bringUp(options, progress, signal, undo)
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

async function bringUp(options: HostOptions, progress: Progress, signal: AbortSignal, undo: AsyncDisposableStack): Promise<Host> {
  const folder = openDataFolder(options.dataDir, { fresh: options.fresh })
  undo.defer(() => folder.release())
  const failure = Promise.withResolvers<string>()
  await all(checkPort(options.apiPort, '--port'), checkPort(options.awsPort, '--aws-port'))

  const [database, engine] = await all(
    options.store === 'dynamodb' ? startDatabase(folder, progress, undo, failure.resolve) : undefined,
    needsDocker(options) ? prepareEngine(progress.step('Docker'), CACHE) : undefined,
    warmUp(),
  )
  signal.throwIfAborted()
  const step = progress.step('Functions')
  step.say('starting')
  const aws = await startLocalAws(options, folder, database?.port, undo)
  const containers = containerSide(aws.ecs)
  // Agents listen for the API and pass on what comes: its certificate is what clients in pods see.
  const certificate = await serverCertificate(
    folder.path('pki'),
    [...NAMES, apiAddress(options.serviceCidr), containers.hostName],
    Date.now(),
  )
  setAwsEnvironment(aws.endpoint, aws.identity.region, database && `http://127.0.0.1:${database.port}`)
  const [provisioned] = await all(provisionPipeline(aws, needsDocker(options)), database?.ready)
  signal.throwIfAborted()

  const adminToken = token(folder)
  const apiUrl = `https://${containers.hostName}:${options.apiPort}`
  setFunctionEnvironment({
    aws,
    provisioned,
    options,
    apiUrl,
    podAwsUrl: needsDocker(options) ? `http://${containers.hostName}:${aws.port}` : '',
    apiCa: certificate.ca,
    agentImage: engine?.agentImage ?? 'simulated',
    adminToken,
  })
  const listener = await composeFunctions({ options, folder, aws, databasePort: database?.port, undo })
  const { gatewayOfEnvironment } = await import('../../gateway/handler.ts')
  const gateway = await gatewayOfEnvironment()
  const server = await listenApi(
    (request, response) => gateway.handle(request, response) || listener(request, response),
    gateway,
    certificate,
    [...new Set(['127.0.0.1', containers.address])],
    options.apiPort,
  )
  undo.defer(() => server.close())
  // Sessions first: the server waits for its connections.
  undo.defer(() => gateway.close())
  await answersReady(options.apiPort, certificate.ca, adminToken)
  if (options.controllers) {
    const { openServiceDoors } = await import('./services/index.ts')
    const access = { port: options.apiPort, ca: certificate.ca, token: adminToken }
    const doors = openServiceDoors(access, [...new Set(['127.0.0.1', containers.address])], log)
    undo.defer(() => doors.stop())
  }
  step.done()
  const access = { server: `https://127.0.0.1:${options.apiPort}`, ca: certificate.ca, token: adminToken }
  const file = folder.path('kubeconfig')
  writeFileSync(file, kubeconfig(access, existsSync(file) ? readFileSync(file, 'utf8') : undefined), { mode: 0o600 })
  return { nodes: describeNodes(options), failed: failure.promise, stop: ({ pods }) => stop(aws, undo, pods) }
}

async function stop(aws: LocalAws, undo: AsyncDisposableStack, pods: boolean): Promise<void> {
  try {
    if (pods) await aws.ecs?.removeAll()
  } finally {
    await undo.disposeAsync()
  }
}

interface Parts {
  readonly options: HostOptions
  readonly folder: DataFolder
  readonly aws: LocalAws
  readonly databasePort: number | undefined
  readonly undo: AsyncDisposableStack
}

const log = (line: string) => console.error(line)

/** The functions as deployed: handlers that find everything in their environment, and the triggers that invoke them. */
async function composeFunctions({ options, folder, aws, databasePort, undo }: Parts): Promise<RequestListener> {
  if (databasePort === undefined) {
    const { feedQueue, useMemoryStores } = await import('./memory.ts')
    useMemoryStores()
    if (options.controllers) {
      const feed = feedQueue(log)
      undo.defer(() => feed.stop())
    }
  }
  const functions = await loadFunctions(options.controllers ? ['api', 'dispatch', 'reconcile', 'tasks', 'tick'] : ['api'], aws.identity)
  if (options.controllers) {
    const sources = await connectEventSources({ aws, databasePort, folder, invoke: invoker(functions), log })
    undo.defer(() => sources.stop())
  }
  const { handler, settings } = functions.get('api')!
  return functionUrl(handler as unknown as StreamingHandler, settings, log)
}

/** Loading the functions' code takes as long as Java does to start, so it is done meanwhile. What reads the environment comes later. */
async function warmUp(): Promise<void> {
  await Promise.all([
    import('../../functions/api/app.ts'),
    import('../../shared/aws/providers.ts'),
    import('../../shared/controllers/index.ts'),
    import('../../shared/pipeline/worker.ts'),
  ])
}

async function startDatabase(folder: DataFolder, progress: Progress, undo: AsyncDisposableStack, failed: (reason: string) => void) {
  const step = progress.step('DynamoDB Local')
  const java = await ensureJava(text => step.say(text))
  step.say('starting')
  const database = await startDynamoDbLocal({ java, dataDir: folder.path('dynamodb'), cacheDir: CACHE })
  let stopping = false
  undo.defer(() => {
    stopping = true
    return database.stop()
  })
  const ready = database.ready.then(() => provisionTable(database.port, 'us-east-1')).then(() => step.done())
  ready.catch(() => {}) // awaited where the table is needed
  void database.ended.then(output => {
    if (!stopping) failed(`DynamoDB Local has ended: ${output.trim().split('\n').slice(-3).join(' | ')}`)
  })
  return { port: database.port, ready }
}

async function startLocalAws(
  options: HostOptions,
  folder: DataFolder,
  databasePort: number | undefined,
  undo: AsyncDisposableStack,
): Promise<LocalAws> {
  try {
    const aws = await startAws({
      port: options.awsPort,
      dataDir: folder.path('aws'),
      ...(databasePort !== undefined && { dynamodb: { port: databasePort } }),
      ...(options.controllers && { ecs: { engine: options.ecs, cluster: RESOURCES.cluster, nodes: options.nodes, owner: folder.id } }),
      log: line => console.error(line),
    })
    undo.defer(() => aws.close())
    return aws
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw portTaken(options.awsPort, '--aws-port')
    throw new HostError(`the local AWS did not start: ${reasonOf(error)}`)
  }
}

/** How containers reach the API: the name they use, and the address of ours that it leads to. */
function containerSide(ecs: LocalAws['ecs']): { hostName: string; address: string } {
  if (ecs === undefined) return { hostName: '127.0.0.1', address: '127.0.0.1' }
  // Docker Desktop keeps the engine in a machine of its own, which knows this one by a name and forwards to its loopback.
  return ecs.gatewayIsHere ? { hostName: ecs.gateway, address: ecs.gateway } : { hostName: 'host.docker.internal', address: '127.0.0.1' }
}

/** The administrator's token, made once per data folder. */
function token(folder: DataFolder): string {
  const file = folder.path('pki', 'admin.token')
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600 })
  return readFileSync(file, 'utf8').trim()
}

/** Through the front door: what kubectl will see. */
function answersReady(port: number, ca: string, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = request(
      { host: '127.0.0.1', port, path: '/readyz', ca, headers: { authorization: `Bearer ${token}` }, agent: false },
      response => {
        response.resume()
        if (response.statusCode === 200) resolve()
        else reject(new HostError(`the API answers /readyz with ${response.statusCode}`))
      },
    )
    probe.on('error', reject)
    probe.end()
  })
}

function describeNodes({ controllers, nodes, ecs }: HostOptions): string {
  if (!controllers) return 'without controllers'
  if (nodes === 0) return 'without nodes of its own'
  return `${nodes} ${nodes === 1 ? 'node' : 'nodes'} ${ecs === 'docker' ? 'on Docker' : 'simulated'}`
}

/** Promise.all that waits for every one before it fails, so that nothing starts behind the back of the clean-up. */
async function all<T extends readonly unknown[]>(...values: [...T]): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(values)
  const failed = settled.find((result): result is PromiseRejectedResult => result.status === 'rejected')
  if (failed) throw failed.reason
  return settled.map(result => (result as PromiseFulfilledResult<unknown>).value) as { [K in keyof T]: Awaited<T[K]> }
}
