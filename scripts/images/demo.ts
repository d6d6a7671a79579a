// The demo image in its three versions, under its own name and under the one that the book uses.
import { fileURLToPath } from 'node:url'
import { bundle } from './agent.ts'
import type { Image, ImageFile } from './archive.ts'

const VERSIONS = ['1', '2', '3']
const NAMES = ['zeroplane/demo', 'gcr.io/kuar-demo/kuard-amd64']

export async function demoImages(base: readonly ImageFile[]): Promise<{ images: Image[]; content: string }> {
  const content = await bundle(fileURLToPath(new URL('../../demo/main.ts', import.meta.url)))
  const script = '#!/bin/sh\nexec node --max-semi-space-size=1 /demo.mjs "$@"\n'
  const files = [
    { path: 'demo.mjs', content },
    { path: 'kuard', content: script, mode: 0o755 },
  ]
  const images = VERSIONS.map(version => ({
    tags: NAMES.map(name => `${name}:${version}`),
    config: { Entrypoint: ['/kuard'], Env: ['PATH=/bin', `DEMO_VERSION=${version}`], ExposedPorts: { '8080/tcp': {} }, WorkingDir: '/' },
    layers: [base, files],
  }))
  return { images, content: content + script }
}
