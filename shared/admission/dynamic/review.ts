// AdmissionReview, in the versions v1 and v1beta1 (k8s.io/apiserver/pkg/admission/plugin/webhook/request).
import { randomUUID } from 'node:crypto'
import type { MutatingWebhook, ValidatingWebhook } from '../../api/admissionregistration/v1.ts'
import type { Attributes } from '../../apimachinery/admission.ts'
import { quote } from '../../apimachinery/field-error.ts'
import { callWebhook, WebhookCallError } from '../../apimachinery/webhook-call.ts'
import { admissionRequest } from './request.ts'

export interface ReviewResponse {
  readonly uid?: string
  readonly allowed?: boolean
  readonly status?: { readonly message?: string; readonly reason?: string; readonly code?: number }
  /** Base64. */
  readonly patch?: string
  readonly patchType?: string
  readonly warnings?: readonly string[]
}

interface Review {
  readonly apiVersion?: string
  readonly kind?: string
  readonly response?: ReviewResponse | null
}

const GROUP = 'admission.k8s.io'
const VERSIONS = ['v1', 'v1beta1']

/** Asks in the first of the webhook's versions that is known. @throws WebhookCallError */
export async function review(
  { admissionReviewVersions = [], clientConfig, timeoutSeconds = 10 }: ValidatingWebhook | MutatingWebhook,
  attributes: Attributes,
  isMutating: boolean,
): Promise<ReviewResponse> {
  const apiVersion = `${GROUP}/${admissionReviewVersions.find(one => VERSIONS.includes(one)) ?? 'v1'}`
  const uid = randomUUID()
  const { object = null, old = null } = attributes
  const request = { uid, ...admissionRequest(attributes), object, oldObject: old }
  const answer = (await callWebhook(
    clientConfig,
    { kind: 'AdmissionReview', apiVersion, request },
    timeoutSeconds,
    attributes.context.read,
  )) as Review
  const { response } = answer
  if (response === undefined || response === null) throw invalid('webhook response was absent')
  if (apiVersion === `${GROUP}/v1`) return verified(answer, response, uid, isMutating)
  // Nobody asked webhooks of v1beta1 for more.
  if (!isMutating || !response.patch) return { ...response, patch: '' }
  return { ...response, patchType: 'JSONPatch' }
}

const invalid = (why: string) => new WebhookCallError(`received invalid webhook response: ${why}`)

function verified({ apiVersion = '', kind = '' }: Review, response: ReviewResponse, uid: string, isMutating: boolean): ReviewResponse {
  const { patch = '', patchType } = response
  if (response.uid !== uid) throw invalid(`expected response.uid=${quote(uid)}, got ${quote(response.uid ?? '')}`)
  if (apiVersion !== `${GROUP}/v1` || kind !== 'AdmissionReview')
    throw invalid(`expected webhook response of ${GROUP}/v1, Kind=AdmissionReview, got ${apiVersion || '/'}, Kind=${kind}`)
  if (!isMutating && patch !== '') throw invalid('validating webhook may not return response.patch')
  if (!isMutating && patchType !== undefined) throw invalid('validating webhook may not return response.patchType')
  if (patch !== '' && patchType === undefined) throw invalid('webhook returned response.patch but not response.patchType')
  if (patch === '' && patchType !== undefined) throw invalid('webhook returned response.patchType but not response.patch')
  return response
}
