import type { ResourceQuota, ResourceQuotaSpec, ScopedResourceSelectorRequirement } from '../api/core/v1.ts'
import { invalid, required } from '../apimachinery/field-error.ts'
import { equal, member } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { age, columns } from './printers/text.ts'
import { collect, keep, statusPart } from './strategy.ts'
import { roundUpToMilli } from './validation/amounts.ts'
import { type Errors, IMMUTABLE, moreThan, type Quantity } from './validation/checks.ts'
import { isStandardQuotaResource, quotaResourceName, resourceAmount } from './validation/resource-names.ts'

type Amounts = Readonly<Record<string, Quantity>> | undefined

const COMPUTE = ['cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory']
/** Which resources each scope may be about. */
const SCOPES: Readonly<Record<string, readonly string[]>> = {
  Terminating: ['pods', ...COMPUTE],
  NotTerminating: ['pods', ...COMPUTE],
  BestEffort: ['pods'],
  NotBestEffort: ['pods', ...COMPUTE],
  PriorityClass: ['pods', ...COMPUTE],
  CrossNamespacePodAffinity: ['pods', ...COMPUTE],
  VolumeAttributesClass: ['persistentvolumeclaims', 'requests.storage'],
}
const ONLY_EXISTS = ['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating', 'CrossNamespacePodAffinity']
const CONFLICTS = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const

function amounts(list: Amounts, field: string, errors: Errors): void {
  for (const name in list) {
    quotaResourceName(name, `${field}[${name}]`, errors)
    resourceAmount(name, list[name] as Quantity, `${field}[${name}]`, errors)
  }
}

/** Resources of the quota that the scope is not for. */
const unsuitable = (scope: string, { hard }: ResourceQuotaSpec) =>
  Object.keys(hard ?? {}).filter(name => isStandardQuotaResource(name) && member(SCOPES, scope)?.includes(name) === false)

function conflicts(scopes: ReadonlySet<string>, spec: ResourceQuotaSpec, field: string, errors: Errors): void {
  for (const [a, b] of CONFLICTS) if (scopes.has(a) && scopes.has(b)) errors.push(invalid(field, spec.scopes ?? null, 'conflicting scopes'))
}

function scopes(spec: ResourceQuotaSpec, errors: Errors): void {
  const list = spec.scopes ?? []
  for (const scope of list) {
    if (member(SCOPES, scope) === undefined) errors.push(invalid('spec.scopes', list, 'unsupported scope'))
    for (const _ of unsuitable(scope, spec)) errors.push(invalid('spec.scopes', list, 'unsupported scope applied to resource'))
  }
  conflicts(new Set(list), spec, 'spec.scopes', errors)
}

const printed = (list: readonly ScopedResourceSelectorRequirement[]) => ({
  MatchExpressions: list.map(({ scopeName, operator, values }) => ({
    ScopeName: scopeName,
    Operator: operator,
    Values: values ?? null,
  })),
})

function scopeSelector(spec: ResourceQuotaSpec, errors: Errors): void {
  if (spec.scopeSelector === undefined) return
  const field = 'spec.scopeSelector.matchExpressions'
  const list = spec.scopeSelector.matchExpressions ?? []
  for (const { scopeName = '', operator = '', values } of list) {
    if (member(SCOPES, scopeName) === undefined) errors.push(invalid(`${field}.scopeName`, scopeName, 'unsupported scope'))
    for (const _ of unsuitable(scopeName, spec)) errors.push(invalid(field, printed(list), 'unsupported scope applied to resource'))
    if (ONLY_EXISTS.includes(scopeName) && operator !== 'Exists') {
      const why =
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
      errors.push(invalid(`${field}.operator`, operator, why))
    }
    if (operator === 'In' || operator === 'NotIn') {
      if (!values?.length)
        errors.push(required(`${field}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values?.length)
        errors.push(invalid(`${field}.values`, values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"))
    } else errors.push(invalid(`${field}.operator`, operator, 'not a valid selector operator'))
  }
  conflicts(new Set(list.map(({ scopeName }) => scopeName)), spec, field, errors)
}

function validate({ spec = {} }: ResourceQuota, errors: Errors): void {
  amounts(spec.hard, 'spec.hard', errors)
  scopes(spec, errors)
  scopeSelector(spec, errors)
}

/** A quota that lets more be asked for than used at most. */
function warnings({ spec }: ResourceQuota): string[] {
  const hard = spec?.hard ?? {}
  const found: string[] = []
  for (const name of ['cpu', 'memory', 'storage', 'ephemeral-storage']) {
    let requestName = `requests.${name}`
    if (hard[requestName] === undefined && (name === 'cpu' || name === 'memory')) requestName = name
    const request = hard[requestName]
    const limit = hard[`limits.${name}`]
    if (request !== undefined && limit !== undefined && moreThan(request, limit))
      found.push(`ResourceQuota ${requestName} (${request}) should be less than limits.${name} (${limit})`)
  }
  return found
}

function usage({ status }: ResourceQuota, ofLimits: boolean): string {
  return Object.keys(status?.hard ?? {})
    .filter(name => name.startsWith('limits.') === ofLimits)
    .sort()
    .map(name => `${name}: ${status?.used?.[name] ?? '0'}/${status?.hard?.[name]}`)
    .join(', ')
}

export default defineResource<ResourceQuota>({
  group: '',
  resource: 'resourcequotas',
  singular: 'resourcequota',
  kind: 'ResourceQuota',
  namespaced: true,
  shortNames: ['quota'],
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.core.v1.ResourceQuota',
      defaults(object) {
        const { spec, status } = object as ResourceQuota
        for (const list of [spec?.hard, status?.hard, status?.used]) roundUpToMilli(list)
      },
    },
  ],
  prepareForCreate(quota) {
    quota.status = {}
  },
  prepareForUpdate: (quota, old) => keep(quota, old, 'status'),
  validate: quota => collect(errors => validate(quota, errors)),
  validateUpdate: (quota, old) =>
    collect(errors => {
      validate(quota, errors)
      const sorted = ({ spec }: ResourceQuota) => [...new Set(spec?.scopes)].sort()
      if (!equal(sorted(quota), sorted(old))) errors.push(invalid('spec.scopes', quota.spec?.scopes ?? null, IMMUTABLE))
    }),
  warnings: (quota, old) => (old === undefined ? warnings(quota) : []),
  deletion: { returnsObject: true },
  parts: {
    status: statusPart<ResourceQuota>({
      check({ status }, _, errors) {
        amounts(status?.hard, 'status.hard', errors)
        amounts(status?.used, 'status.used', errors)
      },
    }),
  },
  columns: columns('Name, Request, Limit, Age'),
  cells: (quota, now) => [quota.metadata.name, usage(quota, false), usage(quota, true), age(quota, now)],
})
