// Makes our images in a Docker Engine, when it does not have them yet.
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { agentImage } from './agent.ts'
import { type Image, type ImageFile, imageArchive } from './archive.ts'
import { baseLayer } from './base.ts'
import { demoImages } from './demo.ts'
import { standInImages } from './stand-ins.ts'

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
export async function ensureImages(options: EnsureOptions): Promise<Images> {
  const base = baseLayer(options.cache)
  const agent = await agentImageOf(base)
  const demo = labelled(await demoImages(base), hashOn(base))
  await ensure(options, [agent, ...demo])
  return { agent: agent.tags[0]!, demo: demo.flatMap(({ tags }) => tags) }
}

/** Those that play the applications of the book: test/book alone wants them. */
export async function ensureStandIns(options: EnsureOptions): Promise<void> {
  const base = baseLayer(options.cache)
  await ensure(options, labelled(await standInImages(base), hashOn(base)))
}

/** Was an image of this name made here, of whatever content? */
export const isOurs = ({ Labels }: { readonly Labels?: Readonly<Record<string, string>> }): boolean => Labels?.[LABEL] !== undefined

function labelled({ images, content }: { images: readonly Image[]; content: string }, hash: (content: string) => string): Image[] {
  const Labels = { [LABEL]: hash(content) }
  return images.map(image => ({ ...image, config: { ...image.config, Labels } }))
}

async function ensure({ docker, log = () => {} }: EnsureOptions, wanted: readonly Image[]): Promise<void> {
  const there = await Promise.all(wanted.map(image => present(docker, image)))
  const missing = wanted.filter((_, index) => !there[index])
  if (missing.length === 0) return
  for (const { tags } of missing) log(`building image ${tags[0]}`)
  await load(docker, missing)
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

async function present(docker: Docker, { tags, config }: Image): Promise<boolean> {
  const label = config.Labels?.[LABEL]
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

async function load(docker: Docker, images: readonly Image[]): Promise<void> {
  const answer = await docker.loadImage(Readable.from([await imageArchive(images)]))
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  const error = /"error":\s*("(?:[^"\\]|\\.)*")/.exec(text)
  if (error) throw new Error(`the Docker Engine does not take ${images.map(({ tags }) => tags[0]).join(', ')}: ${JSON.parse(error[1]!)}`)
}
