// Questions about rights and identities, asked as objects that are never stored: authentication.k8s.io and authorization.k8s.io.
import type { SelfSubjectReview, TokenReview } from '../api/authentication/v1.ts'
import type {
  LocalSubjectAccessReview,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewStatus,
} from '../api/authorization/v1.ts'
import type { UserInfo } from '../apimachinery/context.ts'
import { type FieldError, invalid } from '../apimachinery/field-error.ts'
import { printedMetadata } from '../apimachinery/metadata.ts'
import { formatTime } from '../apimachinery/objects.ts'
import { defineResource, type ResourceDefinition } from '../apimachinery/resource.ts'
import { badRequest, invalid as invalidObject } from '../apimachinery/status-error.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import type { BearerAuthenticator } from './bearer.ts'
import type { RbacAuthorizer } from './rbac.ts'
import { type Authorizer, InvalidCredentialsError, MASTERS } from './types.ts'

const AUTHENTICATION = 'authentication.k8s.io'
const AUTHORIZATION = 'authorization.k8s.io'

function review<T extends KubeObject>(
  group: string,
  kind: string,
  namespaced: boolean,
  virtual: ResourceDefinition<T>['virtual'],
): ResourceDefinition {
  const singular = kind.toLowerCase()
  return defineResource<T>({
    group,
    resource: `${singular}s`,
    singular,
    kind,
    namespaced,
    verbs: ['create'],
    versions: [{ version: 'v1', storage: true, schema: `io.k8s.api.${group.split('.')[0]}.v1.${kind}` }],
    virtual,
  })
}

export function reviewResources(bearer: BearerAuthenticator, authorizer: Authorizer, rbac: RbacAuthorizer): ResourceDefinition[] {
  const decide = (user: UserInfo, spec: AccessSpec) => decideFor(authorizer, user, spec)
  return [
    review<TokenReview>(AUTHENTICATION, 'TokenReview', false, object => reviewToken(bearer, object)),
    review<SelfSubjectReview>(AUTHENTICATION, 'SelfSubjectReview', false, async (object, { user, now }) => ({
      ...object,
      metadata: { ...object.metadata, creationTimestamp: formatTime(now) },
      status: { userInfo: userInfo(user) },
    })),
    review<SelfSubjectAccessReview>(AUTHORIZATION, 'SelfSubjectAccessReview', false, async (object, { user }) => {
      check([...attributeErrors(object.spec), ...metadataErrors(object)])
      return { ...object, status: await decide(user, object.spec) }
    }),
    review<SubjectAccessReview>(AUTHORIZATION, 'SubjectAccessReview', false, async object => {
      check([...attributeErrors(object.spec), ...subjectErrors(object.spec), ...metadataErrors(object)])
      return { ...object, status: await decide(subjectOf(object.spec), object.spec) }
    }),
    review<LocalSubjectAccessReview>(AUTHORIZATION, 'LocalSubjectAccessReview', true, async object => {
      check([...localErrors(object), ...attributeErrors(object.spec), ...subjectErrors(object.spec), ...metadataErrors(object)])
      return { ...object, status: await decide(subjectOf(object.spec), object.spec) }
    }),
    review<SelfSubjectRulesReview>(AUTHORIZATION, 'SelfSubjectRulesReview', false, (object, { user }) => reviewRules(rbac, object, user)),
  ]
}

function userInfo({ name, uid, groups, extra }: UserInfo) {
  return {
    username: name,
    ...(uid === undefined ? {} : { uid }),
    groups: [...groups],
    ...(extra === undefined ? {} : { extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]])) }),
  }
}

async function reviewToken(bearer: BearerAuthenticator, review: TokenReview): Promise<TokenReview> {
  const { token = '', audiences = [] } = review.spec ?? {}
  if (token === '') throw badRequest('token is required for TokenReview in authentication')
  const wanted = audiences.length > 0 ? audiences : bearer.audiences
  try {
    const found = await bearer.authenticateToken(token, wanted)
    return { ...review, status: { authenticated: true, user: userInfo(found.user), audiences: [...found.audiences] } }
  } catch (error) {
    if (!(error instanceof InvalidCredentialsError)) throw error
    return { ...review, status: { user: {}, error: error.message } }
  }
}

interface AccessSpec {
  readonly resourceAttributes?: ResourceAttributes
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string }
}

type SubjectSpec = NonNullable<SubjectAccessReview['spec']>

const subjectOf = ({ user = '', uid, groups = [], extra }: SubjectSpec): UserInfo => ({ name: user, uid, groups, extra })

async function decideFor(
  authorizer: Authorizer,
  user: UserInfo,
  { resourceAttributes: resource, nonResourceAttributes: path }: AccessSpec,
): Promise<SubjectAccessReviewStatus> {
  if (user.groups.includes(MASTERS)) return { allowed: true }
  const { allowed, reason } = await authorizer.authorize({
    user,
    verb: resource?.verb ?? path?.verb ?? '',
    isResource: resource !== undefined,
    group: resource?.group ?? '',
    version: resource?.version ?? '',
    resource: resource?.resource ?? '',
    subresource: resource?.subresource ?? '',
    namespace: resource?.namespace ?? '',
    name: resource?.name ?? '',
    path: path?.path ?? '',
  })
  return { allowed, ...(reason === undefined ? {} : { reason }) }
}

/** Upstream leaves the kind out of these messages. */
function check(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject(AUTHORIZATION, '', '', errors)
}

function attributeErrors({ resourceAttributes: resource, nonResourceAttributes: path }: AccessSpec): FieldError[] {
  if (resource !== undefined && path !== undefined) {
    return [invalid('spec.nonResourceAttributes', goPath(path), 'cannot be specified in combination with resourceAttributes')]
  }
  if (resource === undefined && path === undefined) {
    return [invalid('spec.resourceAttributes', undefined, 'exactly one of nonResourceAttributes or resourceAttributes must be specified')]
  }
  return resource === undefined ? [] : selectorErrors(resource)
}

function selectorErrors({ fieldSelector, labelSelector }: ResourceAttributes): FieldError[] {
  const errors: FieldError[] = []
  for (const [name, selector] of [
    ['fieldSelector', fieldSelector],
    ['labelSelector', labelSelector],
  ] as const) {
    if (selector === undefined) continue
    const raw = selector.rawSelector ?? ''
    const requirements = selector.requirements ?? []
    const field = `spec.resourceAttributes.${name}`
    if (raw !== '' && requirements.length > 0)
      errors.push(invalid(`${field}.rawSelector`, raw, 'may not specified at the same time as requirements'))
    if (raw === '' && requirements.length === 0)
      errors.push({
        type: 'FieldValueRequired',
        field: `${field}.requirements`,
        message: 'Required value: when fieldSelector is specified, requirements or rawSelector is required',
      })
  }
  return errors
}

const goPath = ({ path, verb }: { readonly path?: string; readonly verb?: string }) => ({ Path: path ?? '', Verb: verb ?? '' })

function subjectErrors({ user = '', groups = [] }: SubjectSpec): FieldError[] {
  return user === '' && groups.length === 0 ? [invalid('spec.user', '', 'at least one of user or group must be specified')] : []
}

/** A question has no name and no labels. */
function metadataErrors({ metadata }: KubeObject): FieldError[] {
  const { namespace: _, managedFields: __, ...rest } = metadata
  return Object.keys(rest).length === 0 ? [] : [invalid('metadata', printedMetadata(metadata), 'must be empty')]
}

function localErrors({ metadata, spec }: LocalSubjectAccessReview): FieldError[] {
  if (spec.nonResourceAttributes !== undefined) {
    return [invalid('spec.nonResourceAttributes', goPath(spec.nonResourceAttributes), 'disallowed on this kind of request')]
  }
  const namespace = spec.resourceAttributes?.namespace ?? ''
  return namespace === metadata?.namespace ? [] : [invalid('spec.resourceAttributes.namespace', namespace, 'must match metadata.namespace')]
}

async function reviewRules(rbac: RbacAuthorizer, review: SelfSubjectRulesReview, user: UserInfo): Promise<SelfSubjectRulesReview> {
  const namespace = review.spec?.namespace ?? ''
  if (namespace === '') throw badRequest('no namespace on request')
  const { rules, errors } = await rbac.rulesFor(user, namespace)
  const resourceRules: NonNullable<SelfSubjectRulesReview['status']>['resourceRules'] = []
  const nonResourceRules: NonNullable<SelfSubjectRulesReview['status']>['nonResourceRules'] = []
  for (const { rule } of rules) {
    const { verbs, apiGroups, resources, resourceNames, nonResourceURLs } = rule
    if (resources?.length) resourceRules.push({ verbs, apiGroups, resources, ...(resourceNames?.length ? { resourceNames } : {}) })
    if (nonResourceURLs?.length) nonResourceRules.push({ verbs, nonResourceURLs })
  }
  const evaluationError = errors.length === 0 ? {} : { evaluationError: errors.join(', ') }
  return { ...review, spec: {}, status: { resourceRules, nonResourceRules, incomplete: errors.length > 0, ...evaluationError } }
}
