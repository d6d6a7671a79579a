// Users with an AWS identity, as the functions' environment names their administrators.
import { IAM_TOKEN_PREFIX, iamTokens } from '../auth/iam.ts'
import type { Authenticator } from '../auth/types.ts'

/** @param principals administrators, separated by commas */
export function iamAuthenticator(cluster: string, principals: string): Authenticator {
  return iamTokens({
    prefix: IAM_TOKEN_PREFIX,
    administrators: principals.split(',').filter(Boolean),
    async verify(token) {
      // Loaded for the first such token: STS is no business of a cold start.
      const { principalOf, verifyIamToken } = await import('./iam-token.ts')
      const identity = await verifyIamToken(token, cluster)
      return identity && { ...identity, principal: principalOf(identity.arn) }
    },
  })
}
