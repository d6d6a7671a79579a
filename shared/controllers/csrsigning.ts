// Certificates for requests that were approved, of the signers that every cluster has.
import type { CertificateSigningRequest } from '../api/certificates/v1.ts'
import { signingAuthority } from './certificates/authority.ts'
import { objection, SIGNERS, validity } from './certificates/rules.ts'
import { CERTIFICATE_SIGNING_REQUESTS } from './collections.ts'
import { timestamp } from './time.ts'
import type { Controller, ControllerContext } from './types.ts'

const OURS: readonly string[] = Object.values(SIGNERS)

const has = ({ status }: CertificateSigningRequest, type: string): boolean =>
  status?.conditions?.some(condition => condition.type === type && condition.status !== 'False') ?? false

/** Approved, and neither served nor refused. */
export const isToSign = (request: CertificateSigningRequest): boolean =>
  OURS.includes(request.spec.signerName) &&
  has(request, 'Approved') &&
  !has(request, 'Denied') &&
  !has(request, 'Failed') &&
  !request.status?.certificate

async function reconcile(key: string, { client, informer, now }: ControllerContext): Promise<undefined> {
  const request = (await informer(CERTIFICATE_SIGNING_REQUESTS)).get(key)?.object as CertificateSigningRequest | undefined
  if (request === undefined || !isToSign(request)) return
  const { makeAuthority, readRequest, sign } = await import('./certificates/x509.ts')
  const { spec, status } = request
  const pem = Buffer.from(spec.request, 'base64').toString('utf8')
  const usages = spec.usages ?? []
  const refused = objection(spec.signerName, readRequest(pem), usages)
  if (refused !== undefined) {
    const time = timestamp(now())
    const failed = { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message: refused }
    const conditions = [...(status?.conditions ?? []), { ...failed, lastUpdateTime: time, lastTransitionTime: time }]
    await client.updateStatus(CERTIFICATE_SIGNING_REQUESTS, { ...request, status: { ...status, conditions } })
    return
  }
  const authority = await signingAuthority(client, () => makeAuthority(now()))
  const certificate = await sign({ pem, usages, ...validity(spec.expirationSeconds, now()) }, authority)
  const encoded = Buffer.from(certificate).toString('base64')
  await client.updateStatus(CERTIFICATE_SIGNING_REQUESTS, { ...request, status: { ...status, certificate: encoded } })
}

export const csrSigning: Controller = {
  name: 'csrsigning',
  watches: [
    {
      resource: CERTIFICATE_SIGNING_REQUESTS,
      keys: ({ type, object, key }) => (type !== 'deleted' && isToSign(object as CertificateSigningRequest) ? [key] : []),
    },
  ],
  reconcile,
}
