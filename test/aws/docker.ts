// What tests on a Docker Engine need: whether there is one, and an image made of a static busybox.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Docker from 'dockerode'
import { archiveOf } from '../../localstack/ecs/docker/pause.ts'
import { findBusybox } from '../../scripts/images/base.ts'

export const docker = new Docker()
export const BUSYBOX = 'zeroplane-test/busybox:1'

/** Why tests on Docker cannot run here; undefined when they can. */
export async function dockerProblem(): Promise<string | undefined> {
  try {
    await docker.ping()
  } catch (error) {
    return `no Docker Engine: ${error instanceof Error ? error.message : error}`
  }
  try {
    await docker.getImage(BUSYBOX).inspect()
    return undefined
  } catch {
    // Made below.
  }
  const cache = join(import.meta.dirname, '../../node_modules/.cache/zeroplane')
  mkdirSync(cache, { recursive: true })
  const archive = archiveOf('busybox', readFileSync(findBusybox(cache)))
  const stream = await docker.importImage(archive, {
    repo: 'zeroplane-test/busybox',
    tag: '1',
    changes: ['CMD ["/busybox", "sh"]', 'ENV PATH=/'],
  })
  await new Promise<void>((resolve, reject) => docker.modem.followProgress(stream, error => (error ? reject(error) : resolve())))
  return undefined
}
