// The gateway's image: Node and its bundle.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleGateway } from '../bundle.ts'
import type { Image, ImageFile } from './archive.ts'

export async function gatewayImage(base: readonly ImageFile[]): Promise<Image> {
  const { directory } = await bundleGateway()
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !entry.name.endsWith('.map'))
    .map(entry => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort()
    .map(name => ({ path: `gateway/${name}`, content: readFileSync(join(directory, name)) }))
  const hash = createHash('sha256')
  for (const { path, content } of files) hash.update(path).update(content)
  for (const { path, source, link } of base) hash.update(JSON.stringify([path, source, link]))
  return {
    tags: [`zeroplane/gateway:${hash.digest('hex').slice(0, 16)}`],
    config: { Entrypoint: ['/bin/node', '/gateway/index.mjs'], Env: ['PATH=/bin'], WorkingDir: '/' },
    layers: [base, files],
  }
}
