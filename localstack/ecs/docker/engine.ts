// The connection to a Docker Engine. While the engine is away (restarted by its owner), calls wait for it: every call made here can be
// made twice.
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import Docker from 'dockerode'
import { EcsUnavailableError } from '../errors.ts'

/** Asked again so often while the engine is away. */
const RETRY_EVERY = 300

export class Engine {
  readonly docker: Docker
  /** Architecture as Docker names it: x86_64, aarch64. */
  readonly architecture: string
  readonly cpus: number
  /** Bytes. */
  readonly memory: number
  readonly version: string
  readonly cgroupVersion: string
  readonly cgroupDriver: string
  /** The engine has an init program to run as process 1. */
  readonly hasInit: boolean
  #closed = false

  private constructor(docker: Docker, info: DockerInfo) {
    this.docker = docker
    this.architecture = info.Architecture
    this.cpus = info.NCPU
    this.memory = info.MemTotal
    this.version = info.ServerVersion
    this.cgroupVersion = info.CgroupVersion ?? '1'
    this.cgroupDriver = info.CgroupDriver ?? 'cgroupfs'
    this.hasInit = Boolean(info.InitBinary) && info.InitCommit?.ID !== '' && info.InitCommit?.ID !== 'N/A'
  }

  /** @throws EcsUnavailableError */
  static async connect(docker = connect()): Promise<Engine> {
    try {
      return new Engine(docker, (await docker.info()) as DockerInfo)
    } catch (error) {
      const where = process.env.DOCKER_HOST ?? '/var/run/docker.sock'
      const reason = error instanceof Error ? error.message : String(error)
      throw new EcsUnavailableError(
        `No Docker Engine answers at ${where} (${reason}). Install and start Docker, set DOCKER_HOST, or start with --ecs simulated.`,
      )
    }
  }

  async call<T>(run: (docker: Docker) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await run(this.docker)
      } catch (error) {
        if (this.#closed || !isAway(error)) throw error
        await sleep(RETRY_EVERY, undefined, { ref: false })
      }
    }
  }

  /** Ends every call, also those that wait for something to happen: output that is followed, containers that are waited for. */
  close(): void {
    this.#closed = true
    ;(this.docker.modem as { agent?: HttpAgent }).agent?.destroy()
  }
}

/** Its connections are our own, so that they can all be ended: a followed log would keep the process alive for ever. */
export function connect(): Docker {
  const docker = new Docker()
  const modem = docker.modem as { protocol?: string; agent?: HttpAgent }
  if (modem.protocol === 'http') modem.agent = new HttpAgent({ keepAlive: true })
  else if (modem.protocol === 'https') modem.agent = new HttpsAgent({ keepAlive: true })
  // The client describes the options of every request for its debug log, whether anybody reads that or not, with all that the agent
  // holds: each open connection and its buffers. With a hundred containers whose output is followed that was half of a core.
  if (modem.agent) Object.assign(modem.agent, { [inspect.custom]: () => 'agent' })
  return docker
}

interface DockerInfo {
  readonly Architecture: string
  readonly NCPU: number
  readonly MemTotal: number
  readonly ServerVersion: string
  readonly CgroupVersion?: string
  readonly CgroupDriver?: string
  readonly InitBinary?: string
  readonly InitCommit?: { readonly ID?: string }
}

/** HTTP status of the engine's answer; undefined when there was none. */
export const statusOf = (error: unknown): number | undefined => (error as { statusCode?: number }).statusCode

export const isMissing = (error: unknown): boolean => statusOf(error) === 404

function isAway(error: unknown): boolean {
  if (statusOf(error) !== undefined) return false
  const code = (error as NodeJS.ErrnoException).code
  return ['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE'].includes(code ?? '') || /socket hang up/.test(String(error))
}

/** Docker's own words, without the client's prefix "(HTTP code 404) no such image - ". */
export function reasonOf(error: unknown): string {
  const json = (error as { json?: { message?: string } }).json
  return json?.message ?? (error instanceof Error ? error.message : String(error))
}
