// Bearer tokens that are known beforehand: the administrator's, and those of tests.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { UserInfo } from '../apimachinery/context.ts'
import { type Authenticator, InvalidCredentialsError } from './types.ts'

export interface StaticToken {
  readonly token: string
  readonly user: UserInfo
}

/** The token of an Authorization header; the scheme has no case. Undefined when there is none. */
export function bearerToken(request: Request): string | undefined {
  const header = request.headers.get('authorization')?.trim() ?? ''
  const [scheme = '', token = ''] = header.split(' ')
  return scheme.toLowerCase() === 'bearer' && token.trim() !== '' ? token.trim() : undefined
}

export function staticTokens(tokens: readonly StaticToken[]): Authenticator {
  const known = tokens.map(({ token, user }) => ({ digest: digest(token), user }))
  return {
    async authenticate(request) {
      const token = bearerToken(request)
      if (token === undefined) return undefined
      const sent = digest(token)
      return known.find(one => timingSafeEqual(one.digest, sent))?.user
    },
  }
}

// Digests have one length, so that comparing them tells nothing about the token.
const digest = (token: string) => createHash('sha256').update(token).digest()

/** The last authenticator: a token that nobody knows is wrong, not absent. */
export const refuseUnknownTokens: Authenticator = {
  async authenticate(request) {
    if (bearerToken(request) !== undefined) throw new InvalidCredentialsError('the token is not known')
    return undefined
  },
}
