// Checks that many kinds share. Each adds what is wrong to `errors`, worded as upstream words it
// (k8s.io/apimachinery/pkg/util/validation and pkg/apis/core/validation). Absent and zero are the same for what is no pointer in Go.
import { duplicate, type FieldError, forbidden, invalid, notSupported, required, tooLong } from '../../apimachinery/field-error.ts'
import { isDNS1123Label, isDNS1123Subdomain, isLabelKey, isLabelValue, isQualifiedName } from '../../apimachinery/names.ts'
import { equal } from '../../apimachinery/objects.ts'
import { compareQuantities, quantitySign } from '../../apimachinery/quantity.ts'

export type Errors = FieldError[]
export type Labels = Readonly<Record<string, string>> | undefined
export type IntOrString = number | string

export const NOT_NEGATIVE = 'must be greater than or equal to 0'
export const NOT_POSITIVE = 'must be greater than zero'
export const IMMUTABLE = 'field is immutable'
export const MAX_INT32 = 2147483647

export const bytes = (text: string): number => Buffer.byteLength(text)

export const inRange = (low: number, high: number) => `must be between ${low} and ${high}, inclusive`

/** Adds one "Invalid value" for each thing that is wrong with `value`. */
export function addInvalid(messages: readonly string[], field: string, value: unknown, errors: Errors): void {
  for (const message of messages) errors.push(invalid(field, value, message))
}

export function nonNegative(value: number | undefined, field: string, errors: Errors): void {
  if (value !== undefined && value < 0) errors.push(invalid(field, value, NOT_NEGATIVE))
}

export function positive(value: number | undefined, field: string, errors: Errors): void {
  if ((value ?? 0) <= 0) errors.push(invalid(field, value ?? 0, NOT_POSITIVE))
}

/** For values that upstream names as an enumeration: sorted in messages. */
export function oneOf(value: string | undefined, supported: readonly string[], field: string, errors: Errors): void {
  if (!supported.includes(value ?? '')) errors.push(notSupported(field, value ?? '', supported))
}

/** Absent is "Required value", anything else must be supported. */
export function requiredOneOf(value: string | undefined, supported: readonly string[], field: string, errors: Errors): void {
  if (!value) errors.push(required(field))
  else if (!supported.includes(value)) errors.push(notSupported(field, value, supported))
}

export function requireText(value: string | undefined, field: string, errors: Errors): void {
  if (!value) errors.push(required(field))
}

export function immutable(value: unknown, old: unknown, field: string, errors: Errors): void {
  if (!equal(value, old)) errors.push(invalid(field, value, IMMUTABLE))
}

// --- names ---------------------------------------------------------------------------------------------------------------------

export const dnsLabel = (value: string, field: string, errors: Errors): void => addInvalid(isDNS1123Label(value), field, value, errors)

export const dnsSubdomain = (value: string, field: string, errors: Errors): void =>
  addInvalid(isDNS1123Subdomain(value), field, value, errors)

export const qualifiedName = (value: string, field: string, errors: Errors): void =>
  addInvalid(isQualifiedName(value), field, value, errors)

export const labelName = (value: string | undefined, field: string, errors: Errors): void =>
  addInvalid(isLabelKey(value ?? ''), field, value ?? '', errors)

// Labels repeat from object to object; what has been found right once need not be looked at again.
const goodLabels = new Set<string>()

function goodLabel(key: string, value: string): boolean {
  const both = `${key}=${value}`
  if (goodLabels.has(both)) return true
  if (isLabelKey(key).length > 0 || isLabelValue(value).length > 0) return false
  if (goodLabels.size >= 4096) goodLabels.clear()
  goodLabels.add(both)
  return true
}

/** Upstream reports the keys in the order of a Go map; this is the object's own order. */
export function labels(map: Labels, field: string, errors: Errors): void {
  for (const key in map) {
    const value = map[key] as string
    if (goodLabel(key, value)) continue
    labelName(key, field, errors)
    addInvalid(isLabelValue(value), field, value, errors)
  }
}

const MAX_ANNOTATION_BYTES = 256 * 1024

export function annotations(map: Labels, field: string, errors: Errors): void {
  let size = 0
  for (const key in map) {
    addInvalid(isQualifiedName(key.toLowerCase()), field, key, errors)
    size += bytes(key) + bytes(map[key] as string)
  }
  if (size > MAX_ANNOTATION_BYTES) errors.push(tooLong(field, MAX_ANNOTATION_BYTES))
}

/** The end of upstream's sentences about a pattern. */
export function pattern(what: string, regexp: string, ...examples: string[]): string {
  if (examples.length === 0) return `${what} (regex used for validation is '${regexp}')`
  return `${what} (e.g. ${examples.map(example => `'${example}', `).join(' or ')}regex used for validation is '${regexp}')`
}

const dotsError = (value: string): string[] => {
  if (value === '.') return ["must not be '.'"]
  if (value === '..') return ["must not be '..'"]
  return value.startsWith('..') ? ["must not start with '..'"] : []
}

const CONFIG_KEY = '[-._a-zA-Z0-9]+'
const configKeyRegexp = /^[-._a-zA-Z0-9]+$/

/** Keys of ConfigMaps and Secrets. */
export function isConfigMapKey(value: string): string[] {
  const wrong: string[] = []
  if (bytes(value) > 253) wrong.push('must be no more than 253 characters')
  if (!configKeyRegexp.test(value)) {
    const what = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
    wrong.push(pattern(what, CONFIG_KEY, 'key.name', 'KEY_NAME', 'key-name'))
  }
  return [...wrong, ...dotsError(value)]
}

/** Names of environment variables: printable ASCII without "=". */
export function isEnvVarName(value: string): string[] {
  if (value === '') return ['environment variable name must be non-empty']
  if (/^[ -<>-~]+$/.test(value)) return []
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
}

export function isHTTPHeaderName(value: string): string[] {
  if (/^[-A-Za-z0-9]+$/.test(value)) return []
  return [pattern("a valid HTTP header must consist of alphanumeric characters or '-'", '[-A-Za-z0-9]+', 'X-Header-Name')]
}

const UNDERSCORE_LABEL = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?'
const underscoreRegexp = /^_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$/

/** Search paths of resolv.conf. */
export function isSubdomainWithUnderscore(value: string): string[] {
  const wrong: string[] = []
  if (bytes(value) > 253) wrong.push('must be no more than 253 characters')
  if (!underscoreRegexp.test(value)) {
    const what =
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character"
    wrong.push(pattern(what, `${UNDERSCORE_LABEL}(\\.${UNDERSCORE_LABEL})*`, 'example.com'))
  }
  return wrong
}

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const wildcardRegexp = /^\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

export function isWildcardSubdomain(value: string): string[] {
  const wrong: string[] = []
  if (bytes(value) > 253) wrong.push('must be no more than 253 characters')
  if (!wildcardRegexp.test(value)) {
    const what =
      "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
    wrong.push(pattern(what, `\\*\\.${LABEL}(\\.${LABEL})*`, '*.example.com'))
  }
  return wrong
}

export function isCIdentifier(value: string): string[] {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(value)) return []
  const what = "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'"
  return [pattern(what, '[A-Za-z_][A-Za-z0-9_]*', 'my_name', 'MY_NAME', 'MyName')]
}

/** At least three segments: signers, admission webhooks, condition names. */
export function fullyQualifiedName(value: string, field: string, errors: Errors): void {
  if (value === '') {
    errors.push(required(field))
    return
  }
  const wrong = isDNS1123Subdomain(value)
  if (wrong.length > 0) errors.push(invalid(field, value, wrong.join(',')))
  else if (value.split('.').length < 3)
    errors.push(invalid(field, value, 'should be a domain with at least three segments separated by dots'))
}

export function domainPrefixedPath(value: string | undefined, field: string, errors: Errors): void {
  if (!value) {
    errors.push(required(field))
    return
  }
  const slash = value.indexOf('/')
  if (slash <= 0 || slash === value.length - 1) {
    errors.push(invalid(field, value, 'must be a domain-prefixed path (such as "acme.io/foo")'))
    return
  }
  dnsSubdomain(value.slice(0, slash), field, errors)
  const path = value.slice(slash + 1)
  const format = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"
  if (!/^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(path)) errors.push(invalid(field, path, pattern('Invalid path', format)))
}

// --- ports, paths, numbers -----------------------------------------------------------------------------------------------------

const PORT_RANGE = inRange(1, 65535)

export const isPortNumber = (port: number): string[] => (Number.isInteger(port) && port >= 1 && port <= 65535 ? [] : [PORT_RANGE])

export function isPortName(name: string): string[] {
  const wrong: string[] = []
  if (bytes(name) > 15) wrong.push('must be no more than 15 characters')
  if (!/^[-a-z0-9]+$/.test(name)) wrong.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  if (!/[a-z]/.test(name)) wrong.push('must contain at least one letter (a-z)')
  if (name.includes('--')) wrong.push('must not contain consecutive hyphens')
  if (name.startsWith('-') || name.endsWith('-')) wrong.push('must not begin or end with a hyphen')
  return wrong
}

/** An IntOrString that is absent is the number 0, as in Go. */
export function portNumberOrName(port: IntOrString | undefined, field: string, errors: Errors): void {
  if (typeof port === 'string') addInvalid(isPortName(port), field, port, errors)
  else addInvalid(isPortNumber(port ?? 0), field, port ?? 0, errors)
}

/** User and group numbers. */
export function accountId(id: number | undefined, field: string, errors: Errors): void {
  if (id !== undefined && (id < 0 || id > MAX_INT32)) errors.push(invalid(field, id, inRange(0, MAX_INT32)))
}

export const FILE_MODE = 'must be a number between 0 and 0777 (octal), both inclusive'

export function fileMode(mode: number | undefined, field: string, errors: Errors): void {
  if (mode !== undefined && (mode > 0o777 || mode < 0)) errors.push(invalid(field, mode, FILE_MODE))
}

export function noBacksteps(path: string, field: string, errors: Errors): void {
  if (path.includes('..') && path.split('/').includes('..')) errors.push(invalid(field, path, "must not contain '..'"))
}

export function relativePath(path: string, field: string, errors: Errors): void {
  if (path.startsWith('/')) errors.push(invalid(field, path, 'must be a relative path'))
  noBacksteps(path, field, errors)
}

/** Where a volume's file may be put. */
export function volumeFilePath(path: string | undefined, field: string, errors: Errors): void {
  if (path === undefined) return
  relativePath(path, field, errors)
  if (path.startsWith('..') && !path.startsWith('../')) errors.push(invalid(field, path, "must not start with '..'"))
}

const PERCENT = "a valid percent string must be a numeric string followed by an ending '%'"

export function isPercent(text: string): string[] {
  return /^[0-9]+%$/.test(text) ? [] : [pattern(PERCENT, '[0-9]+%', '1%', '93%')]
}

export function intOrPercent(value: IntOrString, field: string, errors: Errors): void {
  if (typeof value === 'string') addInvalid(isPercent(value), field, value, errors)
  else nonNegative(value, field, errors)
}

/** The number of "25%" as 25, of 3 as 3; of text that is neither, 0. */
export const percentOrInt = (value: IntOrString): number => (typeof value === 'number' ? value : Number.parseInt(value, 10) || 0)

export function atMost100Percent(value: IntOrString, field: string, errors: Errors): void {
  if (typeof value === 'string' && isPercent(value).length === 0 && Number.parseInt(value, 10) > 100)
    errors.push(invalid(field, value, 'must not be greater than 100%'))
}

// --- quantities ----------------------------------------------------------------------------------------------------------------

export type Quantity = string | number

export function nonNegativeQuantity(value: Quantity, field: string, errors: Errors): void {
  if (quantitySign(value) < 0) errors.push(invalid(field, String(value), NOT_NEGATIVE))
}

export function positiveQuantity(value: Quantity, field: string, errors: Errors): void {
  if (quantitySign(value) <= 0) errors.push(invalid(field, String(value), NOT_POSITIVE))
}

export const moreThan = (a: Quantity, b: Quantity): boolean => a !== b && compareQuantities(a, b) > 0
export const differs = (a: Quantity, b: Quantity): boolean => a !== b && compareQuantities(a, b) !== 0

// --- lists ---------------------------------------------------------------------------------------------------------------------

/** Says "Duplicate value" for the second and later ones. */
export function unique<T>(
  items: readonly T[] | undefined,
  textOf: (item: T) => string,
  fieldOf: (i: number) => string,
  errors: Errors,
): void {
  const seen = new Set<string>()
  for (const [i, item] of (items ?? []).entries()) {
    const value = textOf(item)
    if (seen.has(value)) errors.push(duplicate(fieldOf(i), value))
    seen.add(value)
  }
}

/** `status` counts may not be negative, nor exceed status.replicas where they are parts of it. */
export function replicaCounts(
  status: Readonly<Record<string, unknown>>,
  counts: readonly string[],
  parts: readonly string[],
  availableText: string,
  errors: Errors,
): void {
  const count = (name: string) => (status[name] as number | undefined) ?? 0
  for (const name of counts) nonNegative(count(name), `status.${name}`, errors)
  for (const name of parts) {
    if (count(name) > count('replicas')) errors.push(invalid(`status.${name}`, count(name), 'cannot be greater than status.replicas'))
  }
  if (count('availableReplicas') > count('readyReplicas'))
    errors.push(invalid('status.availableReplicas', count('availableReplicas'), availableText))
}

/** status.collisionCount only grows. */
export function collisionCount(value: number | undefined, old: number | undefined, errors: Errors): void {
  if (old !== undefined && (value === undefined || value < old))
    errors.push(invalid('status.collisionCount', value ?? 0, 'cannot be decremented'))
}

export { duplicate, forbidden, invalid, notSupported, required, tooLong }
