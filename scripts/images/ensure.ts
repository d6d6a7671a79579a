// Makes our images in a Docker Engine, when it does not have them yet.
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { agentImage } from './agent.ts'
import { type Image, type ImageFile, imageArchive } from './archive.ts'
import { baseLayer } from './base.ts'
import { demoImages } from './demo.ts'

export interface EnsureOptions {
  readonly docker: Docker
  /** Folder that may keep what had to be fetched. */
  readonly cache: string
  readonly log?: (line: string) => void
}

/** Label with the hash of what an image was made of. */
const LABEL = 'dev.zeroplane.content'

export interface Images {
  /** Reference of the agent's image: its tag is the hash of its content. */
  readonly agent: string
  readonly demo: readonly string[]
}

/** The agent's image as this machine makes it; its tag is the hash of its content. */
export async function agentImageOf(base: readonly ImageFile[]): Promise<Image> {
  const hash = hashOn(base)
  return await agentImage(content => `zeroplane/agent:${hash(content)}`, base)
}

function hashOn(base: readonly ImageFile[]): (content: string) => string {
  const foundation = fingerprint(base)
  return content => createHash('sha256').update(foundation).update(content).digest('hex').slice(0, 16)
}

/** Idempotent; some milliseconds when everything is there. */
export async function ensureImages({ docker, cache, log = () => {} }: EnsureOptions): Promise<Images> {
  const base = baseLayer(cache)
  const hash = hashOn(base)
  const agent = await agentImageOf(base)
  const demo = await demoImages(base)
  const label = hash(demo.content)
  const wanted = [agent, ...demo.images.map(image => ({ ...image, config: { ...image.config, Labels: { [LABEL]: label } } }))]
  for (const [index, image] of wanted.entries()) {
    if (await present(docker, image, index === 0 ? undefined : label)) continue
    log(`building image ${image.tags[0]}`)
    await load(docker, image)
  }
  return { agent: agent.tags[0]!, demo: demo.images.flatMap(({ tags }) => tags) }
}

/** Binaries are told apart by size and time: hashing 130 MB at every start is not worth it. */
function fingerprint(files: readonly ImageFile[]): string {
  return JSON.stringify(
    files.map(({ path, source, link, content }) => {
      if (source === undefined) return [path, link, content?.toString()]
      const { size, mtimeMs } = statSync(source)
      return [path, size, mtimeMs]
    }),
  )
}

async function present(docker: Docker, { tags }: Image, label: string | undefined): Promise<boolean> {
  for (const tag of tags) {
    try {
      const { Config } = await docker.getImage(tag).inspect()
      if (label !== undefined && Config.Labels?.[LABEL] !== label) return false
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode === 404) return false
      throw error
    }
  }
  return true
}

async function load(docker: Docker, image: Image): Promise<void> {
  const answer = await docker.loadImage(Readable.from([await imageArchive(image)]))
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  const error = /"error":\s*("(?:[^"\\]|\\.)*")/.exec(text)
  if (error) throw new Error(`the Docker Engine does not take image ${image.tags[0]}: ${JSON.parse(error[1]!)}`)
}
