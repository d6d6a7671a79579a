import type { CertificateSigningRequest } from '../api/certificates/v1.ts'
import { formatTime } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { validateRequest, validateRequestUpdate } from './certificates/validate.ts'
import { columns, humanDuration, NONE, since } from './printers/text.ts'
import { collect, keep } from './strategy.ts'

const DECISIONS = ['Approved', 'Denied']

/** Who only writes the status does not decide: as many decisions as there were are those that there were. In place. */
function keepDecisions(request: CertificateSigningRequest, old: CertificateSigningRequest, type: string): void {
  const decided = (old.status?.conditions ?? []).filter(condition => condition.type === type)
  const list = request.status?.conditions ?? []
  if (list.filter(condition => condition.type === type).length !== decided.length || request.status === undefined) return
  let next = 0
  if (decided.length > 0)
    request.status.conditions = list.map(condition => (condition.type === type ? (decided[next++] ?? condition) : condition))
}

/** Conditions that do not say since when they are so get to know. In place. */
function stamp(request: CertificateSigningRequest, old: CertificateSigningRequest, now: string): void {
  for (const condition of request.status?.conditions ?? []) {
    if (!condition.lastUpdateTime) condition.lastUpdateTime = now
    if (condition.lastTransitionTime) continue
    const known = old.status?.conditions?.find(
      other => other.type === condition.type && other.status === condition.status && other.lastTransitionTime,
    )
    condition.lastTransitionTime = known?.lastTransitionTime ?? now
  }
}

export default defineResource<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  resource: 'certificatesigningrequests',
  singular: 'certificatesigningrequest',
  kind: 'CertificateSigningRequest',
  namespaced: false,
  shortNames: ['csr'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.certificates.v1.CertificateSigningRequest' }],
  validateName: () => [],
  /** Who asks is what the server saw, never what the request says. */
  prepareForCreate(request, { user }) {
    request.spec.username = user.name
    if (user.uid) request.spec.uid = user.uid
    else delete request.spec.uid
    request.spec.groups = [...user.groups]
    if (user.extra) request.spec.extra = Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]]))
    else delete request.spec.extra
    request.status = {}
  },
  prepareForUpdate: (request, old) => keep(request, old, 'spec', 'status'),
  validate: (request, { apiVersion }) => collect(errors => validateRequest(request, undefined, errors, apiVersion)),
  validateUpdate: (request, old) => collect(errors => validateRequestUpdate(request, old, {}, errors)),
  resetFields: [['spec'], ['status']],
  parts: {
    status: {
      prepare(request, old, { now }) {
        keep(request, old, 'spec')
        for (const type of DECISIONS) keepDecisions(request, old, type)
        stamp(request, old, formatTime(now))
      },
      validate: (request, old) => collect(errors => validateRequestUpdate(request, old, { certify: true }, errors)),
      resetFields: [['spec'], ['status', 'conditions']],
    },
    approval: {
      prepare(request, old, { now }) {
        stamp(request, old, formatTime(now))
        const conditions = request.status?.conditions
        keep(request, old, 'spec')
        request.status = { ...old.status, conditions }
        if (conditions === undefined) delete request.status.conditions
      },
      validate: (request, old) => collect(errors => validateRequestUpdate(request, old, { decide: true }, errors)),
      resetFields: [['spec'], ['status', 'certificate']],
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
