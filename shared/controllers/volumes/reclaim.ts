// What becomes of a volume whose claim is gone: by its reclaim policy.
import type { PersistentVolume } from '../../api/core/v1.ts'
import { PERSISTENT_VOLUMES } from '../collections.ts'
import { unlessGone } from '../owners.ts'
import { writeStatus } from '../status.ts'
import { timestamp } from '../time.ts'
import type { ControllerContext } from '../types.ts'
import { isRecyclable, PROVISIONED_BY, undeletable } from './binding.ts'

export async function reclaim(volume: PersistentVolume, context: ControllerContext): Promise<undefined> {
  const { phase } = volume.status ?? {}
  const policy = volume.spec?.persistentVolumeReclaimPolicy
  const released = phase === 'Released' || phase === 'Failed' ? volume : await volumePhase(context, volume, 'Released')
  if (phase === 'Failed') return
  // Those that upstream would have emptied wait for somebody to do it: no node here has them mounted.
  if (policy === 'Recycle' && !isRecyclable(volume)) return fail(released, 'VolumeFailedRecycle', NO_RECYCLER, context)
  // Its driver deletes it.
  if (policy !== 'Delete' || volume.metadata.annotations?.[PROVISIONED_BY] !== undefined) return
  const why = undeletable(volume)
  if (why !== undefined) return fail(released, 'VolumeFailedDelete', why, context)
  const { name, uid } = volume.metadata
  await unlessGone(() => context.client.delete(PERSISTENT_VOLUMES, undefined, name, { preconditions: { uid } }))
}

const NO_RECYCLER = 'No recycler plugin found for the volume!'

async function fail(volume: PersistentVolume, reason: string, message: string, context: ControllerContext): Promise<undefined> {
  await volumePhase(context, volume, 'Failed', message)
  void context.events.event(volume, 'Warning', reason, message)
}

export async function volumePhase(
  context: ControllerContext,
  volume: PersistentVolume,
  phase: string,
  message?: string,
): Promise<PersistentVolume> {
  if (volume.status?.phase === phase) return volume
  const lastPhaseTransitionTime = timestamp(context.now())
  return writeStatus(context, PERSISTENT_VOLUMES, volume, { ...volume.status, phase, message, lastPhaseTransitionTime })
}
