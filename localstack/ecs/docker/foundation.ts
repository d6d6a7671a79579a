// What every task stands on, made once for an engine: the bridge network, and the sandbox's image.
import { type Engine, isMissing, statusOf } from './engine.ts'
import { archiveOf, pauseProgram } from './pause.ts'
import { LABELS } from './spec.ts'

export const PAUSE_IMAGE = 'zeroplane/pause:1'
export const NETWORK = 'zeroplane'

/** Address at which containers on the network reach the engine's machine. */
export async function ensureNetwork(engine: Engine): Promise<string> {
  const read = async () => {
    const network = await engine.call(docker => docker.getNetwork(NETWORK).inspect())
    return (network.IPAM?.Config?.[0] as { Gateway?: string } | undefined)?.Gateway ?? ''
  }
  try {
    return await read()
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  await engine
    .call(docker => docker.createNetwork({ Name: NETWORK, Driver: 'bridge', CheckDuplicate: true, Labels: { [LABELS.owner]: 'all' } }))
    .catch(error => {
      if (statusOf(error) !== 409) throw error
    })
  return read()
}

export async function ensurePause(engine: Engine): Promise<void> {
  const [, tag] = PAUSE_IMAGE.split(':')
  try {
    await engine.call(docker => docker.getImage(PAUSE_IMAGE).inspect())
    return
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  const archive = archiveOf('pause', pauseProgram(engine.architecture))
  const options = { repo: PAUSE_IMAGE.slice(0, PAUSE_IMAGE.lastIndexOf(':')), tag, changes: ['ENTRYPOINT ["/pause"]'] }
  const imported = await engine.docker.importImage(archive, options)
  await new Promise<void>((resolve, reject) => {
    engine.docker.modem.followProgress(imported, error => (error ? reject(error) : resolve()))
  })
}
