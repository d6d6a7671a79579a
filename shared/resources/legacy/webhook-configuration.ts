// admissionregistration.k8s.io/v1beta1: webhooks that say little are asked gently, and in the review of their time
// (pkg/apis/admissionregistration/v1beta1/defaults.go).
import type { MutatingWebhook, MutatingWebhookConfiguration } from '../../api/admissionregistration/v1.ts'
import type { VersionDefinition } from '../../apimachinery/resource.ts'
import { defaultWebhook } from '../admission-defaults.ts'
import { deprecated } from './deprecated.ts'

const GROUP = 'admissionregistration.k8s.io'
const SECONDS = 30

function defaults(webhook: MutatingWebhook): void {
  webhook.failurePolicy ??= 'Ignore'
  webhook.matchPolicy ??= 'Exact'
  webhook.sideEffects ??= 'Unknown' as NonNullable<MutatingWebhook['sideEffects']>
  webhook.timeoutSeconds ??= SECONDS
  if ((webhook.admissionReviewVersions ?? []).length === 0) webhook.admissionReviewVersions = ['v1beta1']
  defaultWebhook(webhook)
}

const configuration = (kind: string, each: (webhook: MutatingWebhook) => void): readonly VersionDefinition[] => [
  {
    version: 'v1beta1',
    schema: `io.k8s.api.admissionregistration.v1beta1.${kind}`,
    deprecation: deprecated(`${GROUP}/v1beta1`, kind, '1.16', '1.22', `${GROUP}/v1`),
    defaults(object) {
      for (const webhook of (object as MutatingWebhookConfiguration).webhooks ?? []) each(webhook)
    },
  },
]

export const WEBHOOK_CONFIGURATIONS: Readonly<Record<string, readonly VersionDefinition[]>> = {
  [`${GROUP}/validatingwebhookconfigurations`]: configuration('ValidatingWebhookConfiguration', defaults),
  [`${GROUP}/mutatingwebhookconfigurations`]: configuration('MutatingWebhookConfiguration', webhook => {
    defaults(webhook)
    webhook.reinvocationPolicy ??= 'Never'
  }),
}
