// Local ECS: the API over a runtime (Docker, or a simulation), and the registry beside it.
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Efs } from '../aws/efs.ts'
import type { Events } from '../aws/events/service.ts'
import { arn } from '../aws/identity.ts'
import type { Logs } from '../aws/logs/service.ts'
import type { Door } from '../aws/server.ts'
import type { Service, World } from '../aws/service.ts'
import { EcsContext } from './api/context.ts'
import { Engine } from './docker/engine.ts'
import { DockerRuntime } from './docker/runtime.ts'
import { sharesIn } from './docker/shares.ts'
import type { ImageSource } from './images.ts'
import { type Metadata, metadataEndpoint } from './metadata.ts'
import type { ContainerInstance, KeyValue, Resources } from './model.ts'
import { registryDoor } from './registry.ts'
import type { Runtime, RuntimeListener } from './runtime.ts'
import { ecsService } from './service.ts'
import type { Fetch } from './simulated/agent-call.ts'
import { SimulatedImages } from './simulated/images.ts'
import { SimulatedRuntime } from './simulated/runtime.ts'
import type { Rule } from './simulated/stages.ts'
import { EcsStore } from './store.ts'
import { Tasks } from './tasks.ts'
import { awsThrottle } from './throttle.ts'

export interface EcsOptions {
  readonly engine: 'docker' | 'simulated'
  /** Cluster that is there from the start. */
  readonly cluster?: string
  /** Container instances of that cluster; 0 for none. */
  readonly nodes: number
  /** Tells the containers of this data folder from those of another on the same engine. Default: a name kept in the data folder. */
  readonly owner?: string
  /** Of each container instance. Default: all cores (they are shared out by time), and an equal part of nine tenths of the memory. */
  readonly nodeCapacity?: Resources
  /** Refuse calls beyond AWS's rates, as ThrottlingException. Off unless asked for. */
  readonly throttle?: boolean
  /** For the simulated engine: what its containers do, and the seed of what they do by chance. */
  readonly simulation?: {
    readonly rules?: readonly Rule[]
    readonly seed?: string
    /** The agents' sync call, for a control plane in this process. Absent: over HTTP, to where the task's environment points. */
    readonly agentSync?: Fetch
  }
}

export interface StartedEcs {
  readonly service: Service
  readonly registry: Door
  readonly clusterArn: string
  /** Address at which tasks reach the machine that they run on; loopback where tasks are simulated. */
  readonly gateway: string
  /** That machine is this one: a server here can listen on the gateway's address. Not so where the engine has a virtual machine of its own. */
  readonly gatewayIsHere: boolean
  /** Ends a task as AWS does when a host is retired or Spot capacity is taken back ("SpotInterruption", "TerminationNotice" ...). */
  interrupt(taskArn: string, stopCode: string, reason: string): void
  /**
   * Removes every container and volume of this installation from the engine, whatever runs in them; call it before close(). The tasks stay
   * in the data folder: the next life finds their containers gone and stops them.
   */
  removeAll(): Promise<void>
  /** Goes on with the tasks of an earlier life. */
  resume(): Promise<void>
  close(): Promise<void>
}

/** A runtime and what is known of the machine behind it. */
interface Machine {
  readonly runtime: Runtime
  readonly images: ImageSource
  readonly gateway: string
  readonly capacity: Resources
  readonly architecture: string
  readonly version: string
  readonly gatewayIsHere: boolean
  readonly close?: () => void
}

/** @throws EcsUnavailableError when the Docker Engine does not answer. */
export async function startEcs(options: EcsOptions, world: World, ports: { logs: Logs; events: Events; efs: Efs }): Promise<StartedEcs> {
  const store = new EcsStore(world)
  const tasks = new Tasks(world, store, ports.events)
  const machine =
    options.engine === 'docker' ? await dockerMachine(options, world, ports, store, tasks) : simulatedMachine(options, world, tasks)
  tasks.use(machine.runtime)
  const service = ecsService(new EcsContext(world, store, tasks, options.throttle ? awsThrottle(world.clock) : undefined))
  const clusterName = options.cluster ?? 'default'
  const clusterArn = arn(world.identity, 'ecs', `cluster/${clusterName}`)
  service.operations.CreateCluster({ clusterName, capacityProviders: ['FARGATE', 'FARGATE_SPOT'] })
  registerNodes(store, world, clusterArn, clusterName, options, machine)
  return {
    service,
    registry: registryDoor(machine.images),
    clusterArn,
    gateway: machine.gateway,
    gatewayIsHere: machine.gatewayIsHere,
    interrupt(taskArn, stopCode, reason) {
      const task = store.tasks.get(taskArn)
      if (task) tasks.stop(task, stopCode, reason)
    },
    async removeAll() {
      tasks.close()
      await machine.runtime.tidy([])
    },
    resume: () => tasks.adopt(),
    async close() {
      tasks.close()
      machine.close?.()
      await machine.runtime.close()
      store.close()
    },
  }
}

async function dockerMachine(
  options: EcsOptions,
  world: World,
  { logs, efs }: { readonly logs: Logs; readonly efs: Efs },
  store: EcsStore,
  listener: RuntimeListener,
): Promise<Machine> {
  const folder = world.dataDir
  let metadata: Metadata | undefined
  const engine = await Engine.connect()
  const runtime = await DockerRuntime.open(engine, {
    owner: options.owner ?? ownerOf(world.dataDir),
    logs,
    shares: folder === undefined ? undefined : sharesIn(folder, efs),
    listener,
    clock: world.clock,
    secret: valueFrom => Promise.reject(new Error(`the local AWS keeps no secrets: ${valueFrom}`)),
    environment: (task, container) => ({
      AWS_EXECUTION_ENV: task.launchType === 'FARGATE' ? 'AWS_ECS_FARGATE' : 'AWS_ECS_EC2',
      ...(metadata && { ECS_CONTAINER_METADATA_URI_V4: metadata.uri(task, container) }),
    }),
    log: world.log,
  })
  metadata = await tellMetadata(world.dataDir, runtime.gateway, store)
  const capacity = { cpu: engine.cpus * 1024, memory: Math.floor(engine.memory / MIB) }
  const close = () => metadata?.close()
  // A bridge without containers counts as down, so the list of interfaces does not show it; listening on its address works all the same.
  const gatewayIsHere = metadata !== undefined
  const { architecture, version } = engine
  return { runtime, images: runtime.images, gateway: runtime.gateway, capacity, architecture, version, gatewayIsHere, close }
}

/** On the port of the last time where that is free: running containers know no other. */
async function tellMetadata(dataDir: string | undefined, gateway: string, store: EcsStore): Promise<Metadata | undefined> {
  const file = dataDir && join(dataDir, 'metadata-port')
  const port = file && existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
  const endpoint = await metadataEndpoint(gateway, port, { find: taskId => store.byId(taskId) })
  if (file && endpoint) writeFileSync(file, String(endpoint.port))
  return endpoint
}

/** Simulated machines are large: what limits a simulation shall be what it is asked for. */
const SIMULATED_NODE: Resources = { cpu: 1024 * 1024, memory: 4 * 1024 * 1024 }

function simulatedMachine({ simulation = {} }: EcsOptions, world: World, listener: RuntimeListener): Machine {
  const { rules = [], seed = 'zeroplane', agentSync } = simulation
  const images = new SimulatedImages(rules)
  const runtime = new SimulatedRuntime({ rules, seed, agentSync, images, listener, clock: world.clock })
  return {
    runtime,
    images,
    gateway: '127.0.0.1',
    capacity: SIMULATED_NODE,
    architecture: 'x86_64',
    version: 'simulated',
    gatewayIsHere: true,
  }
}

const MIB = 1024 * 1024

/** The cluster's own instances have names made of their number, so that each start finds them again. */
function registerNodes(
  store: EcsStore,
  world: World,
  clusterArn: string,
  clusterName: string,
  options: EcsOptions,
  machine: Machine,
): void {
  const capacity = options.nodeCapacity ?? {
    cpu: machine.capacity.cpu,
    memory: Math.floor((machine.capacity.memory * 0.9) / Math.max(1, options.nodes)),
  }
  const wanted = new Set<string>()
  for (let number = 0; number < options.nodes; number++) {
    const id = createHash('sha256').update(`${clusterName}/${number}`).digest('hex')
    const containerInstanceArn = arn(world.identity, 'ecs', `container-instance/${clusterName}/${id.slice(0, 32)}`)
    wanted.add(containerInstanceArn)
    const before = store.instances.get(containerInstanceArn)
    store.putInstance({
      containerInstanceArn,
      clusterArn,
      ec2InstanceId: `i-${id.slice(32, 49)}`,
      versionInfo: { agentVersion: '1.99.0', agentHash: 'local', dockerVersion: `DockerVersion: ${machine.version}` },
      status: before?.status ?? 'ACTIVE',
      agentConnected: true,
      registered: capacity,
      attributes: before?.attributes ?? attributesOf(world.identity.region, number, machine.architecture),
      registeredAt: before?.registeredAt ?? world.clock.now(),
      version: (before?.version ?? 0) + 1,
      tags: before?.tags ?? [{ key: OWN_NODE, value: String(number) }],
    })
  }
  // A smaller number than last time: the others leave.
  for (const instance of [...store.instances.values()]) {
    if (isOwn(instance) && instance.clusterArn === clusterArn && !wanted.has(instance.containerInstanceArn))
      store.deleteInstance(instance.containerInstanceArn)
  }
}

const OWN_NODE = 'zeroplane.dev/local-node'
const isOwn = (instance: ContainerInstance): boolean => instance.tags.some(({ key }) => key === OWN_NODE)

function attributesOf(region: string, number: number, architecture: string): KeyValue[] {
  return [
    { name: 'ecs.availability-zone', value: `${region}${'abcdef'[number % 3]}` },
    { name: 'ecs.instance-type', value: 'local' },
    { name: 'ecs.os-type', value: 'linux' },
    { name: 'ecs.os-family', value: 'LINUX' },
    { name: 'ecs.cpu-architecture', value: architecture === 'aarch64' ? 'arm64' : architecture },
    { name: 'ecs.capability.docker-remote-api.1.44', value: '' },
    { name: 'com.amazonaws.ecs.capability.logging-driver.awslogs', value: '' },
  ]
}

/** A name for this data folder, so that two installations on one engine leave each other's containers alone. */
function ownerOf(dataDir: string | undefined): string {
  if (!dataDir) return randomUUID()
  const file = join(dataDir, 'owner')
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  mkdirSync(dataDir, { recursive: true })
  const owner = randomUUID()
  writeFileSync(file, owner)
  return owner
}
