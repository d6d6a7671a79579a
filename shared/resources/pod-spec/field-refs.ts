// References to a pod's own fields and resources, in environment variables and downwardAPI volumes.
import type { ObjectFieldSelector, ResourceFieldSelector } from '../../api/core/v1.ts'
import { invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { quantitySign } from '../../apimachinery/quantity.ts'
import { type Errors, qualifiedName } from '../validation/checks.ts'

/** Sorted, as messages list them. */
export const VOLUME_FIELDS = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid']
export const ENV_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]
/** Known as field labels of pods; which of them may be used depends on where. */
const KNOWN = new Set([...VOLUME_FIELDS, ...ENV_FIELDS, 'spec.restartPolicy', 'spec.schedulerName', 'status.phase'])

export function fieldSelector(selector: ObjectFieldSelector, allowed: readonly string[], field: string, errors: Errors): void {
  if (!selector.apiVersion) {
    errors.push(required(`${field}.apiVersion`))
    return
  }
  const path = selector.fieldPath
  if (!path) {
    errors.push(required(`${field}.fieldPath`))
    return
  }
  const subscript = /^([^[]*)\['(.*)'\]$/s.exec(path)
  const problem = conversionProblem(selector.apiVersion, path, subscript?.[1])
  if (problem !== undefined) {
    errors.push(invalid(`${field}.fieldPath`, path, `error converting fieldPath: ${problem}`))
    return
  }
  if (subscript !== null) {
    const key = subscript[2] as string
    qualifiedName(subscript[1] === 'metadata.annotations' ? key.toLowerCase() : key, field, errors)
    return
  }
  const known = path === 'spec.host' ? 'spec.nodeName' : path
  if (!allowed.includes(known)) errors.push(notSupported(`${field}.fieldPath`, known, allowed))
}

function conversionProblem(apiVersion: string, path: string, subscripted: string | undefined): string | undefined {
  if (apiVersion !== 'v1') return `unsupported pod version: ${apiVersion}`
  if (subscripted !== undefined)
    return subscripted === 'metadata.annotations' || subscripted === 'metadata.labels'
      ? undefined
      : `field label does not support subscript: ${path}`
  return KNOWN.has(path) || path === 'spec.host' ? undefined : `field label not supported: ${path}`
}

const RESOURCES = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
]
const isHugePages = (resource: string) => resource.startsWith('limits.hugepages-') || resource.startsWith('requests.hugepages-')

const SIZES = '1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei'
const SIZE_DIVISORS = new Set(SIZES.split(', '))

/** In a volume the container must be named. */
export function resourceFieldSelector(selector: ResourceFieldSelector, field: string, errors: Errors, inVolume: boolean): void {
  const resource = selector.resource ?? ''
  if (inVolume && !selector.containerName) errors.push(required(`${field}.containerName`))
  else if (resource === '') errors.push(required(`${field}.resource`))
  else if (!RESOURCES.includes(resource) && !isHugePages(resource)) errors.push(notSupported(`${field}.resource`, resource, RESOURCES))
  const divisor = selector.divisor
  if (divisor === undefined || quantitySign(divisor) === 0) return
  const wrong = divisorProblem(resource, String(divisor))
  if (wrong !== undefined) errors.push(invalid(`${field}.divisor`, resource, wrong))
}

function divisorProblem(resource: string, divisor: string): string | undefined {
  const what = resource.slice(resource.indexOf('.') + 1)
  if (what === 'cpu' && RESOURCES.includes(resource))
    return divisor === '1m' || divisor === '1' ? undefined : "only divisor's values 1m and 1 are supported with the cpu resource"
  const name =
    what === 'memory'
      ? 'memory'
      : what === 'ephemeral-storage'
        ? 'local ephemeral storage'
        : isHugePages(resource)
          ? 'hugepages'
          : undefined
  if (name === undefined || SIZE_DIVISORS.has(divisor)) return undefined
  return `only divisor's values ${SIZES} are supported with the ${name} resource`
}
