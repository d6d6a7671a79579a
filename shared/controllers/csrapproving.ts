// Requests of kubelets for their client certificates are approved by themselves, when who asks may ask that.
import type { CertificateSigningRequest } from '../api/certificates/v1.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { objection, SIGNERS } from './certificates/rules.ts'
import { CERTIFICATE_SIGNING_REQUESTS } from './collections.ts'
import { timestamp } from './time.ts'
import type { Controller, ControllerContext } from './types.ts'

const REVIEWS = { group: 'authorization.k8s.io', resource: 'subjectaccessreviews' }

const isOpen = ({ spec, status }: CertificateSigningRequest): boolean =>
  spec.signerName === SIGNERS.kubeletClient &&
  !status?.certificate &&
  !status?.conditions?.some(({ type }) => type === 'Approved' || type === 'Denied')

async function reconcile(key: string, context: ControllerContext): Promise<undefined> {
  const { client, informer, now } = context
  const request = (await informer(CERTIFICATE_SIGNING_REQUESTS)).get(key)?.object as CertificateSigningRequest | undefined
  if (request === undefined || !isOpen(request)) return
  const { readRequest } = await import('./certificates/x509.ts')
  const asked = readRequest(Buffer.from(request.spec.request, 'base64').toString('utf8'))
  if (objection(SIGNERS.kubeletClient, asked, request.spec.usages ?? []) !== undefined) return
  const own = asked.commonNames[0] === request.spec.username
  const message =
    own && (await may(request, 'selfnodeclient', context)) ? 'self kubelet' : (await may(request, 'nodeclient', context)) ? 'kubelet' : ''
  if (message === '') return
  const time = timestamp(now())
  const approved = {
    type: 'Approved',
    status: 'True',
    reason: 'AutoApproved',
    message: `Auto approving ${message} client certificate after SubjectAccessReview.`,
    lastUpdateTime: time,
    lastTransitionTime: time,
  }
  await client.updatePart(CERTIFICATE_SIGNING_REQUESTS, 'approval', {
    ...request,
    status: { ...request.status, conditions: [...(request.status?.conditions ?? []), approved] },
  } as KubeObject)
}

async function may({ spec }: CertificateSigningRequest, subresource: string, { client }: ControllerContext): Promise<boolean> {
  const { username: user, uid, groups, extra } = spec
  const attributes = { group: 'certificates.k8s.io', resource: 'certificatesigningrequests', verb: 'create', subresource }
  const review = await client.create<KubeObject & { status?: { allowed?: boolean } }>(REVIEWS, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: { user, uid, groups, extra, resourceAttributes: attributes },
  } as never)
  return review.status?.allowed ?? false
}

export const csrApproving: Controller = {
  name: 'csrapproving',
  watches: [
    {
      resource: CERTIFICATE_SIGNING_REQUESTS,
      keys: ({ type, object, key }) => (type !== 'deleted' && isOpen(object as CertificateSigningRequest) ? [key] : []),
    },
  ],
  reconcile,
}
