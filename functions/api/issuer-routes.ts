// What others need to verify the cluster's tokens: the OpenID discovery document and the public keys.
import { checkAccept } from '../../shared/apimachinery/request/negotiation.ts'
import { headersOf, type Responder } from '../../shared/apimachinery/response/respond.ts'
import type { DocumentRoute } from '../../shared/apimachinery/server/server.ts'
import { StatusError } from '../../shared/apimachinery/status-error.ts'
import type { SigningKey } from '../../shared/auth/signing-key.ts'

const MAX_AGE = 'public, max-age=3600'

/** @param serverAddress "host:port" of the API, with what its paths begin with */
export function issuerRoutes(issuer: string, serverAddress: string, { jwk }: SigningKey): DocumentRoute[] {
  const configuration = {
    issuer,
    jwks_uri: `https://${serverAddress}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  }
  return [
    document('/.well-known/openid-configuration', 'application/json', configuration),
    document('/openid/v1/jwks', 'application/jwk-set+json', { keys: [jwk] }),
  ]
}

function document(path: string, mediaType: string, content: object): DocumentRoute {
  const body = JSON.stringify(content)
  return {
    prefix: path,
    async handle(request: Request, url: URL, responder: Responder) {
      if (url.pathname.replace(/\/$/, '') !== path) return undefined
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        throw new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})
      }
      checkAccept(request, [mediaType])
      const headers = headersOf(responder, mediaType)
      headers.set('cache-control', MAX_AGE)
      return new Response(body, { headers })
    },
  }
}
