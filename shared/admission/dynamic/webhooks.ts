// Admission webhooks (k8s.io/apiserver/pkg/admission/plugin/webhook).
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../../api/admissionregistration/v1.ts'
import type { Attributes } from '../../apimachinery/admission.ts'
import type { Engines } from '../../apimachinery/engines.ts'
import { badRequest, forbidden, StatusError, type StatusReason } from '../../apimachinery/status-error.ts'
import { WebhookCallError } from '../../apimachinery/webhook-call.ts'
import { conditionsHold, variablesOf } from './conditions.ts'
import { matches } from './match.ts'
import { Round } from './reinvocation.ts'
import { decodePatched, replaceObject } from './replace.ts'
import { type ReviewResponse, review } from './review.ts'
import type { DynamicServices } from './services.ts'

const internal = (message: string) =>
  new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] })

/** All at once, as upstream: the first refusal in the order of their names is the answer. @throws StatusError */
export async function validateByWebhooks(attributes: Attributes, services: DynamicServices): Promise<void> {
  const hooks = services.sources
    .list<ValidatingWebhookConfiguration>('validatingwebhookconfigurations')
    .flatMap(({ webhooks }) => webhooks ?? [])
  const results = await Promise.allSettled(hooks.map(hook => run(hook, attributes, services, false)))
  const failed = results.find(result => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

const PLUGIN = 'MutatingAdmissionWebhook'

/** One after the other; each sees what those before it made of the object. @throws StatusError */
export async function mutateByWebhooks(attributes: Attributes, services: DynamicServices): Promise<void> {
  const round = new Round(PLUGIN, attributes)
  for (const { metadata, webhooks } of services.sources.list<MutatingWebhookConfiguration>('mutatingwebhookconfigurations')) {
    for (const [i, hook] of (webhooks ?? []).entries()) {
      const key = `${metadata.name}/${hook.name}/${i}`
      if (!round.calls(key)) continue
      const response = await run(hook, attributes, services, true)
      if (response === undefined) continue
      const changed = response.patch ? patchObject(hook, response, attributes, services.engines) : false
      round.called(key, { changed, ifNeeded: hook.reinvocationPolicy === 'IfNeeded' })
    }
  }
  round.end(attributes)
}

/** Undefined: it is not for this request, or could not be asked and that does not matter. */
async function run(
  hook: ValidatingWebhook | MutatingWebhook,
  attributes: Attributes,
  services: DynamicServices,
  isMutating: boolean,
): Promise<ReviewResponse | undefined> {
  const { namespaceSelector, objectSelector, matchPolicy, rules = [] } = hook
  const selecting = {
    rules,
    ...(namespaceSelector === undefined ? {} : { namespaceSelector }),
    ...(objectSelector === undefined ? {} : { objectSelector }),
    ...(matchPolicy === undefined ? {} : { matchPolicy }),
  }
  if (!(await matches(selecting, attributes))) return undefined
  const isIgnored = hook.failurePolicy === 'Ignore'
  if (hook.matchConditions !== undefined && hook.matchConditions.length > 0) {
    const holds = await conditionsHold(hook.matchConditions, await variablesOf(attributes, services.authorizer))
    if (holds === false) return undefined
    if (holds !== true) {
      if (isIgnored) return undefined
      throw forbidden(attributes.endpoint.collection, attributes.name, holds.message)
    }
  }
  if (attributes.context.dryRun && hook.sideEffects !== 'None' && hook.sideEffects !== 'NoneOnDryRun')
    throw badRequest(`admission webhook ${JSON.stringify(hook.name)} does not support dry run`)
  try {
    const response = await review(hook, attributes, isMutating)
    for (const warning of response.warnings ?? []) attributes.context.warn(warning)
    if (response.allowed !== true) throw refusal(hook.name, response)
    return response
  } catch (error) {
    if (!(error instanceof WebhookCallError)) throw error
    if (isIgnored) return undefined
    throw internal(`failed calling webhook ${JSON.stringify(hook.name)}: ${error.message}`)
  }
}

function refusal(name: string, { status = {} }: ReviewResponse): StatusError {
  const by = `admission webhook ${JSON.stringify(name)} denied the request`
  const why = status.message || status.reason
  const code = status.code !== undefined && status.code >= 400 ? status.code : 400
  return new StatusError(code, (status.reason ?? '') as StatusReason, why ? `${by}: ${why}` : `${by} without explanation`, undefined)
}

/** Answers whether the object is another one now. @throws StatusError */
function patchObject(hook: MutatingWebhook, { patch = '', patchType }: ReviewResponse, attributes: Attributes, engines: Engines): boolean {
  if (patchType !== 'JSONPatch')
    throw internal(`failed calling webhook ${JSON.stringify(hook.name)}: unsupported patch type ${JSON.stringify(patchType ?? '')}`)
  try {
    const operations = JSON.parse(Buffer.from(patch, 'base64').toString()) as unknown
    const { object } = decodePatched(engines.jsonPatch(attributes.object, operations), attributes, engines)
    return replaceObject(attributes, object)
  } catch (error) {
    throw internal(
      `failed calling webhook ${JSON.stringify(hook.name)}: the patch cannot be applied: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}
