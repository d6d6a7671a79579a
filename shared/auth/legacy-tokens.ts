// Tokens that live in Secrets, as accounts had them before tokens could be asked for: they name the Secret, end with it and not by time,
// and the Secret's label says when one was last used (k8s.io/kubernetes pkg/serviceaccount/legacy.go). Loaded for the first of them.
import { timingSafeEqual } from 'node:crypto'
import type { Secret } from '../api/core/v1.ts'
import type { UserInfo } from '../apimachinery/context.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { objectKey } from '../apimachinery/types.ts'
import { ConflictError, NotFoundError, type Store } from '../store/types.ts'
import { dateOf, INVALID_SINCE, LAST_USED, LEGACY_ISSUER } from './legacy-labels.ts'
import { InvalidCredentialsError } from './types.ts'

const CLAIM = 'kubernetes.io/serviceaccount/'
const SECRETS = { group: '', resource: 'secrets' }
const ACCOUNTS = { group: '', resource: 'serviceaccounts' }

export interface LegacySubject {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly secret: string
}

export const legacyClaims = ({ namespace, name, uid, secret }: LegacySubject): Record<string, string> => ({
  iss: LEGACY_ISSUER,
  [`${CLAIM}namespace`]: namespace,
  [`${CLAIM}secret.name`]: secret,
  [`${CLAIM}service-account.name`]: name,
  [`${CLAIM}service-account.uid`]: uid,
  sub: `system:serviceaccount:${namespace}:${name}`,
})

/** Whose token it is. The signature is good already. @throws InvalidCredentialsError */
export async function legacyUser(token: string, claims: Readonly<Record<string, unknown>>, store: Store, now: number): Promise<UserInfo> {
  const text = (name: string): string => {
    const value = claims[`${CLAIM}${name}`]
    if (typeof value !== 'string' || value === '') throw new InvalidCredentialsError(`${name} claim is missing`)
    return value
  }
  const [namespace, secretName, name, uid] = [
    text('namespace'),
    text('secret.name'),
    text('service-account.name'),
    text('service-account.uid'),
  ]
  const sub = `system:serviceaccount:${namespace}:${name}`
  if (claims.sub !== sub) throw new InvalidCredentialsError('sub claim is invalid')
  const stored = await store.get(SECRETS, objectKey(namespace, secretName))
  const secret = stored?.object as Secret | undefined
  if (secret === undefined || secret.metadata.deletionTimestamp !== undefined)
    throw new InvalidCredentialsError('Token has been invalidated')
  if (!isCopy(token, secret)) throw new InvalidCredentialsError("Token does not match server's copy")
  const account: KubeObject | undefined = (await store.get(ACCOUNTS, objectKey(namespace, name)))?.object
  if (account === undefined || account.metadata.deletionTimestamp !== undefined)
    throw new InvalidCredentialsError(`ServiceAccount ${namespace}/${name} has been deleted`)
  if (account.metadata.uid !== uid)
    throw new InvalidCredentialsError(`ServiceAccount UID (${account.metadata.uid}) does not match claim (${uid})`)
  await noteUse(store, secret, stored!.revision, now)
  if (secret.metadata.labels?.[INVALID_SINCE]) {
    const what = `the token in secret ${namespace}/${secretName} for service account ${namespace}/${name} has been marked invalid`
    const way = `Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the '${INVALID_SINCE}' label`
    throw new InvalidCredentialsError(`${what}. ${way} from the secret to temporarily allow use of this token`)
  }
  return { name: sub, uid, groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`] }
}

function isCopy(token: string, { data }: Secret): boolean {
  const [sent, kept] = [Buffer.from(token), Buffer.from(data?.token ?? '', 'base64')]
  return sent.length === kept.length && timingSafeEqual(sent, kept)
}

/** One write a day. Who loses the race for it loses nothing: somebody wrote the Secret, and the next use notes it. */
async function noteUse(store: Store, secret: Secret, revision: number, now: number): Promise<void> {
  const today = dateOf(now)
  const { metadata } = secret
  if (metadata.labels?.[LAST_USED] === today) return
  const labelled = { ...secret, metadata: { ...metadata, labels: { ...metadata.labels, [LAST_USED]: today } } }
  try {
    await store.update(SECRETS, objectKey(metadata.namespace, metadata.name), labelled, revision)
  } catch (error) {
    if (!(error instanceof ConflictError) && !(error instanceof NotFoundError)) throw error
  }
}
