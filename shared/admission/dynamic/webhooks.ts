// Admission webhooks (k8s.io/apiserver/pkg/admission/plugin/webhook).
import { randomUUID } from 'node:crypto'
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../../api/admissionregistration/v1.ts'
import type { Attributes } from '../../apimachinery/admission.ts'
import type { Engines } from '../../apimachinery/engines.ts'
import { equal } from '../../apimachinery/objects.ts'
import { StatusError, type StatusReason } from '../../apimachinery/status-error.ts'
import type { KubeObject } from '../../apimachinery/types.ts'
import { callWebhook, WebhookCallError } from '../../apimachinery/webhook-call.ts'
import type { Authorizer } from '../../auth/types.ts'
import { conditionsHold, variablesOf } from './conditions.ts'
import { matches } from './match.ts'
import { admissionRequest } from './request.ts'
import type { Sources } from './sources.ts'

export interface WebhookServices {
  readonly sources: Sources
  readonly authorizer: Authorizer
  readonly engines: Engines
}

interface ReviewResponse {
  readonly uid?: string
  readonly allowed?: boolean
  readonly status?: { readonly message?: string; readonly reason?: string; readonly code?: number }
  readonly patch?: string
  readonly patchType?: string
  readonly warnings?: readonly string[]
}

const internal = (message: string) =>
  new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] })

/** All at once, as upstream: the first refusal in the order of their names is the answer. @throws StatusError */
export async function validateByWebhooks(attributes: Attributes, services: WebhookServices): Promise<void> {
  const hooks = services.sources
    .list<ValidatingWebhookConfiguration>('validatingwebhookconfigurations')
    .flatMap(({ webhooks }) => webhooks ?? [])
  const results = await Promise.allSettled(hooks.map(hook => run(hook, attributes, services)))
  const failed = results.find(result => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

/** One after the other; each sees what those before it made of the object. @throws StatusError */
export async function mutateByWebhooks(attributes: Attributes, services: WebhookServices): Promise<void> {
  const hooks = services.sources
    .list<MutatingWebhookConfiguration>('mutatingwebhookconfigurations')
    .flatMap(({ webhooks }) => webhooks ?? [])
  const seen = new Map<MutatingWebhook, KubeObject>()
  const call = async (hook: MutatingWebhook) => {
    const response = await run(hook, attributes, services)
    if (response === undefined) return
    if (response.patch) patchObject(hook, response, attributes, services.engines)
    seen.set(hook, structuredClone(attributes.object as KubeObject))
  }
  for (const hook of hooks) await call(hook)
  // Once more for those who asked for it, when somebody changed the object after them.
  for (const [hook, object] of [...seen]) {
    if (hook.reinvocationPolicy === 'IfNeeded' && !equal(object, attributes.object)) await call(hook)
  }
}

/** Undefined: it is not for this request, or could not be asked and that does not matter. */
async function run(
  hook: ValidatingWebhook | MutatingWebhook,
  attributes: Attributes,
  services: WebhookServices,
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
      throw internal(`failed calling webhook ${JSON.stringify(hook.name)}: ${holds.message}`)
    }
  }
  try {
    const response = await review(hook, attributes)
    for (const warning of response.warnings ?? []) attributes.context.warn(warning)
    if (response.allowed !== true) throw refusal(hook.name, response)
    return response
  } catch (error) {
    if (!(error instanceof WebhookCallError)) throw error
    if (isIgnored) return undefined
    throw internal(`failed calling webhook ${JSON.stringify(hook.name)}: ${error.message}`)
  }
}

async function review(hook: ValidatingWebhook | MutatingWebhook, attributes: Attributes): Promise<ReviewResponse> {
  const version = hook.admissionReviewVersions?.find(one => one === 'v1' || one === 'v1beta1') ?? 'v1'
  const uid = randomUUID()
  const { object = null, old = null } = attributes
  const body = {
    kind: 'AdmissionReview',
    apiVersion: `admission.k8s.io/${version}`,
    request: { uid, ...admissionRequest(attributes), object, oldObject: old },
  }
  const answer = (await callWebhook(hook.clientConfig, body, hook.timeoutSeconds ?? 10, attributes.context.read)) as {
    response?: ReviewResponse
  }
  const { response } = answer
  if (response === undefined || response === null) throw new WebhookCallError('webhook response was absent')
  if (version === 'v1' && response.uid !== uid)
    throw new WebhookCallError(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`)
  return response
}

function refusal(name: string, { status = {} }: ReviewResponse): StatusError {
  const by = `admission webhook ${JSON.stringify(name)} denied the request`
  const why = status.message || status.reason
  const code = status.code !== undefined && status.code >= 400 ? status.code : 400
  return new StatusError(code, (status.reason ?? '') as StatusReason, why ? `${by}: ${why}` : `${by} without explanation`, undefined)
}

function patchObject(hook: MutatingWebhook, { patch = '', patchType }: ReviewResponse, attributes: Attributes, engines: Engines): void {
  const object = attributes.object as unknown as Record<string, unknown>
  if (patchType !== undefined && patchType !== 'JSONPatch')
    throw internal(`failed calling webhook ${JSON.stringify(hook.name)}: unsupported patch type ${patchType}`)
  let patched: KubeObject
  try {
    const operations = JSON.parse(Buffer.from(patch, 'base64').toString()) as unknown
    const { storage } = attributes.endpoint
    patched = engines.decode(engines.jsonPatch(object, operations), storage.schema).object
    engines.applyDefaults(patched, storage.schema)
    storage.defaults?.(patched)
  } catch (error) {
    throw internal(
      `failed calling webhook ${JSON.stringify(hook.name)}: the patch cannot be applied: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  for (const name of Object.keys(object)) delete object[name]
  Object.assign(object, patched)
}
