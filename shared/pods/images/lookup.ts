// What an image is, remembered: a digest for as long as this process lives, a tag for a while, so that the replicas of one rollout
// get one digest and the registry one question.
import type { Secret } from '../../api/core/v1.ts'
import { type Credentials, credentialsFor } from './credentials.ts'
import { fullName, parseImage, repositoryOf } from './reference.ts'
import type { FoundImage, Registry } from './registry.ts'

export interface ResolvedImage extends FoundImage {
  /** "<name as written>@sha256:...": what a task definition pins. */
  readonly pinned: string
  /** "docker.io/library/nginx@sha256:...": status.containerStatuses[].imageID */
  readonly imageID: string
}

export interface ImageLookupOptions {
  readonly registry: Pick<Registry, 'find'>
  readonly now: () => number
  /** Credentials that the cluster's own role has for a registry (ECR). */
  readonly ownCredentials?: (domain: string) => Promise<Credentials | undefined>
}

const TAG_MS = 300_000
/** imagePullPolicy Always asks anew for each pod, but not for each of a hundred that start together. */
const ALWAYS_MS = 5_000
const KEPT = 500

export class ImageLookup {
  readonly #options: ImageLookupOptions
  readonly #known = new Map<string, { readonly at: number; readonly image: Promise<ResolvedImage> }>()

  constructor(options: ImageLookupOptions) {
    this.#options = options
  }

  /** @throws ImageError, InvalidImageName */
  async find(image: string, policy: string | undefined, secrets: readonly Secret[]): Promise<ResolvedImage> {
    const reference = parseImage(image)
    const credentials = credentialsFor(reference, secrets) ?? (await this.#options.ownCredentials?.(reference.domain))
    // Who may not see an image must not learn of it from another's question.
    const key = JSON.stringify([fullName(reference), credentials])
    const known = this.#known.get(key)
    const fresh = reference.digest !== undefined ? Number.POSITIVE_INFINITY : policy === 'Always' ? ALWAYS_MS : TAG_MS
    if (known && this.#options.now() - known.at < fresh) return known.image
    const found = this.#options.registry.find(reference, credentials).then(result => ({
      ...result,
      pinned: `${repositoryOf(image)}@${result.digest}`,
      imageID: `${reference.domain}/${reference.path}@${result.digest}`,
    }))
    this.#known.set(key, { at: this.#options.now(), image: found })
    if (this.#known.size > KEPT) this.#known.delete(this.#known.keys().next().value!)
    // A failure is told to all who asked meanwhile, and then forgotten.
    found.catch(() => this.#known.delete(key))
    return found
  }
}
