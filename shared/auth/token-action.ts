// serviceaccounts/token, for whoever opens a cluster. Most of them never issue one: what that takes is loaded with the first.
import type { Action } from '../apimachinery/resource.ts'
import type { Store } from '../store/types.ts'
import type { ServiceAccountTokens } from './service-account-tokens.ts'
import type { TokenRequestBody } from './token-request.ts'

export const DEFAULT_SECONDS = 3600

export const TOKEN_REQUEST = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' } as const

export function tokenAction(store: Store, now: () => number): Action {
  let tokens: Promise<ServiceAccountTokens> | undefined
  const load = () => {
    tokens ??= openTokens(store, now)
    tokens.catch(() => {
      tokens = undefined
    })
    return tokens
  }
  return {
    kind: TOKEN_REQUEST,
    verbs: ['create'],
    answersBody: true,
    accepts: [{ ...TOKEN_REQUEST, schema: 'io.k8s.api.authentication.v1.TokenRequest', defaults: setLifetime }],
    async create(call, body, context) {
      const [{ issueToken }, issuer] = await Promise.all([import('./token-request.ts'), load()])
      return issueToken(issuer, call, body as TokenRequestBody, context)
    },
  }
}

/** Whoever says nothing owns what follows from it. */
function setLifetime(body: TokenRequestBody): void {
  body.spec ??= {}
  body.spec.expirationSeconds ??= DEFAULT_SECONDS
}

async function openTokens(store: Store, now: () => number): Promise<ServiceAccountTokens> {
  const [{ DEFAULT_ISSUER, ServiceAccountTokens }, { loadSigningKey }] = await Promise.all([
    import('./service-account-tokens.ts'),
    import('./signing-key.ts'),
  ])
  return new ServiceAccountTokens(store, await loadSigningKey(store), DEFAULT_ISSUER, now)
}
