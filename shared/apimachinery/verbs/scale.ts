// The scale subresource: autoscaling/v1 Scale as a view of any kind that has a number of replicas.
import type { RequestContext } from '../context.ts'
import { type FieldError, invalid } from '../field-error.ts'
import type { Machinery, Target } from '../machinery.ts'
import { toVersion } from '../machinery.ts'
import { clone } from '../objects.ts'
import type { ScaleStrategy } from '../resource.ts'
import * as status from '../status-error.ts'
import type { KubeObject } from '../types.ts'
import { type Updated, updateObject } from './update.ts'

export interface Scale extends KubeObject {
  spec: { replicas?: number }
  status: { replicas: number; selector?: string }
}

export const SCALE = { apiVersion: 'autoscaling/v1', kind: 'Scale', schema: 'io.k8s.api.autoscaling.v1.Scale' }

/** The view of an object of the storage version. */
export function scaleOf(object: KubeObject, strategy: ScaleStrategy): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const replicas = strategy.specReplicas(object)
  const selector = strategy.selector(object)
  return {
    apiVersion: SCALE.apiVersion,
    kind: SCALE.kind,
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: strategy.statusReplicas(object), ...(selector === '' ? {} : { selector }) },
  }
}

/** Writes the number of replicas; `desired` makes the new Scale of the current one. Answers the parent, for scaleOf. @throws StatusError */
export async function updateScale(
  machinery: Machinery,
  target: Target,
  strategy: ScaleStrategy,
  request: { readonly retries: number; desired(current: Scale): Scale | Promise<Scale> },
  context: RequestContext,
): Promise<Updated> {
  // Not a part: the kind's own rules for its spec hold, as if the number had been changed there.
  return updateObject(
    machinery,
    target,
    {
      retries: request.retries,
      trackedAs: 'scale',
      onlyExisting: true,
      admitted: object => scaleOf(object, strategy),
      desired: async current => {
        const parent = current as KubeObject
        const scale = await request.desired(scaleOf(parent, strategy))
        const errors = validateScale(scale)
        if (errors.length > 0) throw status.invalid('autoscaling', 'Scale', target.name, errors)
        if (scale.metadata.uid && scale.metadata.uid !== parent.metadata.uid) {
          throw status.conflict(
            target.endpoint.collection,
            target.name,
            `Precondition failed: UID in precondition: ${scale.metadata.uid}, UID in object meta: ${parent.metadata.uid}`,
          )
        }
        const object = clone(toVersion(parent, target.endpoint))
        strategy.setReplicas(object, scale.spec?.replicas ?? 0)
        object.metadata.resourceVersion = scale.metadata.resourceVersion
        return object
      },
    },
    context,
  )
}

function validateScale({ spec }: Scale): FieldError[] {
  const replicas = spec?.replicas ?? 0
  return replicas < 0 ? [invalid('spec.replicas', replicas, 'must be greater than or equal to 0')] : []
}
