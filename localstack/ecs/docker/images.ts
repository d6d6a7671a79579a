// Images of the engine: looked up, pulled when missing, and known by digest. An image that was built here has no digest of a registry;
// it gets one of the manifest under which the read-only registry (../registry.ts) shows it, so that a task can be pinned to it.
import { createHash } from 'node:crypto'
import { type Engine, isMissing, reasonOf, statusOf } from './engine.ts'

export interface ImageConfig {
  readonly Env?: readonly string[] | null
  readonly Entrypoint?: readonly string[] | null
  readonly Cmd?: readonly string[] | null
  readonly User?: string
  readonly WorkingDir?: string
  readonly ExposedPorts?: Readonly<Record<string, object>> | null
  readonly Volumes?: Readonly<Record<string, object>> | null
  readonly Labels?: Readonly<Record<string, string>> | null
  readonly StopSignal?: string
}

export interface Image {
  readonly id: string
  readonly architecture: string
  readonly os: string
  readonly created: string
  readonly config: ImageConfig
  /** Of registries: "name@sha256:...". */
  readonly repoDigests: readonly string[]
  /** Digest to name it by in the repository it was asked for in. */
  readonly digest: string
  /** What the registry serves under that digest. */
  readonly manifest: string
  readonly configBlob: string
  readonly configDigest: string
}

/** Pulling failed. `status` is the engine's: 404 no such image or access denied, 500 the registry cannot be reached. */
export class PullError extends Error {
  override readonly name = 'PullError'
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export interface ImageReference {
  /** With registry host where the reference has one, as Docker reads it: "busybox", "gcr.io/kuar-demo/kuard-amd64". */
  readonly repository: string
  readonly tag?: string
  readonly digest?: string
}

export function parseReference(reference: string): ImageReference {
  const [name = '', digest] = reference.split('@')
  const slash = name.lastIndexOf('/')
  const colon = name.indexOf(':', slash + 1)
  return {
    repository: shortRepository(colon < 0 ? name : name.slice(0, colon)),
    tag: colon < 0 ? (digest ? undefined : 'latest') : name.slice(colon + 1),
    digest,
  }
}

/** docker.io/library/busybox and busybox are the same to Docker, which lists images by the shorter name. */
export function shortRepository(repository: string): string {
  return repository.replace(/^(index\.|registry-1\.)?docker\.io\//, '').replace(/^library\//, '')
}

/** How long a look-up is believed: rollouts ask for the same image many times at once, and a rebuilt tag must be seen soon. */
const FRESH = 1000

export class Images {
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

  /** Finds it, or pulls it. @throws PullError */
  async get(reference: string): Promise<Image> {
    const found = await this.find(reference)
    if (found) return found
    await this.#pull(reference)
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

  /** One pull at a time for one reference, however many tasks wait for it. */
  #pull(reference: string): Promise<void> {
    let pull = this.#pulls.get(reference)
    if (!pull) {
      pull = this.#pullNow(reference).finally(() => this.#pulls.delete(reference))
      this.#pulls.set(reference, pull)
    }
    return pull
  }

  async #pullNow(reference: string): Promise<void> {
    const { repository, tag, digest } = parseReference(reference)
    const full = digest ? `${repository}@${digest}` : `${repository}:${tag}`
    try {
      const stream = await this.#engine.call(docker => docker.pull(full))
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

/** Manifest and configuration are made of what the engine tells: the same image gives the same digests. Layers cannot be downloaded. */
function imageOf(inspected: Inspected, repository: string): Image {
  const layers = inspected.RootFS?.Layers ?? []
  const config = inspected.Config ?? {}
  const configBlob = JSON.stringify({
    architecture: inspected.Architecture,
    os: inspected.Os,
    created: inspected.Created,
    config,
    rootfs: { type: 'layers', diff_ids: layers },
    history: [],
  })
  const configDigest = sha256(configBlob)
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    config: { mediaType: 'application/vnd.docker.container.image.v1+json', size: Buffer.byteLength(configBlob), digest: configDigest },
    layers: layers.map(digest => ({ mediaType: 'application/vnd.docker.image.rootfs.diff.tar', size: 0, digest })),
  })
  const repoDigests = inspected.RepoDigests ?? []
  const registryDigest = repoDigests.find(name => shortRepository(name.split('@')[0]!) === repository)?.split('@')[1]
  return {
    id: inspected.Id,
    architecture: inspected.Architecture,
    os: inspected.Os,
    created: inspected.Created,
    config,
    repoDigests,
    digest: registryDigest ?? sha256(manifest),
    manifest,
    configBlob,
    configDigest,
  }
}

const sha256 = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`
