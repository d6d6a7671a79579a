// The agent's image: Node, busybox, the bundled agent, holder and setup.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Image, ImageFile } from './archive.ts'

const folder = fileURLToPath(new URL('../../agent/', import.meta.url))

/** Young objects die young in a process that does little: small spaces keep the agent small. */
const NODE_FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=48', '--disable-warning=ExperimentalWarning']

export async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    write: false,
  })
  return outputFiles[0]!.text
}

export async function agentImage(tag: (content: string) => string, base: readonly ImageFile[]): Promise<Image> {
  const agent = await bundle(`${folder}main.ts`)
  const script = (name: string) => readFileSync(`${folder}${name}`, 'utf8')
  const files = [
    { path: 'zeroplane/agent.mjs', content: agent },
    { path: 'zeroplane/holder.sh', content: script('holder.sh') },
    { path: 'zeroplane/setup.sh', content: script('setup.sh') },
  ]
  return {
    tags: [tag(files.map(({ content }) => content).join('\0'))],
    config: { Entrypoint: ['/bin/node', ...NODE_FLAGS, '/zeroplane/agent.mjs'], Env: ['PATH=/bin'], WorkingDir: '/' },
    layers: [base, files],
  }
}
