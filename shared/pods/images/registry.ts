// The registry v2 protocol (OCI distribution), as much as is needed to learn what an image is without downloading it.
import type { Credentials } from './credentials.ts'
import { fullName, type ImageReference } from './reference.ts'

export interface ImageConfig {
  readonly Entrypoint?: readonly string[] | null
  readonly Cmd?: readonly string[] | null
  readonly User?: string
  readonly Env?: readonly string[] | null
  readonly WorkingDir?: string
  readonly StopSignal?: string
  readonly ExposedPorts?: Readonly<Record<string, object>> | null
}

export interface FoundImage {
  /** Of the index where there is one: what a tag pointed to. */
  readonly digest: string
  readonly config: ImageConfig
  /** Compressed layers, bytes. */
  readonly size: number
}

/** The image cannot be had. The message says why in the registry's own words. */
export class ImageError extends Error {
  override readonly name = 'ImageError'
}

export interface RegistryOptions {
  /** Base URL of a registry that answers for all others. The registry that is meant is in the query: ?ns=gcr.io, as containerd has it. */
  readonly mirror?: string
  /** Of the machines that will run it: "amd64", "arm64". */
  readonly architecture: string
  readonly fetch?: typeof fetch
}

const MANIFESTS = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
]
const TIMEOUT_MS = 10_000

interface Descriptor {
  readonly digest: string
  readonly size?: number
  readonly platform?: { readonly architecture: string; readonly os: string }
}

interface Manifest {
  readonly manifests?: readonly Descriptor[]
  readonly config?: Descriptor
  readonly layers?: readonly Descriptor[]
}

export class Registry {
  readonly #options: RegistryOptions
  readonly #fetch: typeof fetch

  constructor(options: RegistryOptions) {
    this.#options = options
    this.#fetch = options.fetch ?? fetch
  }

  /** @throws ImageError */
  async find(reference: ImageReference, credentials: Credentials | undefined): Promise<FoundImage> {
    const call = new Call(reference, credentials, this.#options, this.#fetch)
    const first = await call.manifest(reference.digest ?? reference.tag ?? 'latest')
    const { architecture } = this.#options
    let { manifest } = first
    if (manifest.manifests) {
      const match = manifest.manifests.find(({ platform }) => platform?.os === 'linux' && platform.architecture === architecture)
      if (!match) throw call.failed(`no match for platform in manifest: linux/${architecture}`)
      manifest = (await call.manifest(match.digest)).manifest
    }
    if (!manifest.config) throw call.failed('the manifest has no configuration: this is not a container image')
    const blob = await call.blob<{ config?: ImageConfig }>(manifest.config.digest)
    return {
      digest: first.digest,
      config: blob.config ?? {},
      size: (manifest.layers ?? []).reduce((sum, { size = 0 }) => sum + size, 0),
    }
  }
}

/** One image's requests: they share the token. */
class Call {
  readonly #reference: ImageReference
  readonly #credentials: Credentials | undefined
  readonly #mirror: string | undefined
  readonly #fetch: typeof fetch
  #authorization: string | undefined

  constructor(reference: ImageReference, credentials: Credentials | undefined, { mirror }: RegistryOptions, fetcher: typeof fetch) {
    this.#reference = reference
    this.#credentials = credentials
    this.#mirror = mirror || undefined
    this.#fetch = fetcher
  }

  async manifest(reference: string): Promise<{ manifest: Manifest; digest: string }> {
    const response = await this.#get(`manifests/${reference}`, MANIFESTS.join(', '))
    const digest = response.headers.get('docker-content-digest') ?? (reference.includes(':') ? reference : undefined)
    const manifest = await this.#json<Manifest>(response)
    if (digest === undefined) throw this.failed('the registry does not say which digest the manifest has')
    return { manifest, digest }
  }

  async blob<T>(digest: string): Promise<T> {
    return this.#json<T>(await this.#get(`blobs/${digest}`, '*/*'))
  }

  /** As containerd words it, which is what kubelet shows. */
  failed(why: string): ImageError {
    const name = fullName(this.#reference)
    return new ImageError(
      `failed to pull and unpack image ${JSON.stringify(name)}: failed to resolve reference ${JSON.stringify(name)}: ${why}`,
    )
  }

  async #get(path: string, accept: string): Promise<Response> {
    const { domain, path: repository } = this.#reference
    const query = this.#mirror ? `?ns=${encodeURIComponent(domain)}` : ''
    const url = `${this.#mirror?.replace(/\/$/, '') ?? this.#host()}/v2/${repository}/${path}${query}`
    let response = await this.#send(url, accept)
    if (response.status === 401) {
      const challenge = response.headers.get('www-authenticate') ?? ''
      await response.body?.cancel()
      this.#authorization = await this.#authorize(challenge)
      response = await this.#send(url, accept)
    }
    if (response.ok) return response
    throw this.failed(await this.#reason(response))
  }

  #host(): string {
    const { domain } = this.#reference
    if (domain === 'docker.io') return 'https://registry-1.docker.io'
    // As the engines do: a registry on this machine needs no certificate.
    return /^(localhost|127\.[\d.]+|\[::1\])(:\d+)?$/.test(domain) ? `http://${domain}` : `https://${domain}`
  }

  async #send(url: string, accept: string): Promise<Response> {
    try {
      return await this.#fetch(url, {
        headers: { accept, ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }) },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
    } catch (error) {
      throw this.failed(`failed to do request: Get ${JSON.stringify(url)}: ${reasonOf(error)}`)
    }
  }

  /** Docker's token flow: the registry names who gives tokens, for what. Without credentials the token is for public images. */
  async #authorize(challenge: string): Promise<string> {
    const basic =
      this.#credentials && `Basic ${Buffer.from(`${this.#credentials.username}:${this.#credentials.password}`).toString('base64')}`
    if (/^basic/i.test(challenge)) {
      if (basic) return basic
      throw this.#denied('no basic auth credentials')
    }
    const parameters = Object.fromEntries([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]))
    if (!parameters.realm) throw this.#denied('the registry does not say who gives tokens')
    const url = new URL(parameters.realm)
    if (parameters.service) url.searchParams.set('service', parameters.service)
    url.searchParams.set('scope', parameters.scope ?? `repository:${this.#reference.path}:pull`)
    let response: Response
    try {
      response = await this.#fetch(url, { headers: basic ? { authorization: basic } : {}, signal: AbortSignal.timeout(TIMEOUT_MS) })
    } catch (error) {
      throw this.failed(`failed to fetch ${basic ? 'oauth' : 'anonymous'} token: Get ${JSON.stringify(url.href)}: ${reasonOf(error)}`)
    }
    if (!response.ok)
      throw this.failed(`failed to authorize: failed to fetch token: unexpected status from GET request to ${url}: ${response.status}`)
    const { token, access_token } = await this.#json<{ token?: string; access_token?: string }>(response)
    return `Bearer ${token ?? access_token ?? ''}`
  }

  async #reason(response: Response): Promise<string> {
    const text = (await response.text()).slice(0, 1000)
    let said = ''
    try {
      const { errors = [] } = JSON.parse(text) as { errors?: { code?: string; message?: string }[] }
      said = errors.map(({ code, message }) => message || code || '').join('; ')
    } catch {
      said = text.trim()
    }
    const name = fullName(this.#reference)
    if (response.status === 404) return `${name}: not found${said && !/not found/i.test(said) ? `: ${said}` : ''}`
    if (response.status === 401 || response.status === 403) return this.#denied(said).message
    // A mirror tells what the registry that was meant has said.
    if (this.#mirror && said) return said
    return `unexpected status from GET request to ${response.url}: ${response.status} ${response.statusText}${said ? `: ${said}` : ''}`
  }

  #denied(why: string): ImageError {
    return new ImageError(
      `pull access denied, repository does not exist or may require authorization: authorization failed: ${why || 'the registry gave no reason'}`,
    )
  }

  async #json<T>(response: Response): Promise<T> {
    try {
      return (await response.json()) as T
    } catch (error) {
      throw this.failed(`the registry's answer is not JSON: ${reasonOf(error)}`)
    }
  }
}

/** The cause below "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'context deadline exceeded'
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  const { code, hostname } = cause as NodeJS.ErrnoException & { hostname?: string }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${hostname}: no such host`
  if (code === 'ECONNREFUSED') return 'dial tcp: connect: connection refused'
  return cause.message || error.message
}
