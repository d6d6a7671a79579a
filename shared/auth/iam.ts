// Users who prove an AWS identity (shared/aws/iam-token.ts makes and checks their tokens). The user's name is the IAM principal, so
// that role bindings can name it; the deployment's administrator is a master.
import { createHash } from 'node:crypto'
import type { UserInfo } from '../apimachinery/context.ts'
import { bearerToken } from './bearer.ts'
import { AUTHENTICATED, type Authenticator, InvalidCredentialsError, MASTERS } from './types.ts'

/** What these tokens begin with. */
export const IAM_TOKEN_PREFIX = 'zeroplane-iam.'

export interface IamPrincipal {
  /** arn:aws:iam::<account>:role/<name> or .../user/<name>: sessions are their role. */
  readonly principal: string
  readonly account: string
  readonly userId: string
}

export interface IamOptions {
  /** What all such tokens begin with; others are not looked at. */
  readonly prefix: string
  /** Principals that are administrators. */
  readonly administrators: readonly string[]
  /** Asks AWS; undefined when the token is not good. */
  verify(token: string): Promise<IamPrincipal | undefined>
  now?(): number
}

/** A token that was good is not asked about again for so long. Milliseconds. */
const REMEMBER = 60_000
const MAX_REMEMBERED = 1000

export function iamTokens({ prefix, administrators, verify, now = Date.now }: IamOptions): Authenticator {
  const remembered = new Map<string, { user: UserInfo; until: number }>()
  return {
    async authenticate(request) {
      const token = bearerToken(request)
      if (!token?.startsWith(prefix)) return undefined
      const digest = createHash('sha256').update(token).digest('base64')
      const known = remembered.get(digest)
      if (known && known.until > now()) return known.user

      const identity = await verify(token)
      if (!identity) throw new InvalidCredentialsError('AWS does not vouch for the token: it is expired, or for another cluster')
      const user: UserInfo = {
        name: identity.principal,
        uid: identity.userId,
        groups: [...(administrators.includes(identity.principal) ? [MASTERS] : []), `aws:account:${identity.account}`, AUTHENTICATED],
      }
      if (remembered.size >= MAX_REMEMBERED) remembered.clear()
      remembered.set(digest, { user, until: now() + REMEMBER })
      return user
    },
  }
}
