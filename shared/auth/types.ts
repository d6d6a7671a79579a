// Who is asking, and may they: the ports that the API server asks.
import type { UserInfo } from '../apimachinery/context.ts'

export interface AuthAttributes {
  readonly user: UserInfo
  readonly verb: string
  /** Either a resource request ... */
  readonly isResource: boolean
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  /** ... or a path. */
  readonly path: string
}

export interface Decision {
  readonly allowed: boolean
  /** Why, for people. */
  readonly reason?: string
}

export interface Authorizer {
  authorize(attributes: AuthAttributes): Promise<Decision>
}

/** One way to prove who one is. */
export interface Authenticator {
  /** Undefined: no credentials of this sort in the request. @throws InvalidCredentialsError for wrong ones */
  authenticate(request: Request): Promise<UserInfo | undefined>
}

export interface Authenticated {
  readonly user: UserInfo
  /** For which of the audiences asked for the token is good. */
  readonly audiences: readonly string[]
}

/** One sort of bearer token. */
export interface TokenAuthenticator {
  /** Undefined: not a token of this sort. @throws InvalidCredentialsError, whose message says what is wrong with it */
  authenticateToken(token: string, audiences: readonly string[]): Promise<Authenticated | undefined>
}

/** Credentials were sent, and they are wrong or expired. */
export class InvalidCredentialsError extends Error {
  override readonly name = 'InvalidCredentialsError'
}

export const ANONYMOUS: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] }
export const MASTERS = 'system:masters'
export const AUTHENTICATED = 'system:authenticated'
/** The server itself: what controllers and admission do is done by it. */
export const SYSTEM: UserInfo = { name: 'system:apiserver', groups: [MASTERS, AUTHENTICATED] }

export const withAuthenticated = (user: UserInfo): UserInfo =>
  user.groups.includes(AUTHENTICATED) ? user : { ...user, groups: [...user.groups, AUTHENTICATED] }
