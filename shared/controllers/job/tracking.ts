import type { Pod } from '../../api/core/v1.ts'
import { PODS } from '../collections.ts'
import { unlessGone } from '../owners.ts'
import type { ControllerContext } from '../types.ts'
import { TRACKING } from './pods.ts'

/** Takes the one finalizer away, whatever else has been written to the pod meanwhile. */
export async function untrack({ metadata }: Pod, { client }: ControllerContext): Promise<void> {
  const { namespace, name, uid } = metadata
  const body = { metadata: { uid, '$deleteFromPrimitiveList/finalizers': [TRACKING] } }
  await unlessGone(() => client.patch(PODS, namespace, name, { type: 'strategic', body }))
}
