// Names of compute resources and quota resources, and amounts of them (pkg/apis/core/helper, pkg/apis/core/validation).

import type { ResourceRequirements } from '../../api/core/v1.ts'
import { forbidden, invalid, notFound, notSupported, required } from '../../apimachinery/field-error.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { parseQuantity, quantityMilliValue, quantityValue } from '../../apimachinery/quantity.ts'
import { addInvalid, differs, dnsLabel, duplicate, type Errors, moreThan, nonNegativeQuantity, type Quantity } from './checks.ts'

const QUOTA_ONLY = ['pods', 'resourcequotas', 'services', 'replicationcontrollers', 'secrets', 'persistentvolumeclaims', 'configmaps']
const COUNTED = new Set([...QUOTA_ONLY, 'services.nodeports', 'services.loadbalancers'])
const CONTAINER = new Set(['cpu', 'memory', 'ephemeral-storage'])
const SPLIT = ['cpu', 'memory', 'ephemeral-storage'].flatMap(name => [`requests.${name}`, `limits.${name}`])
const QUOTA = new Set([...CONTAINER, ...SPLIT, ...COUNTED, 'requests.storage'])

export const isHugePage = (name: string): boolean => name.startsWith('hugepages-')
const isQuotaHugePage = (name: string) => isHugePage(name) || name.startsWith('requests.hugepages-')
export const isStandardQuotaResource = (name: string): boolean => QUOTA.has(name) || isQuotaHugePage(name)
const isStandardResource = (name: string) => name === 'storage' || isStandardQuotaResource(name)

/** No prefix, or one of kubernetes.io. */
export const isNativeResource = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/')

export const isExtendedResource = (name: string): boolean =>
  !isNativeResource(name) && !name.startsWith('requests.') && isQualifiedName(`requests.${name}`).length === 0

export const isOvercommitAllowed = (name: string): boolean => isNativeResource(name) && !isHugePage(name)

export function resourceName(name: string, field: string, errors: Errors): void {
  const wrong = isQualifiedName(name)
  addInvalid(wrong, field, name, errors)
  if (wrong.length === 0 && !name.includes('/') && !isStandardResource(name))
    errors.push(invalid(field, name, 'must be a standard resource type or fully qualified'))
}

export function containerResourceName(name: string, field: string, errors: Errors): void {
  if (CONTAINER.has(name)) return
  resourceName(name, field, errors)
  if (!name.includes('/')) {
    if (!isHugePage(name)) errors.push(invalid(field, name, 'must be a standard resource for containers'))
  } else if (!isNativeResource(name) && !isExtendedResource(name))
    errors.push(invalid(field, name, "doesn't follow extended resource name standard"))
}

/** Resources that may be asked for a pod as a whole. */
export const isPodLevelResource = (name: string): boolean => name === 'cpu' || name === 'memory' || isHugePage(name)

function podResourceName(name: string, field: string, errors: Errors): void {
  const before = errors.length
  resourceName(name, field, errors)
  if (errors.length === before && !isPodLevelResource(name)) errors.push(notSupported(field, name, ['cpu', 'hugepages-', 'memory']))
}

export function quotaResourceName(name: string, field: string, errors: Errors): void {
  resourceName(name, field, errors)
  if (!name.includes('/') && !isStandardQuotaResource(name)) errors.push(invalid(field, name, 'must be a standard resource for quota'))
}

/** Not negative, and whole where the resource is counted. */
export function resourceAmount(name: string, value: Quantity, field: string, errors: Errors): void {
  nonNegativeQuantity(value, field, errors)
  if ((COUNTED.has(name) || isExtendedResource(name)) && quantityMilliValue(value) % 1000 !== 0)
    errors.push(invalid(field, String(value), 'must be an integer'))
}

function hugePageAmount(name: string, value: Quantity, field: string, errors: Errors): void {
  let divisible = false
  try {
    const size = parseQuantity(name.slice('hugepages-'.length))
    divisible = quantityValue(size) > 0 && quantityMilliValue(size) % 1000 === 0 && quantityValue(value) % quantityValue(size) === 0
  } catch {
    // The name carries no page size.
  }
  if (!divisible) errors.push(invalid(field, String(value), `${value} is not positive integer multiple of ${name}`))
}

const isComputeResource = (name: string) => name === 'cpu' || name === 'memory'

/** `podClaims` are the names of spec.resourceClaims. */
export function resourceRequirements(
  requirements: ResourceRequirements | undefined,
  podClaims: ReadonlySet<string>,
  field: string,
  errors: Errors,
  podLevel = false,
): void {
  if (requirements === undefined) return
  const { limits = {}, requests = {}, claims } = requirements
  const checkName = podLevel ? podResourceName : containerResourceName
  let compute = false
  let hugePages = false
  const amount = (name: string, value: Quantity, at: string) => {
    resourceAmount(name, value, at, errors)
    if (isComputeResource(name)) compute = true
  }
  const huge = (name: string, value: Quantity, at: string) => {
    if (!isHugePage(name)) return
    hugePages = true
    hugePageAmount(name, value, at, errors)
  }
  for (const name in limits) {
    const at = `${field}.limits[${name}]`
    const value = limits[name] as Quantity
    checkName(name, at, errors)
    amount(name, value, at)
    huge(name, value, at)
  }
  for (const name in requests) {
    const at = `${field}.requests[${name}]`
    const value = requests[name] as Quantity
    const limit = limits[name]
    checkName(name, at, errors)
    amount(name, value, at)
    if (limit === undefined) {
      if (!isOvercommitAllowed(name)) errors.push(required(`${field}.limits`, 'Limit must be set for non overcommitable resources'))
    } else if (!isOvercommitAllowed(name) && differs(value, limit))
      errors.push(invalid(`${field}.requests`, String(value), `must be equal to ${name} limit of ${limit}`))
    else if (moreThan(value, limit))
      errors.push(invalid(`${field}.requests`, String(value), `must be less than or equal to ${name} limit of ${limit}`))
    huge(name, value, at)
  }
  if (hugePages && !compute) errors.push(forbidden(field, 'HugePages require cpu or memory'))
  if (claims !== undefined) resourceClaimNames(claims, podClaims, `${field}.claims`, errors)
}

function resourceClaimNames(
  claims: NonNullable<ResourceRequirements['claims']>,
  podClaims: ReadonlySet<string>,
  field: string,
  errors: Errors,
): void {
  const seen = new Set<string>()
  for (const [i, { name, request }] of claims.entries()) {
    const at = `${field}[${i}]`
    if (!name) {
      errors.push(required(at))
      continue
    }
    if (seen.has(name)) errors.push(duplicate(at, name))
    else {
      const key = request ? `${name}/${request}` : name
      if (request) dnsLabel(request, `${at}.request`, errors)
      if (seen.has(key)) errors.push(duplicate(at, key))
      // A claim as a whole contains the requests of it that were named before.
      else if (!request) for (const other of seen) if (other.startsWith(`${name}/`)) errors.push(duplicate(at, name))
      seen.add(key)
    }
    if (!podClaims.has(name)) {
      const which = podClaims.size === 0 ? ' which is empty' : `: ${[...podClaims].sort().join(', ')}`
      errors.push(notFound(at, name, `must be one of the names in pod.spec.resourceClaims${which}`))
    }
  }
}
