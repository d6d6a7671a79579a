// Every image exists, unless the stages say that pulling it fails. The same reference has the same digest.
import { createHash } from 'node:crypto'
import { type Image, type ImageSource, manifestOf, PullError, parseReference } from '../images.ts'
import { Behaviour, type Rule } from './stages.ts'

const NOTHING: ReadonlyMap<string, string> = new Map()

export class SimulatedImages implements ImageSource {
  readonly #rules: readonly Rule[]
  /** A pinned reference has no tag any more, and rules speak of tags. */
  readonly #byDigest = new Map<string, string>()

  constructor(rules: readonly Rule[]) {
    this.#rules = rules
  }

  async get(reference: string): Promise<Image> {
    const named = this.named(reference)
    const failure = new Behaviour(
      // Chance is for tasks: what the registry says of an image is always the same.
      this.#rules.filter(({ fail }) => (fail?.probability ?? 1) === 1),
      named,
      NOTHING,
      named,
    ).failure('pull')
    if (failure) throw new PullError(404, failure)
    const id = `sha256:${createHash('sha256').update(named).digest('hex')}`
    const made = manifestOf({
      architecture: 'amd64',
      os: 'linux',
      created: '2026-01-01T00:00:00Z',
      config: { Entrypoint: ['/simulated'] },
      layers: [id],
    })
    this.#byDigest.set(made.digest, named)
    return { id, config: { Entrypoint: ['/simulated'] }, ...made }
  }

  /** The reference with its tag, for one that was pinned to a digest of ours. */
  named(reference: string): string {
    const { repository, tag, digest } = parseReference(reference)
    return (digest && this.#byDigest.get(digest)) ?? (tag === undefined ? reference : `${repository}:${tag}`)
  }
}
