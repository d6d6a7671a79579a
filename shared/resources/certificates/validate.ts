// What a certificate signing request may say, and who may change what of it (pkg/apis/certificates/validation).
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '../../api/certificates/v1.ts'
import { duplicate, forbidden, invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { equal } from '../../apimachinery/objects.ts'
import type { Errors } from '../validation/checks.ts'
import { diffText } from '../validation/diff.ts'
import { signerName } from '../validation/signer-names.ts'

const FIELD = 'status.conditions'
const DECISIONS = ['Approved', 'Denied']
const FINAL = [...DECISIONS, 'Failed']
const STATUSES = ['False', 'True', 'Unknown']
const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown'
const MIN_SECONDS = 600
const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
]

const conditionsOf = ({ status }: CertificateSigningRequest) => status?.conditions ?? []
const ofType = (request: CertificateSigningRequest, type: string) => conditionsOf(request).filter(condition => condition.type === type)
const types = (list: readonly CertificateSigningRequestCondition[]) => list.map(({ type }) => type)
const repeats = (list: readonly string[]) => new Set(list).size < list.length

const V1BETA1 = 'certificates.k8s.io/v1beta1'

export function validateRequest(
  request: CertificateSigningRequest,
  old: CertificateSigningRequest | undefined,
  errors: Errors,
  apiVersion?: string,
): void {
  const { spec } = request
  const text = Buffer.from(spec?.request ?? '', 'base64').toString('latin1')
  if (!/-----BEGIN CERTIFICATE REQUEST-----[\s\S]*-----END CERTIFICATE REQUEST-----/.test(text))
    errors.push(invalid('spec.request', spec?.request ?? '', 'PEM block type must be CERTIFICATE REQUEST'))
  usages(spec?.usages ?? [], old?.spec?.usages, errors)
  const signer = spec?.signerName ?? ''
  if (signer === LEGACY_SIGNER && old?.spec?.signerName !== LEGACY_SIGNER && apiVersion !== V1BETA1)
    errors.push(invalid('spec.signerName', signer, 'the legacy signerName is not allowed via this API version'))
  else signerName(signer, 'spec.signerName', errors)
  const seconds = spec?.expirationSeconds
  if (seconds !== undefined && seconds < MIN_SECONDS)
    errors.push(invalid('spec.expirationSeconds', seconds, 'may not specify a duration less than 600 seconds (10 minutes)'))
  conditions(request, old, errors)
  const certificate = request.status?.certificate ?? ''
  if (certificate === (old?.status?.certificate ?? '')) return
  const problem = certificateProblem(certificate)
  if (problem !== undefined) errors.push(invalid('status.certificate', '<certificate data>', problem))
}

function usages(list: readonly string[], old: readonly string[] | undefined, errors: Errors): void {
  if (list.length === 0) errors.push(required('spec.usages'))
  const anyUsage = old?.some(usage => !USAGES.includes(usage))
  const mayRepeat = old !== undefined && repeats(old)
  const seen = new Set<string>()
  for (const [i, usage] of list.entries())
    if (!anyUsage && !USAGES.includes(usage)) errors.push(notSupported(`spec.usages[${i}]`, usage, USAGES))
  for (const [i, usage] of list.entries()) {
    if (seen.has(usage) && !mayRepeat) errors.push(duplicate(`spec.usages[${i}]`, usage))
    seen.add(usage)
  }
}

function conditions(request: CertificateSigningRequest, old: CertificateSigningRequest | undefined, errors: Errors): void {
  const before = old === undefined ? [] : types(conditionsOf(old))
  const mayBoth = DECISIONS.every(type => before.includes(type))
  const seen = new Set<string>()
  for (const [i, { type, status }] of conditionsOf(request).entries()) {
    const at = `${FIELD}[${i}]`
    if (!type && !before.includes('')) errors.push(required(`${at}.type`))
    const allowed = FINAL.includes(type) ? ['True'] : STATUSES
    if (!status) errors.push(required(`${at}.status`))
    else if (!allowed.includes(status)) errors.push(notSupported(`${at}.status`, status, allowed))
    const other = DECISIONS.find(decision => decision !== type)
    if (!mayBoth && DECISIONS.includes(type) && other !== undefined && seen.has(other))
      errors.push(invalid(FIELD, type, 'Approved and Denied conditions are mutually exclusive'))
    if (seen.has(type) && !repeats(before)) errors.push(duplicate(`${at}.type`, type))
    seen.add(type)
  }
}

function certificateProblem(base64: string): string | undefined {
  const text = Buffer.from(base64, 'base64').toString('latin1')
  if (text === '') return undefined
  const blocks = Array.from(text.matchAll(/-----BEGIN ([^-\n]+)-----\r?\n([\s\S]*?)-----END \1-----/g))
  if (blocks.length === 0) return 'must contain at least one CERTIFICATE PEM block'
  for (const [, type = '', content = ''] of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`
    if (content.includes(':')) return 'no PEM block headers are permitted'
  }
  return undefined
}

interface Rights {
  readonly decide?: boolean
  readonly certify?: boolean
}

export function validateRequestUpdate(
  request: CertificateSigningRequest,
  old: CertificateSigningRequest,
  { decide = false, certify = false }: Rights,
  errors: Errors,
): void {
  validateRequest(request, old, errors)
  const fewer = (type: string) => ofType(request, type).length < ofType(old, type).length
  for (const type of FINAL)
    if (fewer(type)) errors.push(forbidden(FIELD, `updates may not remove a condition of type ${JSON.stringify(type)}`))
  for (const type of decide ? [] : DECISIONS) {
    const now = ofType(request, type)
    const before = ofType(old, type)
    if (now.length > before.length) errors.push(forbidden(FIELD, `updates may not add a condition of type ${JSON.stringify(type)}`))
    else if (now.length === before.length && !equal(now, before)) {
      const why = `updates may not modify a condition of type ${JSON.stringify(type)}\n${diffText(before, now)}`
      errors.push(forbidden(FIELD, why))
    }
  }
  const certificate = old.status?.certificate ?? ''
  if ((request.status?.certificate ?? '') === certificate) return
  if (!certify) errors.push(forbidden('status.certificate', 'updates may not set certificate content'))
  else if (certificate !== '') errors.push(forbidden('status.certificate', 'updates may not modify existing certificate content'))
}
