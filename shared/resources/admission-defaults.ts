// Defaults that webhooks and admission policies share (pkg/apis/admissionregistration/v1/defaults.go). All in place.
import type {
  MatchResources,
  MutatingWebhook,
  RuleWithOperations,
  ServiceReference,
  ValidatingWebhook,
} from '../api/admissionregistration/v1.ts'

const HTTPS = 443
const SECONDS = 10

export function defaultServicePort(service: { port?: number } | ServiceReference | undefined): void {
  if (service !== undefined) service.port ??= HTTPS
}

function defaultRules(rules: readonly { scope?: string }[] | undefined): void {
  for (const rule of rules ?? []) rule.scope ??= '*'
}

export function defaultWebhook(webhook: ValidatingWebhook | MutatingWebhook): void {
  webhook.failurePolicy ??= 'Fail'
  webhook.matchPolicy ??= 'Equivalent'
  webhook.namespaceSelector ??= {}
  webhook.objectSelector ??= {}
  webhook.timeoutSeconds ??= SECONDS
  defaultRules(webhook.rules as RuleWithOperations[] | undefined)
  defaultServicePort(webhook.clientConfig?.service)
}

export function defaultMatch(match: MatchResources | undefined): void {
  if (match === undefined) return
  match.matchPolicy ??= 'Equivalent'
  match.namespaceSelector ??= {}
  match.objectSelector ??= {}
  defaultRules(match.resourceRules)
  defaultRules(match.excludeResourceRules)
}
