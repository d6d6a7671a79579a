// The agent's image: Node, busybox, the bundled agent, holder and setup.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Image, ImageFile } from './archive.ts'

const folder = fileURLToPath(new URL('../../agent/', import.meta.url))

/**
 * One agent a pod, so its memory is what counts and not its speed: what it moves in bulk is moved by Node's native code. Without a
 * compiler and with one worker for the collector it is 4 MB smaller; small spaces keep it from growing between two collections. Node's
 * start-up snapshot saves 40 ms once and costs 3 MB for as long as the pod lives.
 */
const NODE_FLAGS = [
  '--jitless',
  '--no-node-snapshot',
  '--single-threaded-gc',
  '--v8-pool-size=1',
  '--max-semi-space-size=1',
  '--max-old-space-size=32',
  '--optimize-for-size',
  '--disable-warning=ExperimentalWarning',
]

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
    tags: [tag([...NODE_FLAGS, ...files.map(({ content }) => content)].join('\0'))],
    config: { Entrypoint: ['/bin/node', ...NODE_FLAGS, '/zeroplane/agent.mjs'], Env: ['PATH=/bin'], WorkingDir: '/' },
    layers: [base, files],
  }
}
