// Conversion of custom resources by a webhook (apiextensions-apiserver/pkg/apiserver/conversion).
import { randomUUID } from 'node:crypto'
import type { CustomResourceConversion } from '../../api/apiextensions/v1.ts'
import type { Reader } from '../context.ts'
import { StatusError } from '../status-error.ts'
import type { KubeObject } from '../types.ts'
import { callWebhook, WebhookCallError } from '../webhook-call.ts'

const TIMEOUT_SECONDS = 30

export type Convert = (objects: readonly KubeObject[], apiVersion: string) => Promise<KubeObject[]>

interface ReviewResponse {
  readonly uid?: string
  readonly convertedObjects?: readonly KubeObject[]
  readonly result?: { readonly status?: string; readonly message?: string }
}

/** Asks the webhook for all objects at once; those of the right version are left as they are. @throws StatusError 500 */
export function converterOf({ webhook }: CustomResourceConversion, kind: string, reader: Reader): Convert {
  return async (objects, desiredAPIVersion) => {
    const others = objects.filter(({ apiVersion }) => apiVersion !== desiredAPIVersion)
    if (others.length === 0) return [...objects]
    const failed = (why: string) => {
      const message = `conversion webhook for ${others[0]?.apiVersion}, Kind=${kind} failed: ${why}`
      return new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] })
    }
    const uid = randomUUID()
    const version = webhook?.conversionReviewVersions.find(one => one === 'v1' || one === 'v1beta1') ?? 'v1'
    const body = {
      kind: 'ConversionReview',
      apiVersion: `apiextensions.k8s.io/${version}`,
      request: { uid, desiredAPIVersion, objects: others },
    }
    let response: ReviewResponse | undefined
    try {
      response = ((await callWebhook(webhook?.clientConfig ?? {}, body, TIMEOUT_SECONDS, reader)) as { response?: ReviewResponse }).response
    } catch (error) {
      if (error instanceof WebhookCallError) throw failed(error.message.replace('failed to call webhook: ', ''))
      throw error
    }
    if (response?.uid !== uid) throw failed(`invalid response: expected response.uid=${JSON.stringify(uid)}`)
    if (response.result?.status !== 'Success') throw failed(response.result?.message ?? 'no reason was given')
    const converted = response.convertedObjects ?? []
    if (converted.length !== others.length) throw failed(`expected ${others.length} converted objects, got ${converted.length}`)
    let next = 0
    return objects.map(object => {
      if (object.apiVersion === desiredAPIVersion) return object
      const one = converted[next++] as KubeObject
      if (one.apiVersion !== desiredAPIVersion) throw failed(`expected converted objects of ${desiredAPIVersion}, got ${one.apiVersion}`)
      // Of metadata only labels and annotations are the webhook's to change.
      const { labels, annotations } = one.metadata ?? {}
      const metadata = { ...object.metadata }
      delete metadata.labels
      delete metadata.annotations
      return {
        ...one,
        metadata: { ...metadata, ...(labels === undefined ? {} : { labels }), ...(annotations === undefined ? {} : { annotations }) },
      }
    })
  }
}
