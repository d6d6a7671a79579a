// What an autoscaler scales.
import type { CrossVersionObjectReference, HorizontalPodAutoscaler } from '../../api/autoscaling/v2.ts'
import type { KubeObject } from '../../apimachinery/types.ts'
import type { ControllerContext } from '../types.ts'

export interface Scale extends KubeObject {
  spec?: { replicas?: number }
  status?: { replicas: number; selector?: string }
}

export interface ScaleTarget {
  readonly scale: Scale
  resize(replicas: number): Promise<void>
}

/** @throws with what is wrong with it */
export async function targetOf({ spec, metadata }: HorizontalPodAutoscaler, context: ControllerContext): Promise<ScaleTarget> {
  return readScale(spec!.scaleTargetRef, metadata.namespace, context)
}

export async function readScale(
  { apiVersion = 'v1', kind, name }: CrossVersionObjectReference,
  namespace: string | undefined,
  { registry, client }: ControllerContext,
): Promise<ScaleTarget> {
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : ''
  // A version that is not served any more, or not yet, still names the kind.
  const endpoint =
    registry.findKind(apiVersion, kind) ?? [...registry.endpoints()].find(other => other.group === group && other.kind === kind)
  if (endpoint === undefined) {
    throw new Error(`no matches for kind ${JSON.stringify(kind)} in group ${JSON.stringify(group)}`)
  }
  if (endpoint.definition.scale === undefined) throw new Error('the server could not find the requested resource')
  const { collection } = endpoint
  const scale = await client.getPart<Scale>(collection, namespace, name, 'scale')
  return {
    scale,
    async resize(replicas) {
      const wanted: Scale = { ...scale, spec: { ...scale.spec, replicas } }
      await client.updatePart(collection, 'scale', wanted)
    },
  }
}
