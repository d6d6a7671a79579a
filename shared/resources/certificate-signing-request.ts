import type { CertificateSigningRequest } from '../api/certificates/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, humanDuration, NONE, since } from './printers/text.ts'
import { keep } from './strategy.ts'

export default defineResource<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  resource: 'certificatesigningrequests',
  singular: 'certificatesigningrequest',
  kind: 'CertificateSigningRequest',
  namespaced: false,
  shortNames: ['csr'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.certificates.v1.CertificateSigningRequest' }],
  allowCreateOnUpdate: true,
  /** Who asks is what the server saw, never what the request says. */
  prepareForCreate(request, { user }) {
    request.spec.username = user.name
    request.spec.uid = user.uid ?? ''
    request.spec.groups = [...user.groups]
    if (user.extra) request.spec.extra = Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]]))
    else delete request.spec.extra
    request.status = {}
  },
  prepareForUpdate: (request, old) => keep(request, old, 'spec', 'status'),
  parts: {
    status: {},
    approval: {
      prepare(request, old) {
        const conditions = request.status?.conditions
        keep(request, old, 'spec')
        request.status = { ...old.status, conditions }
      },
    },
  },
  selectableFields: { 'spec.signerName': request => request.spec.signerName },
  columns: columns('Name, Age, SignerName, Requestor, RequestedDuration, Condition'),
  cells: ({ metadata, spec, status }, now) => [
    metadata.name,
    since(metadata.creationTimestamp, now),
    spec.signerName,
    spec.username ?? '',
    spec.expirationSeconds === undefined ? NONE : humanDuration(spec.expirationSeconds * 1000),
    condition(status),
  ],
})

function condition(status: CertificateSigningRequest['status']): string {
  const types = (status?.conditions ?? []).map(c => c.type)
  const decided = types.includes('Denied') ? 'Denied' : types.includes('Approved') ? 'Approved' : 'Pending'
  return [decided, ...(types.includes('Failed') ? ['Failed'] : []), ...(status?.certificate ? ['Issued'] : [])].join(',')
}
