// Bearer tokens: of whatever sort, the first that knows one decides.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { UserInfo } from '../apimachinery/context.ts'
import { type Authenticated, type Authenticator, InvalidCredentialsError, type TokenAuthenticator, withAuthenticated } from './types.ts'

/** The token of an Authorization header; the scheme has no case. Undefined when there is none. */
export function bearerToken(request: Request): string | undefined {
  const header = request.headers.get('authorization')?.trim() ?? ''
  const [scheme = '', token = ''] = header.split(' ')
  return scheme.toLowerCase() === 'bearer' && token.trim() !== '' ? token.trim() : undefined
}

/** All sorts together. A token that nobody knows is wrong, not absent. */
export class BearerAuthenticator implements Authenticator {
  readonly #sorts: readonly TokenAuthenticator[]
  readonly audiences: readonly string[]

  constructor(sorts: readonly TokenAuthenticator[], audiences: readonly string[]) {
    this.#sorts = sorts
    this.audiences = audiences
  }

  async authenticate(request: Request): Promise<UserInfo | undefined> {
    const token = bearerToken(request)
    return token === undefined ? undefined : (await this.authenticateToken(token, this.audiences)).user
  }

  /** @throws InvalidCredentialsError worded as a TokenReview tells it */
  async authenticateToken(token: string, audiences: readonly string[]): Promise<Authenticated> {
    const reasons: string[] = ['invalid bearer token']
    for (const sort of this.#sorts) {
      try {
        const found = await sort.authenticateToken(token, audiences)
        if (found !== undefined) return { ...found, user: withAuthenticated(found.user) }
      } catch (error) {
        if (!(error instanceof InvalidCredentialsError)) throw error
        reasons.push(error.message)
      }
    }
    throw new InvalidCredentialsError(reasons.length === 1 ? reasons[0] : `[${reasons.join(', ')}]`)
  }
}

export interface StaticToken {
  readonly token: string
  readonly user: UserInfo
}

/** Tokens that are known beforehand: the administrator's, and those of tests. */
export function staticTokens(tokens: readonly StaticToken[]): TokenAuthenticator {
  const known = tokens.map(({ token, user }) => ({ digest: digest(token), user }))
  return {
    async authenticateToken(token, audiences) {
      const sent = digest(token)
      const found = known.find(one => timingSafeEqual(one.digest, sent))
      return found === undefined ? undefined : { user: found.user, audiences }
    },
  }
}

// Digests have one length, so that comparing them tells nothing about the token.
const digest = (token: string) => createHash('sha256').update(token).digest()
