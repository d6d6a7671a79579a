// URLs (k8s.io/apiserver/pkg/cel/library/urls.go).
import type { Environment } from '@marcbachmann/cel-js'

export class CelUrl {
  readonly url: URL
  readonly text: string
  constructor(text: string) {
    this.url = parse(text)
    this.text = text
  }
}

/** An absolute URI, or an absolute path. */
function parse(text: string): URL {
  if (text.startsWith('/')) return new URL(text, 'none://')
  if (!/^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(text))
    throw new Error(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`)
  return new URL(text)
}

const isUrl = (text: string): boolean => {
  try {
    return parse(text) !== undefined
  } catch {
    return false
  }
}

export function registerUrls(environment: Environment): void {
  environment.registerType('URL', CelUrl)
  environment.registerFunction('url(string): URL', (text: string) => new CelUrl(text))
  environment.registerFunction('isURL(string): bool', isUrl)
  environment.registerFunction('URL.getScheme(): string', ({ url }: CelUrl) => (url.protocol === 'none:' ? '' : url.protocol.slice(0, -1)))
  environment.registerFunction('URL.getHost(): string', ({ url }: CelUrl) => url.host)
  environment.registerFunction('URL.getHostname(): string', ({ url }: CelUrl) => url.hostname.replace(/^\[|\]$/g, ''))
  environment.registerFunction(
    'URL.getPort(): string',
    ({ url, text }: CelUrl) => url.port || (/^[a-z+.-]+:\/\/[^/]*:(\d+)/i.exec(text)?.[1] ?? ''),
  )
  environment.registerFunction('URL.getEscapedPath(): string', ({ url, text }: CelUrl) =>
    url.pathname === '/' && !/[^:/]\//.test(text) && !text.startsWith('/') ? '' : url.pathname,
  )
  environment.registerFunction('URL.getQuery(): map<string, dyn>', ({ url }: CelUrl) => {
    const query = new Map<string, string[]>()
    for (const [name, value] of url.searchParams) query.set(name, [...(query.get(name) ?? []), value])
    return query
  })
}
