// What the registry and the runtimes need to know of images, wherever they come from.
import { createHash } from 'node:crypto'

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
  readonly config: ImageConfig
  /** Digest to name it by in the repository it was asked for in. */
  readonly digest: string
  /** What the registry serves under that digest. */
  readonly manifest: string
  readonly configBlob: string
  readonly configDigest: string
}

export interface PullCredentials {
  readonly username: string
  readonly password: string
}

export interface ImageSource {
  /** Finds it, or pulls it, with these credentials where they are given. @throws PullError */
  get(reference: string, credentials?: PullCredentials): Promise<Image>
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

export interface Described {
  readonly architecture: string
  readonly os: string
  readonly created: string
  readonly config: ImageConfig
  /** Digests of the unpacked layers. */
  readonly layers: readonly string[]
}

/** Manifest and configuration made of what is known about an image: the same image gives the same digests. Layers cannot be downloaded. */
export function manifestOf({
  architecture,
  os,
  created,
  config,
  layers,
}: Described): Pick<Image, 'digest' | 'manifest' | 'configBlob' | 'configDigest'> {
  const configBlob = JSON.stringify({ architecture, os, created, config, rootfs: { type: 'layers', diff_ids: layers }, history: [] })
  const configDigest = sha256(configBlob)
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    config: { mediaType: 'application/vnd.docker.container.image.v1+json', size: Buffer.byteLength(configBlob), digest: configDigest },
    layers: layers.map(digest => ({ mediaType: 'application/vnd.docker.image.rootfs.diff.tar', size: 0, digest })),
  })
  return { digest: sha256(manifest), manifest, configBlob, configDigest }
}

const sha256 = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`
