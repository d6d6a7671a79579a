// Tokens in Secrets that nobody has used for a year are marked invalid, and go after another year (k8s.io/kubernetes
// pkg/controller/serviceaccount, LegacySATokenCleaner): those that an account lists, which once were made for every account unasked.
import type { ConfigMap, Pod, Secret, ServiceAccount } from '../api/core/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import { objectKey } from '../apimachinery/types.ts'
import { dateOf, INVALID_SINCE, LAST_USED } from '../auth/legacy-labels.ts'
import { CONFIG_MAPS, PODS, SECRETS, SERVICE_ACCOUNTS } from './collections.ts'
import { parseTime, requeueAt } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'

const TYPE = 'kubernetes.io/service-account-token'
const ACCOUNT = 'kubernetes.io/service-account.name'
/** Says since when uses are noted. */
const TRACKING = objectKey('kube-system', 'kube-apiserver-legacy-service-account-token-tracking')
const DAY_MS = 24 * 3600_000
const PERIOD_MS = 365 * DAY_MS

const isDate = (text: string | undefined): text is string => text !== undefined && /^\d{4}-\d\d-\d\d$/.test(text) && parseTime(text) > 0

/** A date counts to its end. */
const over = (date: string): number => parseTime(date) + DAY_MS + PERIOD_MS

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const { informer, now } = context
  const secret = (await informer(SECRETS)).get(key)?.object as Secret | undefined
  if (secret?.type !== TYPE || secret.metadata.deletionTimestamp !== undefined || !(await isListed(secret, context))) return undefined
  const { labels, creationTimestamp } = secret.metadata
  const since = ((await informer(CONFIG_MAPS)).get(TRACKING)?.object as ConfigMap | undefined)?.data?.since
  const used = labels?.[LAST_USED]
  // Whether it is used cannot be told.
  if (!isDate(since) || (used !== undefined && !isDate(used))) return undefined
  const idle = Math.max(over(since), parseTime(creationTimestamp ?? '') + PERIOD_MS, used === undefined ? 0 : over(used))
  if (idle > now()) return requeueAt(idle, now())
  if (await isMounted(secret, context)) return { requeueAfter: DAY_MS / 1000 }
  const invalid = labels?.[INVALID_SINCE]
  if (!isDate(invalid)) {
    await mark(secret, context)
    return undefined
  }
  return over(invalid) > now() ? requeueAt(over(invalid), now()) : remove(secret, context)
}

async function isListed({ metadata }: Secret, { informer }: ControllerContext): Promise<boolean> {
  const name = metadata.annotations?.[ACCOUNT]
  if (name === undefined) return false
  const account = (await informer(SERVICE_ACCOUNTS)).get(objectKey(metadata.namespace, name))?.object as ServiceAccount | undefined
  return account?.secrets?.some(reference => reference.name === metadata.name) ?? false
}

async function isMounted({ metadata }: Secret, { informer }: ControllerContext): Promise<boolean> {
  const pods = (await informer(PODS)).list(`${metadata.namespace}/`).map(({ object }) => object as Pod)
  return pods.some(({ spec }) =>
    spec.volumes?.some(
      ({ secret, projected }) =>
        secret?.secretName === metadata.name || projected?.sources?.some(source => source.secret?.name === metadata.name),
    ),
  )
}

async function mark({ metadata }: Secret, { client, now }: ControllerContext): Promise<void> {
  const { namespace, name, uid, resourceVersion } = metadata
  try {
    await client.patch(SECRETS, namespace, name, {
      type: 'merge',
      body: { metadata: { uid, resourceVersion, labels: { [INVALID_SINCE]: dateOf(now()) } } },
    })
  } catch (error) {
    // Used or changed meanwhile: that brings it back.
    if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error
  }
}

async function remove({ metadata }: Secret, { client }: ControllerContext): Promise<undefined> {
  const { namespace, name, uid, resourceVersion } = metadata
  try {
    await client.delete(SECRETS, namespace, name, { preconditions: { uid, resourceVersion } })
  } catch (error) {
    if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error
  }
}

export const legacyTokenCleaner: Controller = {
  name: 'legacy-serviceaccount-token-cleaner',
  watches: [
    { resource: SECRETS, keys: ({ type, object, key }) => (type !== 'deleted' && (object as Secret).type === TYPE ? [key] : []) },
    {
      resource: SERVICE_ACCOUNTS,
      keys: ({ type, object }) =>
        type === 'deleted'
          ? []
          : ((object as ServiceAccount).secrets ?? []).map(({ name = '' }) => objectKey(object.metadata.namespace, name)),
    },
  ],
  reconcile,
}
