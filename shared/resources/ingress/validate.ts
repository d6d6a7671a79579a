// What an Ingress may say (pkg/apis/networking/validation).
import type { HTTPIngressPath, Ingress, IngressBackend, IngressRule, IngressSpec } from '../../api/networking/v1.ts'
import { invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { isDNS1123Label, isDNS1123Subdomain } from '../../apimachinery/names.ts'
import { addInvalid, type Errors, isPortName, isPortNumber, isWildcardSubdomain } from '../validation/checks.ts'
import { parseIP, validIP } from '../validation/ip.ts'
import { typedReference } from '../validation/references.ts'

export const OLD_CLASS = 'kubernetes.io/ingress.class'

const NOT_ADDRESS = 'must be a DNS name, not an IP address'
const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix']
const NOT_IN_PATHS = ['//', '/./', '/../', '%2f', '%2F']
const NOT_AT_ENDS = ['/..', '/.']

/** What was wrong before may stay so. */
interface Options {
  readonly anySecret: boolean
  readonly anyWildcardRule: boolean
}

const specOf = ({ spec }: Ingress) => spec ?? {}

export function validateIngressCreate(ingress: Ingress, errors: Errors): void {
  validateSpec(specOf(ingress), { anySecret: false, anyWildcardRule: false }, errors)
  const annotation = ingress.metadata.annotations?.[OLD_CLASS]
  const { ingressClassName } = specOf(ingress)
  if (annotation !== undefined && ingressClassName !== undefined && annotation !== ingressClassName)
    errors.push(invalid(`annotations.${OLD_CLASS}`, annotation, 'must match `ingressClassName` when both are specified'))
}

export function validateIngressUpdate(ingress: Ingress, old: Ingress, errors: Errors): void {
  const { tls = [], rules = [] } = specOf(old)
  const isWrong = (rule: IngressRule) => {
    const found: Errors = []
    ruleValue(rule, '', found)
    return found.length > 0
  }
  const options = {
    anySecret: tls.some(({ secretName }) => secretName && isDNS1123Subdomain(secretName).length > 0),
    anyWildcardRule: rules.some(rule => rule.host?.includes('*') && isWrong(rule)),
  }
  validateSpec(specOf(ingress), options, errors)
}

function validateSpec(spec: IngressSpec, options: Options, errors: Errors): void {
  const { rules = [], defaultBackend, ingressClassName } = spec
  if (rules.length === 0 && defaultBackend === undefined)
    errors.push(invalid('spec', spec.rules ?? null, 'either `defaultBackend` or `rules` must be specified'))
  if (defaultBackend !== undefined) backend(defaultBackend, 'spec.defaultBackend', errors)
  for (const [i, rule] of rules.entries()) {
    const at = `spec.rules[${i}]`
    const host = rule.host ?? ''
    if (parseIP(host) !== undefined) errors.push(invalid(`${at}.host`, host, NOT_ADDRESS))
    if (host !== '') hostName(host, `${at}.host`, errors)
    if (!host.includes('*') || !options.anyWildcardRule) ruleValue(rule, at, errors)
  }
  for (const [i, { hosts = [], secretName }] of (spec.tls ?? []).entries()) {
    for (const [j, host] of hosts.entries()) hostName(host, `spec.tls[${i}].hosts[${j}]`, errors)
    if (secretName && !options.anySecret) addInvalid(isDNS1123Subdomain(secretName), `spec.tls[${i}].secretName`, secretName, errors)
  }
  if (ingressClassName !== undefined) addInvalid(isDNS1123Subdomain(ingressClassName), 'spec.ingressClassName', ingressClassName, errors)
}

function hostName(host: string, field: string, errors: Errors): void {
  addInvalid(host.includes('*') ? isWildcardSubdomain(host) : isDNS1123Subdomain(host), field, host, errors)
}

function ruleValue({ http }: IngressRule, at: string, errors: Errors): void {
  if (http === undefined) return
  if (!http.paths?.length) errors.push(required(`${at}.http.paths`))
  for (const [i, path] of (http.paths ?? []).entries()) httpPath(path, `${at}.http.paths[${i}]`, errors)
}

function httpPath({ path = '', pathType, backend: target }: HTTPIngressPath, at: string, errors: Errors): void {
  if (pathType === undefined) {
    errors.push(required(`${at}.pathType`, 'pathType must be specified'))
    return
  }
  const wrong = (why: string) => errors.push(invalid(`${at}.path`, path, why))
  if (pathType === 'Exact' || pathType === 'Prefix') {
    if (!path.startsWith('/')) wrong('must be an absolute path')
    for (const text of NOT_IN_PATHS) if (path.includes(text)) wrong(`must not contain '${text}'`)
    for (const text of NOT_AT_ENDS) if (path.endsWith(text)) wrong(`cannot end with '${text}'`)
  } else if (pathType === 'ImplementationSpecific') {
    if (path !== '' && !path.startsWith('/')) wrong('must be an absolute path')
  } else errors.push(notSupported(`${at}.pathType`, pathType, PATH_TYPES))
  backend(target ?? {}, `${at}.backend`, errors)
}

function backend({ service, resource }: IngressBackend, field: string, errors: Errors): void {
  const wrong = (why: string) => errors.push(invalid(field, '', why))
  if (resource !== undefined && service !== undefined) wrong('cannot set both resource and service backends')
  else if (resource !== undefined) typedReference(resource, `${field}.resource`, errors)
  else if (service === undefined) wrong('resource or service backend is required')
  else {
    if (!service.name) errors.push(required(`${field}.service.name`))
    else addInvalid(isDNS1123Label(service.name), `${field}.service.name`, service.name, errors)
    const { name, number } = service.port ?? {}
    if (name && number) wrong('cannot set both port name & port number')
    else if (name) addInvalid(isPortName(name), `${field}.service.port.name`, name, errors)
    else if (number) addInvalid(isPortNumber(number), `${field}.service.port.number`, number, errors)
    else errors.push(required(field, 'port name or number is required'))
  }
}

export function validateIngressStatus({ status }: Ingress, old: Ingress, errors: Errors): void {
  const known = (old.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []))
  for (const [i, { ip, hostname }] of (status?.loadBalancer?.ingress ?? []).entries()) {
    const at = `status.loadBalancer.ingress[${i}]`
    if (ip) validIP(ip, `${at}.ip`, errors, known)
    if (!hostname) continue
    addInvalid(isDNS1123Subdomain(hostname), `${at}.hostname`, hostname, errors)
    if (parseIP(hostname) !== undefined) errors.push(invalid(`${at}.hostname`, hostname, NOT_ADDRESS))
  }
}
