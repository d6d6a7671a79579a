// Images of ours: named in a registry, or made on the machine that deploys and pushed to ECR as an asset of the stack.
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TarballImageAsset } from 'aws-cdk-lib/aws-ecr-assets'
import type { Construct } from 'constructs'
import { type Image, type ImageFile, imageArchive } from '../scripts/images/archive.ts'
import { baseLayer } from '../scripts/images/base.ts'
import { agentImageOf } from '../scripts/images/ensure.ts'
import { gatewayImage } from '../scripts/images/gateway.ts'
import type { ZeroplaneConfig } from './config.ts'

/** An image that a registry has, or the archive of one (as `docker load` takes it). */
export type ImageSource = string | { readonly archive: string }

const root = join(import.meta.dirname, '..')
const CACHE = join(root, 'node_modules/.cache/zeroplane')

const here = (): 'amd64' | 'arm64' => (process.arch === 'arm64' ? 'arm64' : 'amd64')

export const podArchitecture = ({ architecture }: Pick<ZeroplaneConfig, 'architecture'>): 'amd64' | 'arm64' => architecture || here()

/** The full name of the image. The asset is loaded into a Docker Engine and pushed when the stack is deployed; synthesis needs none. */
export function imageUri(scope: Construct, id: string, source: ImageSource): string {
  return typeof source === 'string' ? source : new TarballImageAsset(scope, id, { tarballFile: source.archive }).imageUri
}

/** What a deployment runs beside functions. @throws Error that says what to configure where an image cannot be made. */
export async function agentImageSource(config: ZeroplaneConfig): Promise<ImageSource> {
  return await source(config, 'agentImage', agentImageOf)
}

/** Undefined where there shall be no gateway. */
export async function gatewayImageSource(config: ZeroplaneConfig): Promise<ImageSource | undefined> {
  return config.gateway.host === '' ? undefined : await source(config, 'gatewayImage', gatewayImage)
}

async function source(
  config: ZeroplaneConfig,
  key: 'agentImage' | 'gatewayImage',
  make: (base: ImageFile[]) => Promise<Image>,
): Promise<ImageSource> {
  if (config[key] !== '') return config[key]
  const instead = `name one with -c ${key}=REGISTRY/NAME:TAG`
  if (podArchitecture(config) !== here())
    throw new Error(
      `config: architecture is ${config.architecture}, and this machine makes images for ${here()}: deploy from one of the other kind, or ${instead}`,
    )
  let image: Image
  try {
    image = await make(baseLayer(CACHE))
  } catch (error) {
    throw new Error(`the image cannot be made here (${error instanceof Error ? error.message : String(error)}): ${instead}`)
  }
  return await archived(image)
}

/** Writes the image's archive where it stays: 130 MB that need not be packed again while nothing in them changes. */
async function archived(image: Image): Promise<{ archive: string }> {
  const archive = join(CACHE, 'images', `${image.tags[0]!.replace(/\W/g, '-')}.tar`)
  if (existsSync(archive)) return { archive }
  mkdirSync(join(CACHE, 'images'), { recursive: true })
  writeFileSync(`${archive}.part`, await imageArchive([image]))
  renameSync(`${archive}.part`, archive)
  return { archive }
}
