// CertificateSigningRequests are letters, not records: answered ones go after an hour, and those that nobody answers after a day.
import { X509Certificate } from 'node:crypto'
import type { CertificateSigningRequest } from '../api/certificates/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import { CERTIFICATE_SIGNING_REQUESTS } from './collections.ts'
import { earliest, parseTime, requeueAt } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'

const ANSWERED_MS = 3_600_000
const PENDING_MS = 24 * 3_600_000

/** When the request is to go (ms since the epoch). One that was approved, and that its signer has not served yet, stays. */
export function expiry({ metadata, status }: CertificateSigningRequest): number | undefined {
  if (metadata.deletionTimestamp !== undefined) return undefined
  const conditions = status?.conditions ?? []
  if (conditions.length === 0) return parseTime(metadata.creationTimestamp ?? '') + PENDING_MS
  const issued = status?.certificate !== undefined && status.certificate !== ''
  const answers = conditions.filter(({ type }) => type === 'Denied' || type === 'Failed' || (type === 'Approved' && issued))
  const due = answers.map(({ lastUpdateTime }) => (lastUpdateTime === undefined ? undefined : parseTime(lastUpdateTime) + ANSWERED_MS))
  return earliest(...due, issued ? endOf(status.certificate!) : undefined)
}

function endOf(certificate: string): number | undefined {
  try {
    return new X509Certificate(Buffer.from(certificate, 'base64')).validToDate.getTime()
  } catch {
    // Whatever its signer wrote there.
    return undefined
  }
}

async function reconcile(key: string, { client, informer, now }: ControllerContext): Promise<Outcome | undefined> {
  const request = (await informer(CERTIFICATE_SIGNING_REQUESTS)).get(key)?.object as CertificateSigningRequest | undefined
  const due = request === undefined ? undefined : expiry(request)
  if (request === undefined || due === undefined) return undefined
  if (due > now()) return requeueAt(due, now())
  const { name, uid, resourceVersion } = request.metadata
  try {
    await client.delete(CERTIFICATE_SIGNING_REQUESTS, undefined, name, { preconditions: { uid, resourceVersion } })
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error
  }
  return undefined
}

export const csrCleaner: Controller = {
  name: 'csrcleaner',
  component: 'csrcleaner',
  watches: [
    {
      resource: CERTIFICATE_SIGNING_REQUESTS,
      keys: ({ type, object, key }) => (type !== 'deleted' && expiry(object as CertificateSigningRequest) !== undefined ? [key] : []),
    },
  ],
  reconcile,
}
