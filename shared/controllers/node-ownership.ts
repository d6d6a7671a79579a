// Nodes that stand for ECS capacity have no kubelet: nobody sends heartbeats for them, and nobody misses any.
import type { KubeObject } from '../apimachinery/types.ts'

/** Annotation of Nodes that Zeroplane made. Every other Node belongs to whoever plays its kubelet. */
export const MANAGED_NODE = 'zeroplane.dev/managed-node'

export const isManagedNode = ({ metadata }: KubeObject): boolean => metadata.annotations?.[MANAGED_NODE] !== undefined
