// Which of the nodes that can take a pod should: the scores of the default profile, each 0 to 100, with its weights.
import type { LabelSelector } from '../apimachinery/types.ts'
import { interPodScores } from './inter-pod.ts'
import { isTolerated, matchesNodeTerm } from './node-affinity.ts'
import type { PodInfo } from './pod-info.ts'
import type { NodeInfo, Snapshot } from './snapshot.ts'
import { spreadScores } from './spread.ts'

const WEIGHTS = { taints: 3, nodeAffinity: 2, spread: 2, interPod: 2, fit: 1, balance: 1, images: 1 } as const

const SCORED = ['cpu', 'memory'] as const

export interface ScoreContext {
  readonly snapshot: Snapshot
  /** What selects the pods of the same service or workload. */
  siblings(info: PodInfo): LabelSelector | undefined
  /** Images by name: how large, and on how many nodes. */
  readonly images: ImageStates
}

/** The sum for each node. */
export function scoreNodes(info: PodInfo, nodes: readonly NodeInfo[], { snapshot, siblings, images }: ScoreContext): number[] {
  const sums = nodes.map(() => 0)
  const add = (weight: number, scores: readonly number[] | undefined) => {
    for (const [i, score] of (scores ?? []).entries()) sums[i]! += weight * score
  }
  add(WEIGHTS.taints, taintScores(info, nodes))
  add(WEIGHTS.nodeAffinity, nodeAffinityScores(info, nodes))
  add(WEIGHTS.spread, spreadScores(info, snapshot, nodes, siblings(info)))
  add(WEIGHTS.interPod, interPodScores(info, snapshot, nodes))
  add(
    WEIGHTS.fit,
    nodes.map(node => leastAllocated(info, node)),
  )
  add(WEIGHTS.balance, SCORED.some(resource => info.requests.get(resource)) ? nodes.map(node => balanced(info, node)) : undefined)
  add(WEIGHTS.images, imageScores(info, nodes, images, snapshot.nodes.length))
  return sums
}

function taintScores({ pod }: PodInfo, nodes: readonly NodeInfo[]): number[] {
  const counts = nodes.map(
    ({ node }) => node.spec?.taints?.filter(t => t.effect === 'PreferNoSchedule' && !isTolerated(pod.spec.tolerations, t)).length ?? 0,
  )
  const most = Math.max(0, ...counts)
  return counts.map(count => (most === 0 ? 100 : 100 - Math.floor((100 * count) / most)))
}

function nodeAffinityScores({ pod }: PodInfo, nodes: readonly NodeInfo[]): number[] | undefined {
  const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  if (preferred.length === 0) return undefined
  const sums = nodes.map(({ node }) =>
    preferred.reduce((sum, { weight, preference }) => (matchesNodeTerm(preference, node) ? sum + weight : sum), 0),
  )
  const most = Math.max(...sums)
  return most === 0 ? undefined : sums.map(sum => Math.floor((100 * sum) / most))
}

/** The emptier, the better. */
function leastAllocated({ nominal }: PodInfo, node: NodeInfo): number {
  let sum = 0
  let weights = 0
  for (const resource of SCORED) {
    const most = node.allocatable.get(resource) ?? 0
    if (most === 0) continue
    weights++
    const used = (node.nominal.get(resource) ?? 0) + (nominal.get(resource) ?? 0)
    sum += used > most ? 0 : Math.floor(((most - used) * 100) / most)
  }
  return weights === 0 ? 0 : Math.floor(sum / weights)
}

/** The more alike the pod makes the used shares of CPU and memory, the better: 75 when nothing changes (since 1.36). */
function balanced({ requests }: PodInfo, node: NodeInfo): number {
  const balance = (more: (resource: string) => number): number => {
    const shares: number[] = []
    for (const resource of SCORED) {
      const most = node.allocatable.get(resource) ?? 0
      if (most > 0) shares.push(Math.min(1, ((node.requested.get(resource) ?? 0) + more(resource)) / most))
    }
    const deviation = shares.length === 2 ? Math.abs((shares[0]! - shares[1]!) / 2) : 0
    return Math.floor((1 - deviation) * 100)
  }
  return 50 + Math.floor((50 + balance(resource => requests.get(resource) ?? 0) - balance(() => 0)) / 2)
}

export type ImageStates = ReadonlyMap<string, { readonly size: number; readonly nodes: number }>

export function imageStates(nodes: readonly NodeInfo[]): ImageStates {
  const states = new Map<string, { size: number; nodes: number }>()
  for (const { node } of nodes) {
    for (const { names = [], sizeBytes = 0 } of node.status?.images ?? []) {
      for (const name of names) {
        const state = states.get(name)
        if (state === undefined) states.set(name, { size: sizeBytes, nodes: 1 })
        else state.nodes++
      }
    }
  }
  return states
}

const MEBIBYTE = 1024 * 1024
const SMALLEST_IMAGE = 23 * MEBIBYTE
const LARGEST_IMAGE = 1000 * MEBIBYTE

const normalised = (image: string): string => (image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image)

function imageScores({ pod }: PodInfo, nodes: readonly NodeInfo[], images: ImageStates, count: number): number[] | undefined {
  if (images.size === 0) return undefined
  const { initContainers = [], containers, volumes = [] } = pod.spec
  const all = [
    ...[...initContainers, ...containers].map(({ image = '' }) => image),
    ...volumes.flatMap(volume => (volume.image === undefined ? [] : [volume.image.reference ?? ''])),
  ]
  const wanted = all.map(normalised).filter(image => images.has(image))
  if (wanted.length === 0) return undefined
  const most = LARGEST_IMAGE * all.length
  return nodes.map(({ node }) => {
    const here = new Set(node.status?.images?.flatMap(({ names = [] }) => names))
    let sum = 0
    for (const image of wanted) {
      const { size, nodes } = images.get(image)!
      // An image that only few nodes have counts less, so that they are not all overrun.
      if (here.has(image)) sum += Math.floor(size * (nodes / count))
    }
    return Math.floor((100 * (Math.min(Math.max(sum, SMALLEST_IMAGE), most) - SMALLEST_IMAGE)) / (most - SMALLEST_IMAGE))
  })
}
