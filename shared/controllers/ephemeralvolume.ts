// A pod's ephemeral volumes are claims that live and die with it.
import type { PersistentVolumeClaim, Pod } from '../api/core/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import { objectKey } from '../apimachinery/types.ts'
import { PERSISTENT_VOLUME_CLAIMS, PODS } from './collections.ts'
import { controllerReference, isControlledBy } from './owners.ts'
import { messageOf } from './replicas.ts'
import type { Controller } from './types.ts'

export const ephemeralVolumeController: Controller = {
  name: 'ephemeral-volume',
  component: 'ephemeral_volume',
  watches: [
    {
      resource: PODS,
      keys({ type, object, key }) {
        const { spec } = object as Pod
        return type === 'created' && spec.volumes?.some(({ ephemeral }) => ephemeral !== undefined) ? [key] : []
      },
    },
  ],
  async reconcile(key, { client, informer, events }) {
    const pod = (await informer(PODS)).get(key)?.object as Pod | undefined
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return undefined
    const claims = await informer(PERSISTENT_VOLUME_CLAIMS)
    const { namespace, name } = pod.metadata
    for (const volume of pod.spec.volumes ?? []) {
      const template = volume.ephemeral?.volumeClaimTemplate
      if (template === undefined) continue
      const claim = `${name}-${volume.name}`
      const there = claims.get(objectKey(namespace, claim))?.object
      if (there !== undefined) {
        if (!isControlledBy(there, pod))
          throw new Error(`PVC ${namespace}/${claim} was not created for pod ${namespace}/${name} (pod is not owner)`)
        continue
      }
      try {
        await client.create<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { ...structuredClone(template.metadata), name: claim, namespace, ownerReferences: [controllerReference(pod)] },
          spec: structuredClone(template.spec),
        })
      } catch (error) {
        if (isStatus(error, 'AlreadyExists')) continue
        void events.event(pod, 'Warning', 'FailedBinding', `ephemeral volume ${volume.name}: ${messageOf(error)}`)
        throw error
      }
    }
    return undefined
  },
}
