// Images that play the applications of the book, all of the same files: what differs is the command that each begins with.
import { fileURLToPath } from 'node:url'
import { bundle } from './agent.ts'
import type { Image, ImageFile } from './archive.ts'

/** By the end of the image's name. Ghost and Parse are both begun by `npm start`. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  redis: ['redis-server'],
  mysql: ['mysqld'],
  mongo: ['mongod'],
  ghost: ['/entrypoint.sh', 'npm', 'start'],
  parse: ['npm', 'start'],
}
const PROGRAMS = ['redis-server', 'redis-sentinel', 'redis-cli', 'mysqld', 'mysql', 'mongod', 'mongo']

const executable = (path: string, content: string): ImageFile => ({ path, content: `#!/bin/sh\n${content}\n`, mode: 0o755 })

export async function standInImages(base: readonly ImageFile[]): Promise<{ images: Image[]; content: string }> {
  const content = await bundle(fileURLToPath(new URL('../../demo/stand-ins/main.ts', import.meta.url)))
  const run = 'exec node --max-semi-space-size=1 /stand-ins.mjs'
  const files = [
    { path: 'stand-ins.mjs', content },
    ...PROGRAMS.map(name => executable(`usr/bin/${name}`, `${run} ${name} "$@"`)),
    executable('usr/bin/npm', `${run} "$APPLICATION"`),
    executable('entrypoint.sh', 'exec "$@"'),
    { path: 'var/lib/ghost/.keep', content: '' },
  ]
  const images = Object.entries(COMMANDS).map(([name, Cmd]) => ({
    tags: [`zeroplane/stand-in-${name}:1`],
    config: { Cmd, Env: ['PATH=/usr/bin:/bin', `APPLICATION=${name}`], WorkingDir: '/' },
    layers: [base, files],
  }))
  return { images, content: JSON.stringify([files, images.map(({ config }) => config)]) }
}
