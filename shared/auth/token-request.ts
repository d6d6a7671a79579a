// POST serviceaccounts/token: a token of the account, for the audiences, the time and the object that are asked for.
import type { Node, Pod, Secret, ServiceAccount } from '../api/core/v1.ts'
import type { RequestContext } from '../apimachinery/context.ts'
import { invalid } from '../apimachinery/field-error.ts'
import { formatTime, member } from '../apimachinery/objects.ts'
import type { ActionCall } from '../apimachinery/resource.ts'
import * as status from '../apimachinery/status-error.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { legacyClaims } from './legacy-tokens.ts'
import type { ServiceAccountTokens, TokenBinding } from './service-account-tokens.ts'
import { DEFAULT_SECONDS, TOKEN_REQUEST } from './token-action.ts'
import { SYSTEM } from './types.ts'

const GROUP = TOKEN_REQUEST.group
const MIN_SECONDS = 600
const MAX_SECONDS = 2 ** 32
/** What old clients ask for when they do not renew: their token lives a year, and says when it should have been renewed. */
const LEGACY_SECONDS = 3607
const YEAR = 365 * 24 * 3600

export interface TokenRequestBody extends KubeObject {
  spec?: {
    audiences?: string[]
    expirationSeconds?: number
    boundObjectRef?: { kind?: string; apiVersion?: string; name?: string; uid?: string } | null
  }
}

export async function issueToken(
  tokens: ServiceAccountTokens,
  { namespace, name }: ActionCall,
  request: TokenRequestBody,
  context: RequestContext,
): Promise<KubeObject> {
  const account = await context.read.get<ServiceAccount>({ group: '', resource: 'serviceaccounts' }, namespace, name)
  if (account === undefined) throw status.notFound({ group: '', resource: 'serviceaccounts' }, name)
  const { metadata } = request
  if (metadata.name && metadata.name !== name) {
    throw status.invalid(GROUP, TOKEN_REQUEST.kind, name, [
      invalid('metadata.name', metadata.name, 'must match the service account name if specified'),
    ])
  }
  if (metadata.namespace && metadata.namespace !== namespace) {
    throw status.badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  const audiences = request.spec?.audiences?.length ? request.spec.audiences : [tokens.issuer]
  const seconds = request.spec?.expirationSeconds ?? DEFAULT_SECONDS
  checkLifetime(seconds)
  const bound = await bindingOf(request, namespace, name, context)
  const uid = account.metadata.uid ?? ''
  const answer = (token: string): KubeObject =>
    ({
      apiVersion: `${GROUP}/v1`,
      kind: TOKEN_REQUEST.kind,
      metadata: { name, namespace, uid, creationTimestamp: formatTime(context.now), managedFields: metadata.managedFields },
      spec: { audiences, expirationSeconds: seconds, boundObjectRef: request.spec?.boundObjectRef ?? null },
      status: { token, expirationTimestamp: formatTime(context.now + seconds * 1000) },
    }) as KubeObject
  // The controller that fills Secrets with tokens: these are of the older form, which is known by its Secret and has no end.
  if (bound?.kind === 'Secret' && context.user.name === SYSTEM.name)
    return answer(tokens.sign(legacyClaims({ namespace, name, uid, secret: bound.name })))
  const extended = seconds === LEGACY_SECONDS && bound?.kind === 'Pod' && audiences.every(audience => audience === tokens.issuer)
  return answer(
    tokens.issue({
      namespace,
      name,
      uid,
      audiences,
      lifetime: extended ? YEAR : seconds,
      warnAfter: extended ? seconds : undefined,
      bound,
    }),
  )
}

function checkLifetime(seconds: number): void {
  const refuse = (why: string) => status.invalid(GROUP, TOKEN_REQUEST.kind, '', [invalid('spec.expirationSeconds', seconds, why)])
  if (seconds < MIN_SECONDS) throw refuse('may not specify a duration less than 10 minutes')
  if (seconds > MAX_SECONDS) throw refuse('may not specify a duration larger than 2^32 seconds')
}

const RESOURCES: Readonly<Record<string, string>> = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' }

async function bindingOf(
  request: TokenRequestBody,
  namespace: string,
  account: string,
  context: RequestContext,
): Promise<TokenBinding | undefined> {
  const reference = request.spec?.boundObjectRef
  if (reference === undefined || reference === null) return undefined
  const { kind = '', apiVersion = '', name = '', uid } = reference
  const resource = apiVersion === 'v1' ? member(RESOURCES, kind) : undefined
  if (resource === undefined) {
    const group = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`
    throw status.badRequest(`cannot bind token to object of type ${group}, Kind=${kind}`)
  }
  if (name === '') throw status.badRequest('Name parameter required.')
  const object = await context.read.get<Pod | Secret | Node>({ group: '', resource }, kind === 'Node' ? undefined : namespace, name)
  if (object === undefined) throw status.notFound({ group: '', resource }, name)
  if (uid && uid !== object.metadata.uid) {
    throw status.conflict(
      { group: '', resource: kind },
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    )
  }
  const binding: TokenBinding = { kind: kind as TokenBinding['kind'], name, uid: object.metadata.uid ?? '' }
  return kind === 'Pod' ? podBinding(binding, object as Pod, account, context) : binding
}

async function podBinding(binding: TokenBinding, { spec }: Pod, account: string, context: RequestContext): Promise<TokenBinding> {
  if (spec?.serviceAccountName !== account) {
    throw status.badRequest(
      `cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`,
    )
  }
  if (!spec.nodeName) return binding
  const node = await context.read.get<Node>({ group: '', resource: 'nodes' }, undefined, spec.nodeName)
  return { ...binding, node: { name: spec.nodeName, ...(node === undefined ? {} : { uid: node.metadata.uid }) } }
}
