// The images that the book names, played by ours (demo/): nothing here can be pulled, and what the tour looks at is what they answer.
import Docker from 'dockerode'
import { ensureStandIns, isOurs } from '../../scripts/images/ensure.ts'

const docker = new Docker()

/** By the image that stands for them. Those of kuard are always there (`npm start` tags them). */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'zeroplane/demo:1': ['gcr.io/kuar-demo/kuard-amd64:blue', 'nginx:1.7.12', 'fluent/fluentd:v0.14.9'],
  'zeroplane/demo:2': ['gcr.io/kuar-demo/kuard-amd64:green', 'nginx:1.9.10', 'fluent/fluentd:v0.14.10'],
  'zeroplane/stand-in-redis:1': ['redis:3.2.7-alpine'],
  'zeroplane/stand-in-mysql:1': ['mysql:5.6'],
  'zeroplane/stand-in-mongo:1': ['mongo:3.4.1'],
  'zeroplane/stand-in-ghost:1': ['ghost'],
  'zeroplane/stand-in-parse:1': ['example/parse-server'],
}

/** Flags for the cluster of a tour that is tried in part. */
export const FLAGS = (process.env.ZEROPLANE_TEST_BOOK_FLAGS ?? '').split(' ').filter(Boolean)
/** Without containers no images are asked for, and no Docker Engine need be there. */
const wanted = !FLAGS.includes('simulated')

/** @throws when an image of that name is there already and is another: it is somebody's, and the tour would run it. */
export async function tagImages(): Promise<void> {
  if (!wanted) return
  await ensureStandIns({ docker, cache: 'node_modules/.cache/zeroplane' })
  for (const [image, names] of Object.entries(NAMES)) {
    const { Id } = await docker.getImage(image).inspect()
    for (const name of names) {
      const there = await idOf(name)
      if (there === Id) continue
      if (there !== undefined && !(await isOurImage(name)))
        throw new Error(`the tour plays ${name} with an image of its own, and Docker has another of that name: docker rmi ${name}`)
      await docker.getImage(Id).tag({ repo: repository(name), tag: tagOf(name) })
    }
  }
}

/** Takes the names away again; the images stay, under their own. */
export async function untagImages(): Promise<void> {
  if (!wanted) return
  for (const name of Object.values(NAMES).flat()) if (await isOurImage(name)) await docker.getImage(name).remove({ force: false })
}

async function idOf(name: string): Promise<string | undefined> {
  try {
    return (await docker.getImage(name).inspect()).Id
  } catch {
    return undefined
  }
}

/** Of this or an earlier build. */
async function isOurImage(name: string): Promise<boolean> {
  try {
    return isOurs((await docker.getImage(name).inspect()).Config)
  } catch {
    return false
  }
}

const colon = (name: string) => (name.lastIndexOf(':') > name.lastIndexOf('/') ? name.lastIndexOf(':') : name.length)
const repository = (name: string) => name.slice(0, colon(name))
const tagOf = (name: string) => name.slice(colon(name) + 1) || 'latest'
