// Webhook configurations.
import type { MutatingWebhook, ValidatingWebhook } from '../../api/admissionregistration/v1.ts'
import { duplicate, type FieldError, invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { isDNS1123Subdomain } from '../../apimachinery/names.ts'
import { reviewVersionErrors } from '../custom-resource-definition/conversion.ts'
import { labelSelector } from '../validation/label-selector.ts'
import { clientConfigErrors } from '../validation/webhook-client.ts'
import { admissionEnvironment } from './expressions.ts'
import { conditionErrors, ruleErrors } from './rules.ts'

const KNOWN_VERSIONS = ['v1', 'v1beta1']
const EFFECTS = ['None', 'NoneOnDryRun']
const ALL_EFFECTS = [...EFFECTS, 'Some', 'Unknown']

interface Configuration {
  readonly webhooks?: readonly (ValidatingWebhook | MutatingWebhook)[]
}

/** v1beta1 took more, and what it took may stay. `apiVersion`: that of the request. */
export function webhookErrors({ webhooks = [] }: Configuration, apiVersion?: string, old: Configuration = {}): FieldError[] {
  const isBeta = apiVersion?.endsWith('/v1beta1') ?? false
  const hadEffects = (old.webhooks ?? []).some(({ sideEffects }) => sideEffects !== undefined && !EFFECTS.includes(sideEffects))
  const effects = isBeta || hadEffects ? ALL_EFFECTS : EFFECTS
  const seen = new Set<string>()
  return webhooks.flatMap((hook, i) => {
    const at = `webhooks[${i}]`
    const errors = oneErrors(hook, at, effects)
    if (seen.has(hook.name) && !isBeta) errors.push(duplicate(`${at}.name`, hook.name))
    seen.add(hook.name)
    return errors
  })
}

function oneErrors(hook: ValidatingWebhook | MutatingWebhook, at: string, effects: readonly string[]): FieldError[] {
  const errors: FieldError[] = []
  const oneOf = (value: string | undefined, name: string, values: readonly string[]) => {
    if (value !== undefined && !values.includes(value)) errors.push(notSupported(`${at}.${name}`, value, values))
  }
  errors.push(...nameErrors(hook.name, `${at}.name`))
  for (const [i, rule] of (hook.rules ?? []).entries()) errors.push(...ruleErrors(rule, `${at}.rules[${i}]`, true))
  oneOf(hook.failurePolicy, 'failurePolicy', ['Fail', 'Ignore'])
  oneOf(hook.matchPolicy, 'matchPolicy', ['Equivalent', 'Exact'])
  if (hook.sideEffects === undefined || (hook.sideEffects as string) === '') {
    errors.push(required(`${at}.sideEffects`, `must specify one of ${effects.join(', ')}`))
  } else oneOf(hook.sideEffects, 'sideEffects', effects)
  const { timeoutSeconds, namespaceSelector, objectSelector, clientConfig } = hook
  if (timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > 30)) {
    errors.push(invalid(`${at}.timeoutSeconds`, timeoutSeconds, 'the timeout value must be between 1 and 30 seconds'))
  }
  if (namespaceSelector !== undefined) labelSelector(namespaceSelector, `${at}.namespaceSelector`, errors)
  if (objectSelector !== undefined) labelSelector(objectSelector, `${at}.objectSelector`, errors)
  errors.push(...clientConfigErrors(clientConfig ?? {}, `${at}.clientConfig`))
  const versions = hook.admissionReviewVersions ?? []
  const field = `${at}.admissionReviewVersions`
  if (versions.length === 0) errors.push(required(field, `must specify one of ${KNOWN_VERSIONS.join(', ')}`))
  else errors.push(...reviewVersionErrors(versions, field, KNOWN_VERSIONS))
  errors.push(...conditionErrors(hook.matchConditions, `${at}.matchConditions`, admissionEnvironment({ hasParams: false })))
  if ('reinvocationPolicy' in hook) oneOf(hook.reinvocationPolicy, 'reinvocationPolicy', ['IfNeeded', 'Never'])
  return errors
}

function nameErrors(name: string | undefined, field: string): FieldError[] {
  if (!name) return [required(field)]
  const wrong = isDNS1123Subdomain(name).map(why => invalid(field, name, why))
  if (wrong.length > 0 || name.split('.').length >= 3) return wrong
  return [invalid(field, name, 'should be a domain with at least three segments separated by dots')]
}
