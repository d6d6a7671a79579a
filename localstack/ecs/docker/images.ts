// Images of the engine: looked up, pulled when missing, and known by digest. An image that was built here has no digest of a registry;
// it gets one of the manifest under which the read-only registry (../registry.ts) shows it, so that a task can be pinned to it.
import {
  type Image,
  type ImageConfig,
  type ImageSource,
  manifestOf,
  type PullCredentials,
  PullError,
  parseReference,
  shortRepository,
} from '../images.ts'
import { type Engine, isMissing, reasonOf, statusOf } from './engine.ts'

/** How long a look-up is believed: rollouts ask for the same image many times at once, and a rebuilt tag must be seen soon. */
const FRESH = 1000

export class Images implements ImageSource {
  readonly #engine: Engine
  readonly #known = new Map<string, { until: number; image: Promise<Image | undefined> }>()
  readonly #byDigest = new Map<string, string>()
  readonly #pulls = new Map<string, Promise<void>>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** What the engine has under that reference. */
  find(reference: string): Promise<Image | undefined> {
    const now = Date.now()
    const known = this.#known.get(reference)
    if (known && known.until > now) return known.image
    const image = this.#find(reference)
    this.#known.set(reference, { until: now + FRESH, image })
    if (this.#known.size > 200) this.#known.delete(this.#known.keys().next().value!)
    return image
  }

  async get(reference: string, credentials?: PullCredentials): Promise<Image> {
    const found = await this.find(reference)
    if (found) return found
    await this.#pull(reference, credentials)
    this.#known.delete(reference)
    const pulled = await this.find(reference)
    if (!pulled) throw new PullError(404, `the engine pulled ${reference} and does not have it`)
    return pulled
  }

  async #find(reference: string): Promise<Image | undefined> {
    const { repository, tag, digest } = parseReference(reference)
    const direct = await this.#inspect(digest ? `${repository}@${digest}` : `${repository}:${tag}`, repository)
    if (direct || !digest) return direct
    const id = this.#byDigest.get(digest)
    const byId = id && (await this.#inspect(id, repository))
    if (byId) return byId
    // A digest of ours from an earlier life: recompute those of the repository's images.
    const images = await this.#engine.call(docker => docker.listImages({ filters: { reference: [repository] } }))
    for (const { Id } of images) {
      const image = await this.#inspect(Id, repository)
      if (image?.digest === digest) return image
    }
    return undefined
  }

  async #inspect(nameOrId: string, repository: string): Promise<Image | undefined> {
    try {
      const inspected = await this.#engine.call(docker => docker.getImage(nameOrId).inspect())
      const image = imageOf(inspected as unknown as Inspected, repository)
      this.#byDigest.set(image.digest, image.id)
      return image
    } catch (error) {
      if (isMissing(error) || statusOf(error) === 400) return undefined
      throw error
    }
  }

  /** One pull at a time for one reference and one user, however many tasks wait for it. */
  #pull(reference: string, credentials: PullCredentials | undefined): Promise<void> {
    const key = `${reference} ${credentials?.username} ${credentials?.password}`
    let pull = this.#pulls.get(key)
    if (!pull) {
      pull = this.#pullNow(reference, credentials).finally(() => this.#pulls.delete(key))
      this.#pulls.set(key, pull)
    }
    return pull
  }

  async #pullNow(reference: string, authconfig: PullCredentials | undefined): Promise<void> {
    const { repository, tag, digest } = parseReference(reference)
    const full = digest ? `${repository}@${digest}` : `${repository}:${tag}`
    try {
      const stream = await this.#engine.call(docker => docker.pull(full, authconfig ? { authconfig } : {}))
      await new Promise<void>((resolve, reject) => {
        this.#engine.docker.modem.followProgress(stream, error => (error ? reject(error) : resolve()))
      })
    } catch (error) {
      throw new PullError(statusOf(error) ?? 500, reasonOf(error))
    }
  }
}

interface Inspected {
  readonly Id: string
  readonly Architecture: string
  readonly Os: string
  readonly Created: string
  readonly Config?: ImageConfig
  readonly RepoDigests?: readonly string[]
  readonly RootFS?: { readonly Layers?: readonly string[] }
}

function imageOf(inspected: Inspected, repository: string): Image {
  const config = inspected.Config ?? {}
  const made = manifestOf({
    architecture: inspected.Architecture,
    os: inspected.Os,
    created: inspected.Created,
    config,
    layers: inspected.RootFS?.Layers ?? [],
  })
  // An image that came from a registry keeps the digest it has there.
  const pulled = inspected.RepoDigests?.find(name => shortRepository(name.split('@')[0]!) === repository)?.split('@')[1]
  return { id: inspected.Id, config, ...made, digest: pulled ?? made.digest }
}
