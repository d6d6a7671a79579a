// Images made of files, as the archive that `docker load` takes. Everything in it is decided by its content: the same files give the
// same layers, so images that share a layer share its bytes in the engine.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { pack } from 'tar-stream'

export interface ImageFile {
  /** Inside the image, without a leading slash. */
  readonly path: string
  readonly content?: Buffer | string
  /** Read from here instead. */
  readonly source?: string
  /** A symbolic link to this. */
  readonly link?: string
  readonly mode?: number
}

export interface ImageConfig {
  readonly Entrypoint?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly Env?: readonly string[]
  readonly WorkingDir?: string
  readonly User?: string
  readonly ExposedPorts?: Readonly<Record<string, object>>
  readonly Labels?: Readonly<Record<string, string>>
}

export interface Image {
  readonly tags: readonly string[]
  readonly config: ImageConfig
  readonly layers: readonly (readonly ImageFile[])[]
}

/** Image and layer times: a fixed one, or every build would be another image. */
const EPOCH = new Date(0)

const sha256 = (content: Buffer | string) => createHash('sha256').update(content).digest('hex')

async function tar(entries: readonly ImageFile[]): Promise<Buffer> {
  const archive = pack()
  const chunks: Buffer[] = []
  const done = (async () => {
    for await (const chunk of archive) chunks.push(chunk as Buffer)
  })()
  for (const folder of folders(entries))
    archive.entry({ name: `${folder}/`, type: 'directory', mode: folder === 'tmp' ? 0o1777 : 0o755, mtime: EPOCH })
  for (const { path, content, source, link, mode = 0o644 } of entries) {
    if (link !== undefined) archive.entry({ name: path, type: 'symlink', linkname: link, mtime: EPOCH })
    else archive.entry({ name: path, mode, mtime: EPOCH }, source === undefined ? (content ?? '') : readFileSync(source))
  }
  archive.finalize()
  await done
  return Buffer.concat(chunks)
}

function folders(entries: readonly ImageFile[]): string[] {
  const all = new Set<string>()
  for (const { path } of entries) {
    const parts = path.split('/').slice(0, -1)
    for (let depth = 1; depth <= parts.length; depth++) all.add(parts.slice(0, depth).join('/'))
  }
  return [...all].sort()
}

interface Layer {
  readonly id: string
  readonly blob: Buffer
}

/** Hundreds of megabytes for images with Node in them: make it only when it is needed. A layer that several share is in it once. */
export async function imageArchive(images: readonly Image[]): Promise<Buffer> {
  const layers = new Map<readonly ImageFile[], Layer>()
  for (const files of images.flatMap(image => image.layers)) {
    if (layers.has(files)) continue
    const blob = await tar(files)
    layers.set(files, { id: sha256(blob), blob })
  }
  const described = images.map(image =>
    describe(
      image,
      image.layers.map(files => layers.get(files)!.id),
    ),
  )
  const blobs = new Map([...layers.values()].map(({ id, blob }) => [id, blob]))
  return tar([
    ...described.map(({ file, description }) => ({ path: file, content: description })),
    ...[...blobs].map(([id, content]) => ({ path: `${id}/layer.tar`, content })),
    { path: 'manifest.json', content: JSON.stringify(described.map(({ manifest }) => manifest)) },
  ])
}

function describe({ tags, config }: Image, ids: readonly string[]) {
  const description = JSON.stringify({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    created: EPOCH.toISOString(),
    config,
    rootfs: { type: 'layers', diff_ids: ids.map(id => `sha256:${id}`) },
    history: ids.map(() => ({ created: EPOCH.toISOString(), created_by: 'zeroplane' })),
  })
  const file = `${sha256(description)}.json`
  return { file, description, manifest: { Config: file, RepoTags: tags, Layers: ids.map(id => `${id}/layer.tar`) } }
}
