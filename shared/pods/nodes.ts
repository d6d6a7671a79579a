// Node objects for the capacity that this control plane has: one per ECS container instance, or one per Fargate provider and zone.
// Written when something changed and not for a heartbeat: whether a node is there is ECS's to say, and it is asked.
import type { Node } from '../api/core/v1.ts'
import { canonicalQuantity } from '../apimachinery/quantity.ts'
import { isMade } from '../cluster-name.ts'
import { NAMESPACES, NODES, PODS } from '../controllers/collections.ts'
import { equal } from '../controllers/equality.ts'
import { timestamp } from '../controllers/time.ts'
import type { Controller, ControllerContext, Outcome } from '../controllers/types.ts'
import type { ContainerInstance, Ecs } from './ecs.ts'
import { type Capacity, capacityOf, providerID } from './ours.ts'
import { AGENT_RESERVATION, SETUP_RESERVATION } from './resources.ts'
import type { PodSettings } from './settings.ts'

/** All nodes are one piece of work. */
const KEY = '/ecs'
/** Instances come and go seldom; a pod that was bound to one that is gone is told by its task's end. */
const INSTANCE_POLL_SECONDS = 30
const MOST_PODS = 110
/** One pod for so many MiB at most, as a machine's own kubelet would be set up. */
const MEBIBYTES_PER_POD = 128
/** Room for the agent, setup and a container that asks for nothing, which ECS counts and the scheduler does not. MiB. */
const OVERHEAD = AGENT_RESERVATION + 2 * SETUP_RESERVATION

export interface NodeSyncOptions {
  readonly ecs: Ecs
  readonly settings: PodSettings
  readonly version: string
}

/** @param options called when there is work for the first time. */
export function nodeSync(options: () => NodeSyncOptions): Controller {
  return {
    name: 'node-sync',
    component: 'node-controller',
    watches: [
      // A node of ours that somebody deletes or edits is put right.
      { resource: NODES, keys: change => (capacityOf(change.object as Node) ? [KEY] : []) },
      // Exists from the first start on: this is what begins the work.
      { resource: NAMESPACES, keys: ({ key }) => (key === '/default' ? [KEY] : []) },
    ],
    reconcile: (_, context) => sync(options(), context),
  }
}

async function sync({ ecs, settings, version }: NodeSyncOptions, context: ControllerContext): Promise<Outcome | undefined> {
  const wanted = settings.containerInstances
    ? (await ecs.containerInstances()).map(instance => instanceNode(instance, settings, version))
    : fargateNodes(settings, version)
  const informer = await context.informer(NODES)
  const existing = new Map(informer.list().map(({ object }) => [object.metadata.name, object as Node]))
  for (const node of wanted) await put(node, existing.get(node.metadata.name), context)
  const names = new Set(wanted.map(({ metadata }) => metadata.name))
  for (const node of existing.values()) {
    if (capacityOf(node) && !names.has(node.metadata.name)) await context.client.delete(NODES, undefined, node.metadata.name)
  }
  return settings.containerInstances && (await isWatched(settings, context)) ? { requeueAfter: INSTANCE_POLL_SECONDS } : undefined
}

/** An idle cluster beside the default one asks for nothing: with its next pods' resync it looks again. */
async function isWatched({ cluster }: PodSettings, { informer }: ControllerContext): Promise<boolean> {
  return !isMade(cluster) || (await informer(PODS)).list().length > 0
}

async function put(node: Node, existing: Node | undefined, { client, now, events }: ControllerContext) {
  const status = { ...node.status, conditions: conditions(node, existing, now()) }
  if (!existing) {
    const created = await client.create<Node>(NODES, { ...node, status: {} })
    await client.updateStatus<Node>(NODES, { ...created, status })
    await events.event(
      created,
      'Normal',
      'RegisteredNode',
      `Node ${node.metadata.name} event: Registered Node ${node.metadata.name} in Controller`,
    )
    return
  }
  // A node of this name that is not ours stays as it is.
  if (!capacityOf(existing)) return
  const labels = { ...existing.metadata.labels, ...node.metadata.labels }
  let current = existing
  if (!equal(labels, existing.metadata.labels) || existing.spec?.providerID !== node.spec?.providerID) {
    current = await client.update<Node>(NODES, {
      ...existing,
      metadata: { ...existing.metadata, labels },
      spec: { ...existing.spec, providerID: node.spec?.providerID },
    })
  }
  if (!equal(current.status, { ...current.status, ...status })) {
    await client.updateStatus<Node>(NODES, { ...current, status: { ...current.status, ...status } })
  }
}

function instanceNode(instance: ContainerInstance, settings: PodSettings, version: string): Node {
  const { attributes } = instance
  const name = (
    attributes['zeroplane.node-name'] ??
    instance.instanceId ??
    instance.arn.slice(instance.arn.lastIndexOf('/') + 1)
  ).toLowerCase()
  const zone = attributes['ecs.availability-zone']
  const arch = attributes['ecs.cpu-architecture'] === 'arm64' ? 'arm64' : 'amd64'
  const { cpu, memory } = instance.registered
  const pods = Math.max(1, Math.min(MOST_PODS, Math.floor(memory / MEBIBYTES_PER_POD)))
  const amounts = (mebibytes: number) => ({
    cpu: canonicalQuantity(`${Math.round((cpu * 1000) / 1024)}m`),
    memory: canonicalQuantity(`${mebibytes}Mi`),
    pods: String(pods),
    'ephemeral-storage': '20Gi',
  })
  const ready = instance.status === 'ACTIVE' && instance.agentConnected
  return nodeObject({
    name,
    capacity: { kind: 'instance', arn: instance.arn },
    zone,
    region: settings.region,
    arch,
    instanceType: attributes['ecs.instance-type'] ?? 'container-instance',
    address: attributes['zeroplane.address'] ?? attributes['ecs.private-ip'] ?? attributes['ecs.private-ipv4-address'],
    amounts: { capacity: amounts(memory), allocatable: amounts(memory - pods * OVERHEAD) },
    ready,
    unschedulable: instance.status === 'DRAINING',
    version,
    runtime: instance.dockerVersion,
    ecsAgent: instance.agentVersion,
  })
}

/** Fargate has no end that a scheduler would have to know; its quota answers a launch, and the pod says so in an event. */
const FARGATE = { cpu: '1000', memory: '4000Gi', pods: '1000', 'ephemeral-storage': '20000Gi' }

function fargateNodes(settings: PodSettings, version: string): Node[] {
  const zones = [...new Set(settings.subnets.map(({ zone }) => zone))]
  const { providers, architecture } = settings.fargate
  return providers.flatMap((provider, place) =>
    (zones.length > 0 ? zones : [undefined]).map(zone => {
      const node = nodeObject({
        name: `${provider.toLowerCase().replace('_', '-')}${zone === undefined ? '' : `-${zone}`}`,
        capacity: { kind: 'fargate', provider, zone },
        zone,
        region: settings.region,
        arch: architecture,
        instanceType: 'fargate',
        address: undefined,
        amounts: { capacity: FARGATE, allocatable: FARGATE },
        ready: true,
        unschedulable: false,
        version,
        runtime: undefined,
        ecsAgent: undefined,
      })
      const type = provider === 'FARGATE_SPOT' ? 'spot' : 'on-demand'
      node.metadata.labels!['zeroplane.dev/capacity-type'] = type
      // What is not preferred is for those who ask for it: by a node selector, which this taint does not stand in the way of.
      if (place > 0) node.spec!.taints = [{ key: 'zeroplane.dev/capacity-type', value: type, effect: 'PreferNoSchedule' }]
      return node
    }),
  )
}

interface NodeFacts {
  readonly name: string
  readonly capacity: Capacity
  readonly zone: string | undefined
  readonly region: string
  readonly arch: string
  readonly instanceType: string
  readonly address: string | undefined
  readonly amounts: { readonly capacity: Record<string, string>; readonly allocatable: Record<string, string> }
  readonly ready: boolean
  readonly unschedulable: boolean
  readonly version: string
  readonly runtime: string | undefined
  readonly ecsAgent: string | undefined
}

function nodeObject(facts: NodeFacts): Node {
  const { name, zone, region, arch, instanceType, address } = facts
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'beta.kubernetes.io/arch': arch,
        'beta.kubernetes.io/os': 'linux',
        'kubernetes.io/arch': arch,
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'node.kubernetes.io/instance-type': instanceType,
        'topology.kubernetes.io/region': region,
        ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }),
      },
      // What the ttl controller would write.
      annotations: { 'node.alpha.kubernetes.io/ttl': '0' },
    },
    spec: { providerID: providerID(facts.capacity), ...(facts.unschedulable ? { unschedulable: true } : {}) },
    status: {
      ...facts.amounts,
      addresses: [...(address === undefined ? [] : [{ type: 'InternalIP', address }]), { type: 'Hostname', address: name }],
      nodeInfo: {
        architecture: arch,
        operatingSystem: 'linux',
        osImage: facts.capacity.kind === 'fargate' ? 'AWS Fargate' : 'Amazon ECS container instance',
        kernelVersion: '',
        containerRuntimeVersion:
          facts.runtime === undefined ? 'ecs://fargate' : `docker://${facts.runtime.replace(/^DockerVersion: */, '')}`,
        kubeletVersion: facts.version,
        kubeProxyVersion: '',
        bootID: '',
        machineID: '',
        systemUUID: '',
      },
      conditions: facts.ready ? [{ type: 'Ready', status: 'True' }] : [{ type: 'Ready', status: 'False' }],
    },
  }
}

/** kubelet's four, with times that move only when their status does. */
function conditions(node: Node, existing: Node | undefined, now: number) {
  const ready = node.status?.conditions?.[0]?.status === 'True'
  const wanted = [
    {
      type: 'MemoryPressure',
      status: 'False',
      reason: 'KubeletHasSufficientMemory',
      message: 'ECS places tasks where there is memory for them',
    },
    { type: 'DiskPressure', status: 'False', reason: 'KubeletHasNoDiskPressure', message: 'every task has storage of its own' },
    { type: 'PIDPressure', status: 'False', reason: 'KubeletHasSufficientPID', message: 'every task has its own process ids' },
    ready
      ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'ECS is posting ready status' }
      : {
          type: 'Ready',
          status: 'False',
          reason: 'KubeletNotReady',
          message: 'the container instance is not active or its ECS agent is not connected',
        },
  ]
  const theirs = existing?.status?.conditions ?? []
  const ours = wanted.map(condition => {
    const before = theirs.find(({ type }) => type === condition.type)
    const times = { lastHeartbeatTime: timestamp(now), lastTransitionTime: timestamp(now) }
    return before?.status === condition.status
      ? { ...condition, lastHeartbeatTime: before.lastHeartbeatTime, lastTransitionTime: before.lastTransitionTime }
      : { ...condition, ...times }
  })
  return [...ours, ...theirs.filter(({ type }) => !wanted.some(condition => condition.type === type))]
}
