// Tokens of service accounts: JSON Web Tokens signed with the cluster's key, good while the account (and what they are bound to) lives.
import { randomUUID, sign, verify } from 'node:crypto'
import type { UserInfo } from '../apimachinery/context.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { objectKey } from '../apimachinery/types.ts'
import type { Store } from '../store/types.ts'
import { LEGACY_ISSUER } from './legacy-labels.ts'
import type { SigningKey } from './signing-key.ts'
import { type Authenticated, InvalidCredentialsError, type TokenAuthenticator } from './types.ts'

export const DEFAULT_ISSUER = 'https://kubernetes.default.svc.cluster.local'
/** A token outlives the object it is bound to by so much, as upstream's does. ms. */
const DELETION_LEEWAY = 60_000
const CLAIM = 'kubernetes.io'

interface Reference {
  readonly name: string
  readonly uid?: string
}

export interface TokenBinding {
  readonly kind: 'Pod' | 'Secret' | 'Node'
  readonly name: string
  readonly uid: string
  /** The node that a bound pod runs on. */
  readonly node?: Reference
}

export interface TokenRequest {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly audiences: readonly string[]
  /** Seconds. */
  readonly lifetime: number
  /** Seconds after which the token should have been renewed. */
  readonly warnAfter?: number
  readonly bound?: TokenBinding
}

interface Claims {
  readonly aud: readonly string[]
  readonly exp: number
  readonly iat: number
  readonly nbf: number
  readonly iss: string
  readonly jti: string
  readonly sub: string
  readonly [CLAIM]: {
    readonly namespace: string
    readonly serviceaccount: { readonly name: string; readonly uid: string }
    readonly pod?: Reference
    readonly secret?: Reference
    readonly node?: Reference
    readonly warnafter?: number
  }
}

const RESOURCES = { pod: 'pods', secret: 'secrets', node: 'nodes' } as const

export class ServiceAccountTokens implements TokenAuthenticator {
  readonly issuer: string
  readonly #key: SigningKey
  readonly #store: Store
  readonly #now: () => number

  constructor(store: Store, key: SigningKey, issuer: string, now: () => number) {
    this.#store = store
    this.#key = key
    this.#now = now
    this.issuer = issuer
  }

  issue({ namespace, name, uid, audiences, lifetime, warnAfter, bound }: TokenRequest): string {
    const now = Math.floor(this.#now() / 1000)
    const claims: Claims = {
      aud: audiences,
      exp: now + lifetime,
      iat: now,
      nbf: now,
      iss: this.issuer,
      jti: randomUUID(),
      sub: `system:serviceaccount:${namespace}:${name}`,
      [CLAIM]: {
        namespace,
        serviceaccount: { name, uid },
        ...(bound === undefined ? {} : { [bound.kind.toLowerCase()]: { name: bound.name, uid: bound.uid } }),
        ...(bound?.node === undefined ? {} : { node: bound.node }),
        ...(warnAfter === undefined ? {} : { warnafter: now + warnAfter }),
      },
    }
    return this.sign(claims)
  }

  /** A token that says this. */
  sign(claims: object): string {
    const head = encode({ alg: 'RS256', kid: this.#key.id })
    const text = `${head}.${encode(claims)}`
    return `${text}.${sign('sha256', Buffer.from(text), this.#key.privateKey).toString('base64url')}`
  }

  async authenticateToken(token: string, audiences: readonly string[]): Promise<Authenticated | undefined> {
    const claims = this.#claims(token)
    if (claims === undefined) return undefined
    const isLegacy = claims.iss === LEGACY_ISSUER
    const intended = isLegacy ? [this.issuer] : claims.aud
    const good = audiences.filter(audience => intended.includes(audience))
    if (good.length === 0) {
      throw new InvalidCredentialsError(`token audiences ${goList(intended)} is invalid for the target audiences ${goList(audiences)}`)
    }
    if (isLegacy) {
      const { legacyUser } = await import('./legacy-tokens.ts')
      return { user: await legacyUser(token, { ...claims }, this.#store, this.#now()), audiences: good }
    }
    const now = this.#now() / 1000
    if (claims.exp <= now) throw new InvalidCredentialsError('service account token has expired')
    await this.#checkObjects(claims)
    return { user: userOf(claims), audiences: good }
  }

  /** Undefined: of another issuer. @throws InvalidCredentialsError for a forged one */
  #claims(token: string): Claims | undefined {
    const [head = '', body = '', signature = '', ...more] = token.split('.')
    if (signature === '' || more.length > 0) return undefined
    const claims = decode(body) as Claims | undefined
    if (claims?.iss !== this.issuer && claims?.iss !== LEGACY_ISSUER) return undefined
    const genuine = verify('sha256', Buffer.from(`${head}.${body}`), this.#key.publicKey, Buffer.from(signature, 'base64url'))
    // Node reads base64 that is not canonical; a token is only itself as it was written.
    const canonical = Buffer.from(signature, 'base64url').toString('base64url') === signature
    if (!genuine || !canonical) throw new InvalidCredentialsError('invalid signature')
    return claims
  }

  async #checkObjects(claims: Claims): Promise<void> {
    const { namespace, serviceaccount, ...bound } = claims[CLAIM]
    const account = await this.#get('serviceaccounts', namespace, serviceaccount.name)
    if (account === undefined) throw new InvalidCredentialsError(`serviceaccounts ${JSON.stringify(serviceaccount.name)} not found`)
    if (account.metadata.uid !== serviceaccount.uid) {
      throw new InvalidCredentialsError(`service account UID (${account.metadata.uid}) does not match claim (${serviceaccount.uid})`)
    }
    // A pod's node is told, not bound to.
    const kind = bound.pod !== undefined ? 'pod' : bound.secret !== undefined ? 'secret' : bound.node !== undefined ? 'node' : undefined
    if (kind === undefined) return
    const reference = bound[kind] as Reference
    const object = await this.#get(RESOURCES[kind], kind === 'node' ? undefined : namespace, reference.name)
    const { uid, deletionTimestamp } = object?.metadata ?? {}
    const overdue = deletionTimestamp !== undefined && Date.parse(deletionTimestamp) + DELETION_LEEWAY < this.#now()
    if (uid === undefined || uid !== reference.uid || overdue)
      throw new InvalidCredentialsError('service account token has been invalidated')
  }

  async #get(resource: string, namespace: string | undefined, name: string): Promise<KubeObject | undefined> {
    return (await this.#store.get({ group: '', resource }, objectKey(namespace, name)))?.object
  }
}

function userOf(claims: Claims): UserInfo {
  const { namespace, serviceaccount, pod, node } = claims[CLAIM]
  const prefix = 'authentication.kubernetes.io/'
  const extra: Record<string, readonly string[]> = { [`${prefix}credential-id`]: [`JTI=${claims.jti}`] }
  if (node !== undefined) extra[`${prefix}node-name`] = [node.name]
  if (node?.uid !== undefined) extra[`${prefix}node-uid`] = [node.uid]
  if (pod !== undefined) {
    extra[`${prefix}pod-name`] = [pod.name]
    extra[`${prefix}pod-uid`] = [pod.uid ?? '']
  }
  return {
    name: claims.sub,
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    extra,
  }
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const goList = (values: readonly string[]) => `[${values.map(value => JSON.stringify(value)).join(' ')}]`

function decode(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    return undefined
  }
}
