// The agent: kubelet of one pod. Beside the app containers in the same task; ends with the pod.
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { networkInterfaces } from 'node:os'
import { AGENT_ENV, type ImageDefaults, type Orders } from '../shared/pods/agent-protocol.ts'
import { systemClock } from './clock.ts'
import { DiskLimits } from './disk-limits.ts'
import { GatewayLink } from './gateway-link.ts'
import { Link } from './link.ts'
import { writeNameFile } from './name-file.ts'
import { parseResolvConf } from './network/name-files.ts'
import { PodNetwork } from './network/pod-network.ts'
import { PodRunner } from './pod.ts'
import { UsageMeter } from './usage.ts'
import { WrittenVolumes } from './volumes.ts'

const METADATA_TIMEOUT_MS = 2_000
const METADATA_ATTEMPTS = 5

const log = (message: string) => process.stderr.write(`${new Date().toISOString()} ${message}\n`)

function setting(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') {
    log(`${name} is not set: the agent runs only in a task that the control plane started`)
    process.exit(2)
  }
  return value
}

/** The addresses that other pods see: not loopback, not the link-local ones that ECS itself uses. */
function podIPs(): string[] {
  const all = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? [])
  const routable = all.filter(({ internal, address }) => !internal && !address.startsWith('169.254.') && !address.startsWith('fe80'))
  return [...routable.filter(({ family }) => family === 'IPv4'), ...routable.filter(({ family }) => family === 'IPv6')].map(a => a.address)
}

/** What the network gave, before we write what the pod shall have. */
function givenResolver(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8')
  } catch (error) {
    log(`the network's resolver is not known: ${(error as Error).message}`)
    return ''
  }
}

/** The task's own ARN, from the metadata endpoint. Container IDs are made of it, so the first report waits for it, but not long. */
function readTaskArn(endpoint: string): Promise<string | undefined> {
  return new Promise(resolve => {
    const call = get(`${endpoint}/task`, { agent: false, timeout: METADATA_TIMEOUT_MS }, response => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => {
        try {
          const arn: unknown = JSON.parse(body).TaskARN
          resolve(typeof arn === 'string' ? arn : undefined)
        } catch {
          log(`task metadata: ${response.statusCode} ${body.slice(0, 200)}`)
          resolve(undefined)
        }
      })
    })
    call.on('timeout', () => call.destroy(new Error('no answer')))
    call.on('error', error => {
      log(`task metadata: ${error.message}`)
      resolve(undefined)
    })
  })
}

// Our own names, the API's above all, are asked for as they are: with the search path of the pod, which this process sees, too, each would
// first be looked up as a Service, which may mean to ask the API.
process.env.RES_OPTIONS = 'ndots:1'

// Files made for a container are for its user, whoever that is.
process.umask(0)

const images: Record<string, ImageDefaults> = JSON.parse(process.env[AGENT_ENV.images] ?? '{}')
let taskArn: string | undefined
let leaving = false
let stopOrdered = false
/** The pod ends here, but not for good: the control plane decides what comes next, from how the task ended. */
let interrupted = false

/** Tells ECS, and through it the control plane, that this was not the pod's own end. */
const INTERRUPTED = 75

/** Connections that nobody ends are cut off after this. */
const LAST_WORDS_MS = 2_000

const interrupt = () => {
  if (pod.finished) return
  if (!pod.planned) return leave(() => 143, INTERRUPTED)
  interrupted = true
  pod.stop({ secondsLeft: 30 })
}

const leave = (code: (index: number) => number, own = 0) => {
  if (leaving) return
  leaving = true
  pod.containers.forEach((container, index) => {
    container.end(code(index))
  })
  link.close()
  network.close()
  // Time for the holders to go first, so that ECS sees their exit codes and not its own kill; and for who is attached to hear the end.
  const told = Promise.race([gateway.close(), new Promise(resolve => setTimeout(resolve, LAST_WORDS_MS))])
  setTimeout(() => void told.then(() => process.exit(own)), 150)
}

const link = new Link({
  url: setting(AGENT_ENV.url),
  token: setting(AGENT_ENV.token),
  ca: process.env[AGENT_ENV.ca],
  clock: systemClock,
  log,
  report: () => ({
    podIPs: podIPs(),
    taskArn,
    containers: pod.report(),
    usage: meter.latest,
    volumes: volumes.asked,
    evicted,
    finished: pod.finished && !interrupted,
    services: network.known(),
  }),
  orders(orders: Orders) {
    gateway.offer(orders.gateway)
    if (orders.volumes) volumes.adopt(orders.volumes)
    network.apply(orders.services)
    if (orders.plan) {
      taskArn ??= orders.plan.taskArn
      network.adopt(orders.plan)
      pod.adopt(orders.plan)
      diskLimits.adopt(orders.plan.diskLimits)
    }
    if (orders.deletion) {
      interrupted = false
      pod.stop(orders.deletion)
    } else if (stopOrdered) interrupt()
  },
  gone: () => leave(() => 137),
  finished: () => leave(index => pod.containers[index]?.exitCode ?? 0),
})

const volumes = new WrittenVolumes({
  clock: systemClock,
  failed: message => link.event({ type: 'Warning', reason: 'FailedMount', message }),
  changed() {
    pod.step()
    link.changed()
  },
})

/** Said with each report until the pod has ended. */
let evicted: string | undefined

const diskLimits = new DiskLimits({
  clock: systemClock,
  exceeded(message) {
    evicted = message
    link.event({ type: 'Warning', reason: 'Evicted', message })
  },
})

const network = new PodNetwork({
  clock: systemClock,
  network: parseResolvConf(givenResolver()),
  apiUrl: setting(AGENT_ENV.url),
  apiCa: process.env[AGENT_ENV.ca],
  image: container => images[container] ?? {},
  podIPs,
  ready: () => pod.planned && pod.containers.every(({ ready }) => ready),
  write: (name, text) => writeNameFile(name, text, Object.keys(images), log),
  report: () => link.changed(),
  pushed: () => link.holds,
  event: event => link.event(event),
  log,
})

const pod = new PodRunner({
  clock: systemClock,
  podIP: () => podIPs()[0] ?? '127.0.0.1',
  freshPlan: () => link.freshPlan(),
  image: container => images[container] ?? {},
  mounted: () => volumes.ready,
  lost: () => interrupt(),
  starting: again => network.starting(again),
  drained: () => network.drained(),
  taskID: () => `ecs://${taskArn?.slice(taskArn.lastIndexOf('/') + 1) ?? 'unknown'}`,
  event: (type, reason, message, container) => link.event({ type, reason, message, container }),
  changed() {
    pod.step()
    network.step()
    link.changed()
    // The last states are worth one more report, but not worth waiting for.
    if (pod.finished && interrupted) setTimeout(() => interrupted && leave(() => 143, INTERRUPTED), 500)
  },
})

const gateway = new GatewayLink({
  token: setting(AGENT_ENV.token),
  ca: process.env[AGENT_ENV.ca],
  clock: systemClock,
  containers: () => pod.containers,
  log,
})

const meter = new UsageMeter(systemClock, () => pod.containers)

// ECS stops the task: the control plane knows whether that is the pod's deletion and what grace it has. If it does not answer or does
// not know, the machine is going away, and the pod ends as it would on a node that shuts down.
process.on('SIGTERM', () => {
  stopOrdered = true
  link.changed()
  setTimeout(interrupt, 5_000)
})

const metadata = process.env.ECS_CONTAINER_METADATA_URI_V4
// On a machine that is short of time it is late: an agent that does not know its task is taken for another one's.
for (let attempt = 1; metadata && taskArn === undefined && attempt <= METADATA_ATTEMPTS; attempt++) taskArn = await readTaskArn(metadata)
link.freshPlan().catch(() => {})
meter.start()
void link.run()
