// Small nodes and pods for the scheduler's decisions, without a cluster.
import type { Node, Pod } from '../../shared/api/core/v1.ts'
import type { PodDisruptionBudget } from '../../shared/api/policy/v1.ts'
import type { LabelSelector } from '../../shared/apimachinery/types.ts'
import type { DeviceSource } from '../../shared/scheduling/device-claims.ts'
import { type Decision, schedule } from '../../shared/scheduling/pass.ts'
import { Snapshot } from '../../shared/scheduling/snapshot.ts'
import { noVolumes, type VolumeLookup, Volumes } from '../../shared/scheduling/volumes.ts'

interface NodeMore {
  readonly labels?: object
  readonly spec?: object
  readonly images?: readonly { readonly names: readonly string[]; readonly sizeBytes: number }[]
}

export const node = (name: string, allocatable: object = {}, { labels, spec, images }: NodeMore = {}): Node =>
  ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec,
    status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110', ...allocatable }, images },
  }) as Node

export const pod = (name: string, spec: object = {}, labels: object = {}, status?: object): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'a', uid: name, labels, creationTimestamp: '2030-01-01T00:00:00Z' },
    spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
    ...(status === undefined ? {} : { status }),
  }) as Pod

export const asks = (requests: object) => ({ containers: [{ name: 'c', image: 'i', resources: { requests } }] })
export const cpu = (amount: string) => asks({ cpu: amount })

export interface World {
  readonly budgets?: readonly PodDisruptionBudget[]
  readonly volumes?: Partial<VolumeLookup>
  readonly devices?: Partial<DeviceSource>
  readonly siblings?: LabelSelector
  readonly namespaces?: Readonly<Record<string, Record<string, string>>>
}

export const place = (
  pending: Pod[],
  nodes: Node[],
  running: Pod[] = [],
  { budgets = [], volumes = {}, devices = {}, siblings, namespaces = {} }: World = {},
): Decision[] =>
  schedule(pending, {
    snapshot: new Snapshot(nodes, running, name => namespaces[name]),
    volumes: new Volumes({ ...noVolumes, ...volumes }),
    devices: { claim: () => undefined, deviceClass: () => undefined, ...devices },
    budgets,
    siblings: () => siblings,
  })

export const nodeOf = (decision: Decision | undefined) => (decision?.kind === 'bind' ? decision.node : decision?.kind)

/** Where a pod goes, or the sentence that says why nowhere. */
export function fate(p: Pod, nodes: Node[], running: Pod[] = [], world: World = {}): string | undefined {
  const [decision] = place([p], nodes, running, world)
  return decision?.kind === 'fail' ? decision.message : nodeOf(decision)
}

/** What a pod that does not fit says of one node. */
export function reason(p: Pod, one: Node, running: Pod[] = [], world: World = {}): string | undefined {
  const said = fate(p, [one], running, world)
  return /^0\/1 nodes are available: (?:1 )?(.*?)\. no new claims/.exec(said ?? '')?.[1] ?? said
}
