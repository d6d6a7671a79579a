// What pods need of the Docker Engine: one that answers, with our images in it.
import { stop } from 'esbuild'
import { ensureImages } from '../../../scripts/images/ensure.ts'
import type { Step } from '../progress.ts'
import { ensureDocker } from './docker.ts'

export interface PreparedEngine {
  readonly agentImage: string
}

export async function prepareEngine(step: Step, cacheDir: string): Promise<PreparedEngine> {
  step.say('looking for the Docker Engine')
  const docker = await ensureDocker(text => step.say(text))
  const { agent } = await ensureImages({ docker, cache: cacheDir, log: line => step.say(line) })
  // Bundling the images' programs leaves esbuild's helper process behind.
  await stop()
  step.done()
  return { agentImage: agent }
}
