// How versions are converted into each other.
import type { CustomResourceDefinitionSpec, WebhookClientConfig } from '../../api/apiextensions/v1.ts'
import { type FieldError, forbidden, invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { isDNS1035Label } from '../../apimachinery/names.ts'
import { clientConfigErrors } from '../validation/webhook-client.ts'

const REVIEW_VERSIONS = ['v1', 'v1beta1']
const FIELD = 'spec.conversion'

export function validateConversion({ conversion, preserveUnknownFields }: CustomResourceDefinitionSpec): FieldError[] {
  if (conversion === undefined) return []
  const errors: FieldError[] = []
  const { strategy = '', webhook } = conversion
  if (strategy === '') errors.push(required(`${FIELD}.strategy`))
  else if (strategy !== 'None' && strategy !== 'Webhook') errors.push(notSupported(`${FIELD}.strategy`, strategy, ['None', 'Webhook']))
  const versions = webhook?.conversionReviewVersions
  if (strategy !== 'Webhook') {
    const why = 'should not be set when strategy is not set to Webhook'
    if (webhook?.clientConfig !== undefined) errors.push(forbidden(`${FIELD}.webhookClientConfig`, why))
    if (versions !== undefined && versions.length > 0) errors.push(forbidden(`${FIELD}.conversionReviewVersions`, why))
    return errors
  }
  if (preserveUnknownFields) errors.push(invalid(`${FIELD}.strategy`, strategy, 'must be None if spec.preserveUnknownFields is true'))
  const client: WebhookClientConfig | undefined = webhook?.clientConfig
  if (client === undefined) errors.push(required(`${FIELD}.webhookClientConfig`, 'required when strategy is set to Webhook'))
  else errors.push(...clientConfigErrors(swapped(client), `${FIELD}.webhookClientConfig`))
  errors.push(...reviewVersionErrors(versions ?? [], `${FIELD}.conversionReviewVersions`, REVIEW_VERSIONS))
  return errors
}

export function reviewVersionErrors(versions: readonly string[], field: string, known: readonly string[]): FieldError[] {
  if (versions.length === 0) return [required(field)]
  const errors: FieldError[] = []
  const seen = new Set<string>()
  for (const [i, version] of versions.entries()) {
    if (seen.has(version)) errors.push(invalid(`${field}[${i}]`, version, 'duplicate version'))
    seen.add(version)
    const wrong = isDNS1035Label(version)
    if (wrong.length > 0) errors.push(invalid(`${field}[${i}]`, version, wrong.join(',')))
  }
  if (!versions.some(version => known.includes(version))) {
    errors.push(invalid(field, versions, `must include at least one of ${known.join(', ')}`))
  }
  return errors
}

/** Upstream takes one for the other when it says which of them is missing. */
function swapped({ url, service }: WebhookClientConfig): WebhookClientConfig {
  return {
    ...(url === undefined ? {} : { url }),
    ...(service === undefined ? {} : { service: { ...service, name: service.namespace, namespace: service.name } }),
  }
}
