// Who may approve and sign requests for certificates: the right belongs to the signer (plugin/pkg/admission/certificates).
import type { CertificateSigningRequest } from '../api/certificates/v1.ts'
import type { AdmissionPlugin, Attributes } from '../apimachinery/admission.ts'
import { equal } from '../apimachinery/objects.ts'
import { forbidden } from '../apimachinery/status-error.ts'
import { type Authorizer, MASTERS } from '../auth/types.ts'
import { objectOf, oldOf } from './attributes.ts'

const GROUP = 'certificates.k8s.io'
const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client'
/** Organization (2.5.4.10) in a subject, as DER has it. */
const ORGANIZATION = Buffer.from([0x06, 0x03, 0x55, 0x04, 0x0a])

export const certificates = (authorizer: Authorizer): AdmissionPlugin => ({
  name: 'CertificateApproval',
  async validate(attributes) {
    const { endpoint, subresource, operation } = attributes
    if (endpoint.collection.group !== GROUP || endpoint.collection.resource !== 'certificatesigningrequests') return
    if (operation === 'CREATE' && subresource === '') checkSubject(attributes)
    if (operation !== 'UPDATE') return
    const old = oldOf<CertificateSigningRequest>(attributes)
    if (subresource === 'approval') await check(authorizer, attributes, 'approve', old)
    else if (subresource === 'status' && signs(objectOf(attributes), old)) await check(authorizer, attributes, 'sign', old)
  },
})

/** Nobody becomes an administrator of everything by a certificate. */
function checkSubject(attributes: Attributes): void {
  const { spec } = objectOf<CertificateSigningRequest>(attributes)
  if (spec?.signerName !== CLIENT_SIGNER || !organizations(spec.request ?? '').includes(MASTERS)) return
  const why = `use of ${CLIENT_SIGNER} signer with system:masters group is not allowed`
  throw forbidden(attributes.endpoint.collection, attributes.name, why)
}

function organizations(request: string): string[] {
  const pem = Buffer.from(request, 'base64').toString('latin1')
  const body = /-----BEGIN CERTIFICATE REQUEST-----([\s\S]*?)-----END/.exec(pem)?.[1] ?? ''
  const der = Buffer.from(body, 'base64')
  const found: string[] = []
  for (let at = der.indexOf(ORGANIZATION); at >= 0; at = der.indexOf(ORGANIZATION, at + 1)) {
    const text = at + ORGANIZATION.length + 2
    found.push(der.subarray(text, text + (der[text - 1] ?? 0)).toString())
  }
  return found
}

const signs = (now: CertificateSigningRequest, old: CertificateSigningRequest): boolean =>
  now.status?.certificate !== old.status?.certificate || !equal(now.status?.conditions, old.status?.conditions)

async function check(
  authorizer: Authorizer,
  attributes: Attributes,
  verb: 'approve' | 'sign',
  { spec }: CertificateSigningRequest,
): Promise<void> {
  const { context, endpoint, name } = attributes
  if (context.user.groups.includes(MASTERS)) return
  const signer = spec?.signerName ?? ''
  for (const one of [signer, `${signer.split('/')[0]}/*`]) {
    const asked = {
      user: context.user,
      verb,
      isResource: true,
      group: GROUP,
      version: '*',
      resource: 'signers',
      subresource: '',
      namespace: '',
      name: one,
      path: '',
    }
    if ((await authorizer.authorize(asked)).allowed) return
  }
  throw forbidden(endpoint.collection, name, `user not permitted to ${verb} requests with signerName ${JSON.stringify(signer)}`)
}
