// Where a webhook is (k8s.io/apiserver/pkg/util/webhook/validation.go).
import { type FieldError, invalid, required } from '../../apimachinery/field-error.ts'

export interface WebhookClient {
  readonly url?: string
  readonly service?: { readonly namespace?: string; readonly name?: string; readonly path?: string; readonly port?: number }
}

export function clientConfigErrors({ url, service }: WebhookClient, field: string): FieldError[] {
  if ((url === undefined) === (service === undefined)) return [required(field, 'exactly one of url or service is required')]
  return url === undefined ? serviceErrors(service ?? {}, `${field}.service`) : urlErrors(url, `${field}.url`)
}

const FORMAT = '; desired format: https://host[/path]'

function urlErrors(text: string, field: string): FieldError[] {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return [required(field, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid URI for request${FORMAT}`)]
  }
  const errors: FieldError[] = []
  const scheme = url.protocol.replace(':', '')
  if (scheme !== 'https') errors.push(invalid(field, scheme, `'https' is the only allowed URL scheme${FORMAT}`))
  if (url.host === '') errors.push(invalid(field, url.host, `host must be specified${FORMAT}`))
  if (url.username !== '') {
    const user = url.password === '' ? url.username : `${url.username}:${url.password}`
    errors.push(invalid(field, user, 'user information is not permitted in the URL'))
  }
  if (url.hash !== '') errors.push(invalid(field, url.hash.slice(1), 'fragments are not permitted in the URL'))
  if (url.search !== '') errors.push(invalid(field, url.search.slice(1), 'query parameters are not permitted in the URL'))
  return errors
}

function serviceErrors({ namespace, name, path, port = 443 }: NonNullable<WebhookClient['service']>, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (!name) errors.push(required(`${field}.name`))
  if (!namespace) errors.push(required(`${field}.namespace`))
  if (port < 1 || port > 65535) errors.push(invalid(`${field}.port`, port, 'port is not valid: must be between 1 and 65535, inclusive'))
  if (path === undefined || path === '' || path === '/') return errors
  if (!path.startsWith('/')) errors.push(invalid(`${field}.path`, path, "must start with a '/'"))
  const segments = path.slice(1).replace(/\/$/, '').split('/')
  for (const [i, segment] of segments.entries()) {
    if (segment === '') errors.push(invalid(`${field}.path`, path, `segment[${i}] may not be empty`))
  }
  return errors
}
