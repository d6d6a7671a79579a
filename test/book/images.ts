// The images that the book names, played by the demo image: nothing here can be pulled, and what the tour looks at is what it answers.
import Docker from 'dockerode'

const docker = new Docker()

/** By the version of the demo image that stands for it. Those of kuard are always there (`npm start` tags them). */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  '1': ['gcr.io/kuar-demo/kuard-amd64:blue', 'nginx:1.7.12', 'fluent/fluentd:v0.14.9', 'mongo:3.4.1', 'mysql:5.6', 'redis:3.2', 'ghost'],
  '2': ['gcr.io/kuar-demo/kuard-amd64:green', 'nginx:1.9.10', 'fluent/fluentd:v0.14.10'],
}
const DEMO = 'zeroplane/demo'

/** @throws when an image of that name is there already and is another: it is somebody's, and the tour would run it. */
export async function tagImages(): Promise<void> {
  for (const [version, names] of Object.entries(NAMES)) {
    const { Id } = await docker.getImage(`${DEMO}:${version}`).inspect()
    for (const name of names) {
      const there = await idOf(name)
      if (there === Id) continue
      if (there !== undefined && !(await isDemo(name)))
        throw new Error(`the tour plays ${name} with an image of its own, and Docker has another of that name: docker rmi ${name}`)
      await docker.getImage(Id).tag({ repo: repository(name), tag: tagOf(name) })
    }
  }
}

/** Takes the names away again; the images stay, under their own. */
export async function untagImages(): Promise<void> {
  for (const name of Object.values(NAMES).flat()) if (await isDemo(name)) await docker.getImage(name).remove({ force: false })
}

async function idOf(name: string): Promise<string | undefined> {
  try {
    return (await docker.getImage(name).inspect()).Id
  } catch {
    return undefined
  }
}

/** Of this or an earlier build. */
async function isDemo(name: string): Promise<boolean> {
  try {
    const { Config } = await docker.getImage(name).inspect()
    return [Config.Entrypoint].flat()[0] === '/kuard'
  } catch {
    return false
  }
}

const colon = (name: string) => (name.lastIndexOf(':') > name.lastIndexOf('/') ? name.lastIndexOf(':') : name.length)
const repository = (name: string) => name.slice(0, colon(name))
const tagOf = (name: string) => name.slice(colon(name) + 1) || 'latest'
