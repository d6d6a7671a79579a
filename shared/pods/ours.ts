// Which nodes are ours: those that this control plane made stand for ECS capacity. Pods on other nodes belong to whoever plays their
// kubelet.
import type { Node } from '../api/core/v1.ts'

const SCHEME = 'ecs://'

/** What a node stands for. */
export type Capacity =
  | { readonly kind: 'instance'; readonly arn: string }
  | { readonly kind: 'fargate'; readonly provider: string; readonly zone?: string }

export function capacityOf(node: Node): Capacity | undefined {
  const id = node.spec?.providerID
  if (!id?.startsWith(SCHEME)) return undefined
  const rest = id.slice(SCHEME.length)
  if (!rest.startsWith('fargate/')) return { kind: 'instance', arn: rest }
  const [, provider = 'FARGATE', zone] = rest.split('/')
  return zone ? { kind: 'fargate', provider, zone } : { kind: 'fargate', provider }
}

export function providerID(capacity: Capacity): string {
  if (capacity.kind === 'instance') return `${SCHEME}${capacity.arn}`
  return `${SCHEME}fargate/${capacity.provider}${capacity.zone === undefined ? '' : `/${capacity.zone}`}`
}

export const nodeAddress = ({ status }: Node) => status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
