// The scale subresource of a custom resource: which of its members are the numbers and the selector.
import type { CustomResourceSubresourceScale } from '../../api/apiextensions/v1.ts'
import type { ScaleStrategy } from '../resource.ts'
import { StatusError } from '../status-error.ts'
import { setAt, splitPath, valueAt } from './paths.ts'

export function scaleOf({ specReplicasPath, statusReplicasPath, labelSelectorPath }: CustomResourceSubresourceScale): ScaleStrategy {
  const spec = splitPath(specReplicasPath)
  const status = splitPath(statusReplicasPath)
  const selector = labelSelectorPath ? splitPath(labelSelectorPath) : undefined
  return {
    specReplicas(object) {
      const replicas = valueAt(object, spec)
      if (typeof replicas === 'number') return replicas
      throw new StatusError(
        500,
        'InternalError',
        `Internal error occurred: the spec replicas field ${JSON.stringify(specReplicasPath)} does not exist`,
        {
          causes: [{ message: `the spec replicas field ${JSON.stringify(specReplicasPath)} does not exist` }],
        },
      )
    },
    statusReplicas(object) {
      const replicas = valueAt(object, status)
      return typeof replicas === 'number' ? replicas : 0
    },
    selector(object) {
      const text = selector && valueAt(object, selector)
      return typeof text === 'string' ? text : ''
    },
    setReplicas: (object, replicas) => setAt(object, spec, replicas),
    path: spec,
  }
}
