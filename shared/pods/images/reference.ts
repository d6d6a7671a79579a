// Image references as Docker and containerd read them: [registry/]path[:tag][@digest].

export interface ImageReference {
  /** Registry host as people write it: "docker.io", "gcr.io", "localhost:5000". */
  readonly domain: string
  /** "library/nginx", "kuar-demo/kuard-amd64" */
  readonly path: string
  readonly tag?: string
  readonly digest?: string
}

export class InvalidImageName extends Error {
  override readonly name = 'InvalidImageName'
  constructor(image: string) {
    super(
      `Failed to apply default image tag ${JSON.stringify(image)}: couldn't parse image name ${JSON.stringify(image)}: invalid reference format`,
    )
  }
}

const PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const REFERENCE = new RegExp(
  `^(?:([a-zA-Z0-9.-]+(?::[0-9]+)?|\\[[a-fA-F0-9:]+\\](?::[0-9]+)?)/)?(${PART}(?:/${PART})*)(?::([\\w][\\w.-]{0,127}))?(?:@([a-z0-9+._-]+:[a-fA-F0-9]{32,}))?$`,
)

/** @throws InvalidImageName */
export function parseImage(image: string): ImageReference {
  const match = REFERENCE.exec(image)
  if (!match) throw new InvalidImageName(image)
  let [, domain, path = '', tag, digest] = match
  // What stands before the first slash is a host only when it looks like one.
  if (domain !== undefined && !/[.:[]/.test(domain) && domain !== 'localhost') {
    if (domain !== domain.toLowerCase()) throw new InvalidImageName(image)
    path = `${domain}/${path}`
    domain = undefined
  }
  if (domain === undefined || domain === 'index.docker.io') domain = 'docker.io'
  if (domain === 'docker.io' && !path.includes('/')) path = `library/${path}`
  return { domain, path, tag: tag ?? (digest === undefined ? 'latest' : undefined), digest }
}

/** "docker.io/library/nginx:latest" */
export const fullName = ({ domain, path, tag, digest }: ImageReference) =>
  `${domain}/${path}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`

/** What the image's author wrote, less tag and digest: the name under which a digest of it is asked for. */
export const repositoryOf = (image: string) => image.replace(/@.*$/s, '').replace(/:[\w.-]+$/, '')
