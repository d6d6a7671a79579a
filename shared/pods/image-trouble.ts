// Images that cannot be had: ErrImagePull at once with the registry's reason, ImagePullBackOff between tries, as kubelet tells it.
import type { Pod } from '../api/core/v1.ts'
import { PODS } from '../controllers/collections.ts'
import type { ControllerContext, Outcome } from '../controllers/types.ts'
import { backOff } from './back-off.ts'
import { podContainers } from './containers.ts'
import { InvalidImageName } from './images/reference.ts'
import { type TaskRecord, withRecord } from './record.ts'
import { podStatus } from './status.ts'

/** ErrImagePull is shown this long before it becomes ImagePullBackOff: about kubelet's next look at the pod. */
const SHOWN_MS = 3_000

export const fieldPathOf = (pod: Pod, name: string) =>
  `spec.${podContainers(pod).some(({ container, role }) => container.name === name && role !== 'app') ? 'initContainers' : 'containers'}{${name}}`

const imageOf = (pod: Pod, name: string) => podContainers(pod).find(({ container }) => container.name === name)?.container.image ?? ''

/** A look-up failed just now. */
export async function imagesFailed(
  pod: Pod,
  record: TaskRecord | undefined,
  errors: ReadonlyMap<string, Error>,
  context: ControllerContext,
): Promise<Outcome | undefined> {
  const now = context.now()
  const waiting = new Map<string, { reason: string; message: string }>()
  for (const [name, error] of errors) {
    const path = fieldPathOf(pod, name)
    const image = JSON.stringify(imageOf(pod, name))
    const invalid = error instanceof InvalidImageName
    const reason = invalid ? 'InvalidImageName' : 'ErrImagePull'
    const message = invalid ? error.message : `failed to pull image ${image}: ${error.message}`
    waiting.set(name, { reason, message })
    if (invalid) await context.events.event(pod, 'Warning', 'InspectFailed', error.message, undefined, path)
    else {
      await context.events.event(pod, 'Normal', 'Pulling', `Pulling image ${image}`, undefined, path)
      await context.events.event(pod, 'Warning', 'Failed', `Failed to pull image ${image}: ${error.message}`, undefined, path)
    }
    await context.events.event(pod, 'Warning', 'Failed', `Error: ${reason}`, undefined, path)
  }
  const failures = (record?.failures ?? 0) + 1
  const next: TaskRecord = { launch: record?.launch ?? 0, at: record?.at ?? now, failures, retryAt: now + backOff(failures) }
  const status = podStatus(pod, { now, waiting })
  await context.client.updateStatus<Pod>(PODS, { ...pod, metadata: withRecord(pod.metadata, next), status })
  return { requeueAfter: SHOWN_MS / 1000 }
}

/** Between two tries: nothing else is done until the next. */
export async function waitForImages(pod: Pod, { failures = 1, retryAt = 0 }: TaskRecord, context: ControllerContext): Promise<Outcome> {
  const shown = retryAt - backOff(failures) + SHOWN_MS - context.now()
  if (shown > 0) return { requeueAfter: shown / 1000 }
  await tellBackOff(pod, context)
  return { requeueAfter: Math.max(0, retryAt - context.now()) / 1000 }
}

async function tellBackOff(pod: Pod, context: ControllerContext): Promise<void> {
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  const waiting = new Map<string, { reason: string; message: string }>()
  for (const { name, state } of statuses) {
    if (state?.waiting?.reason !== 'ErrImagePull') continue
    const image = JSON.stringify(imageOf(pod, name))
    waiting.set(name, { reason: 'ImagePullBackOff', message: `Back-off pulling image ${image}: ErrImagePull: ${state.waiting.message}` })
    await context.events.event(pod, 'Normal', 'BackOff', `Back-off pulling image ${image}`, undefined, fieldPathOf(pod, name))
    await context.events.event(pod, 'Warning', 'Failed', 'Error: ImagePullBackOff', undefined, fieldPathOf(pod, name))
  }
  if (waiting.size > 0) await context.client.updateStatus<Pod>(PODS, { ...pod, status: podStatus(pod, { now: context.now(), waiting }) })
}
