// Finished Jobs that say for how long they want to be kept are deleted after that time.
import type { Job } from '../api/batch/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import { JOBS } from './collections.ts'
import { isJobFinished } from './job/assess.ts'
import { parseTime } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'

/** When the Job is to go (ms since the epoch). */
function expiry(job: Job): number | undefined {
  const finished = isJobFinished(job)
  const ttl = job.spec?.ttlSecondsAfterFinished
  if (finished?.lastTransitionTime === undefined || ttl === undefined || job.metadata.deletionTimestamp !== undefined) return undefined
  return parseTime(finished.lastTransitionTime) + ttl * 1000
}

async function reconcile(key: string, { client, informer, now }: ControllerContext): Promise<Outcome | undefined> {
  const job = (await informer(JOBS)).get(key)?.object as Job | undefined
  const due = job === undefined ? undefined : expiry(job)
  if (job === undefined || due === undefined) return undefined
  if (due > now()) return { requeueAfter: (due - now()) / 1000 }
  const { namespace, name, uid, resourceVersion } = job.metadata
  try {
    await client.delete(JOBS, namespace, name, { propagationPolicy: 'Foreground', preconditions: { uid, resourceVersion } })
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error
  }
  return undefined
}

export const ttlAfterFinishedController: Controller = {
  name: 'ttl-after-finished',
  component: 'ttl-after-finished-controller',
  watches: [{ resource: JOBS, keys: ({ type, object, key }) => (type !== 'deleted' && expiry(object as Job) !== undefined ? [key] : []) }],
  reconcile,
}
