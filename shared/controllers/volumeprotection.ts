// Claims in use by a pod, and volumes bound to a claim, are not gone before they are free: the finalizer that admission gave them is
// taken away then.
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../api/core/v1.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { objectKey } from '../apimachinery/types.ts'
import { claimsOf } from '../scheduling/pod-info.ts'
import type { Informer } from '../store/types.ts'
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS } from './collections.ts'
import { isGoing, withoutFinalizer } from './finalizers.ts'
import { unlessGone } from './owners.ts'
import type { Controller } from './types.ts'

const CLAIM_FINALIZER = 'kubernetes.io/pvc-protection'
const VOLUME_FINALIZER = 'kubernetes.io/pv-protection'

const BY_CLAIM = 'claim'

/**
 * Pods that have the claim: those that have a node, finished ones among them as long as they exist. One that waits for a node does not get
 * one any more when its claim is going. The claim of a pod's own goes when its kubelet is done with the pod, which may be waiting for it.
 */
function isUsed(pods: Informer, { metadata }: KubeObject): boolean {
  pods.addIndex(BY_CLAIM, object => claimsOf(object as Pod).map(name => objectKey(object.metadata.namespace, name)))
  return pods.byIndex(BY_CLAIM, objectKey(metadata.namespace, metadata.name)).some(({ object }) => {
    const { spec, metadata: own } = object as Pod
    if (!spec.nodeName) return false
    if (spec.volumes?.some(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === metadata.name)) return true
    return !isShutDown(object as Pod) && metadata.ownerReferences?.some(({ controller, uid }) => controller && uid === own.uid) === true
  })
}

/** Told to go, with no time left: its kubelet, or whoever forced it, has had the last word. */
const isShutDown = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0

export const pvcProtectionController: Controller = {
  name: 'persistentvolumeclaim-protection',
  component: 'pvc-protection-controller',
  watches: [
    {
      resource: PERSISTENT_VOLUME_CLAIMS,
      keys: ({ type, key, object }) => (type !== 'deleted' && isGoing(object, CLAIM_FINALIZER) ? [key] : []),
    },
    {
      resource: PODS,
      keys({ type, object }) {
        const pod = object as Pod
        if (type !== 'deleted' && !isShutDown(pod)) return []
        return claimsOf(pod).map(name => objectKey(pod.metadata.namespace, name))
      },
    },
  ],
  async reconcile(key, { client, informer }) {
    const claim = (await informer(PERSISTENT_VOLUME_CLAIMS)).get(key)?.object as PersistentVolumeClaim | undefined
    if (claim === undefined || !isGoing(claim, CLAIM_FINALIZER) || isUsed(await informer(PODS), claim)) return undefined
    await unlessGone(() => client.update(PERSISTENT_VOLUME_CLAIMS, withoutFinalizer(claim, CLAIM_FINALIZER)))
    return undefined
  },
}

export const pvProtectionController: Controller = {
  name: 'persistentvolume-protection',
  component: 'pv-protection-controller',
  watches: [
    {
      resource: PERSISTENT_VOLUMES,
      keys: ({ type, key, object }) => (type !== 'deleted' && isGoing(object, VOLUME_FINALIZER) ? [key] : []),
    },
  ],
  async reconcile(key, { client, informer }) {
    const volume = (await informer(PERSISTENT_VOLUMES)).get(key)?.object as PersistentVolume | undefined
    if (volume === undefined || !isGoing(volume, VOLUME_FINALIZER) || volume.status?.phase === 'Bound') return undefined
    await unlessGone(() => client.update(PERSISTENT_VOLUMES, withoutFinalizer(volume, VOLUME_FINALIZER)))
    return undefined
  },
}
