// What pods need of the Docker Engine: our images in it, and the address under which containers reach this machine.
import { networkInterfaces } from 'node:os'
import type Docker from 'dockerode'
import { ensureImages } from '../../../scripts/images/ensure.ts'
import type { Step } from '../progress.ts'
import { ensureDocker } from './docker.ts'

export interface Engine {
  readonly docker: Docker
  readonly agentImage: string
  /** How a container names this machine. */
  readonly hostName: string
  /** Addresses of this machine on which to listen for containers. */
  readonly addresses: readonly string[]
}

/** Docker Desktop's machines reach the host under this name, and by its loopback address on the other side. */
const DESKTOP_NAME = 'host.docker.internal'

export async function prepareEngine(step: Step, cacheDir: string): Promise<Engine> {
  step.say('looking for the Docker Engine')
  const docker = await ensureDocker(text => step.say(text))
  const [images, gateway] = await Promise.all([
    ensureImages({ docker, cache: cacheDir, log: line => step.say(line) }),
    bridgeGateway(docker),
  ])
  step.done()
  const own = gateway !== undefined && ownAddresses().has(gateway)
  return { docker, agentImage: images.agent, hostName: own ? gateway : DESKTOP_NAME, addresses: own ? [gateway] : [] }
}

/** This machine's end of the default bridge; undefined when the engine has none. */
async function bridgeGateway(docker: Docker): Promise<string | undefined> {
  const { IPAM } = (await docker.getNetwork('bridge').inspect()) as { IPAM?: { Config?: { Gateway?: string }[] } }
  return IPAM?.Config?.find(({ Gateway }) => Gateway?.includes('.'))?.Gateway
}

function ownAddresses(): Set<string> {
  return new Set(Object.values(networkInterfaces()).flatMap(addresses => addresses?.map(({ address }) => address) ?? []))
}
