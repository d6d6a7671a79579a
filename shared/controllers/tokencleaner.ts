// Bootstrap tokens (as kubeadm makes them) that have ended are deleted.
import type { Secret } from '../api/core/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import { SECRETS } from './collections.ts'
import { requeueAt } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'

const NAMESPACE = 'kube-system'
const TYPE = 'bootstrap.kubernetes.io/token'

/** When the token ends (ms since the epoch). One whose end nobody can read has ended; one without lives on. */
function endOf({ data }: Secret): number | undefined {
  const text = data?.expiration
  if (text === undefined || text === '') return undefined
  return Date.parse(Buffer.from(text, 'base64').toString('utf8')) || 0
}

const isToken = (secret: Secret): boolean => secret.type === TYPE && secret.metadata.namespace === NAMESPACE

async function reconcile(key: string, { client, informer, now }: ControllerContext): Promise<Outcome | undefined> {
  const secret = (await informer(SECRETS)).get(key)?.object as Secret | undefined
  const end = secret === undefined || !isToken(secret) ? undefined : endOf(secret)
  if (secret === undefined || end === undefined || secret.metadata.deletionTimestamp !== undefined) return undefined
  if (end > now()) return requeueAt(end, now())
  const { namespace, name, uid } = secret.metadata
  try {
    await client.delete(SECRETS, namespace, name, { preconditions: { uid } })
  } catch (error) {
    if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error
  }
  return undefined
}

export const tokenCleaner: Controller = {
  name: 'tokencleaner',
  component: 'token-cleaner',
  watches: [{ resource: SECRETS, keys: ({ type, object, key }) => (type !== 'deleted' && isToken(object as Secret) ? [key] : []) }],
  reconcile,
}
