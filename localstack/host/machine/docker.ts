// The Docker Engine that pods run on: whichever answers, else the one that can be started or installed here.
import { spawn } from 'node:child_process'
import { existsSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import Docker from 'dockerode'
import { HostError, reasonOf } from '../host-error.ts'
import { findProgram, install, mayInstall, run } from './packages.ts'

const DAEMON_LOG = '/var/log/zeroplane-dockerd.log'
const PING_WITHIN_MS = 10_000
const DAEMON_READY_WITHIN_MS = 60_000

/** A client of an engine that answers. @throws HostError when there is none and none may be installed. */
export async function ensureDocker(say: (text: string) => void): Promise<Docker> {
  const docker = new Docker()
  const problem = await pingProblem(docker)
  if (problem === undefined) return docker
  // Somebody else's engine is theirs to start.
  const elsewhere = process.env.DOCKER_HOST !== undefined && !process.env.DOCKER_HOST.startsWith('unix:')
  if (elsewhere || !mayInstall()) {
    throw new HostError(
      `no Docker Engine answers (${problem}). Install or start Docker, see https://docs.docker.com/engine/install/; or run without containers: npm start -- --ecs simulated`,
    )
  }
  if (!findProgram('dockerd')) {
    say('installing the Docker Engine with apt-get (docker.io)')
    await install([['docker.io', 'iptables']])
    if ((await pingProblem(docker)) === undefined) return docker
  }
  say('starting the Docker Engine')
  await startDaemon(docker)
  return docker
}

async function pingProblem(docker: Docker): Promise<string | undefined> {
  try {
    await Promise.race([
      docker.ping(),
      sleep(PING_WITHIN_MS, undefined, { ref: false }).then(() => Promise.reject(new Error(`no answer within ${PING_WITHIN_MS / 1000} s`))),
    ])
    return undefined
  } catch (error) {
    return reasonOf(error)
  }
}

/** It goes on running when we end: it is the machine's, not ours. */
async function startDaemon(docker: Docker): Promise<void> {
  if (existsSync('/run/systemd/system')) await run(['systemctl', 'start', 'docker'])
  else {
    const log = openSync(DAEMON_LOG, 'a')
    // Another start at the same moment is no harm: the second daemon finds the first one's pid file and leaves.
    spawn(findProgram('dockerd')!, [], { detached: true, stdio: ['ignore', log, log] }).unref()
  }
  const deadline = performance.now() + DAEMON_READY_WITHIN_MS
  let problem = await pingProblem(docker)
  while (problem !== undefined) {
    if (performance.now() > deadline) {
      throw new HostError(`the Docker Engine does not come up (${problem}); it says: ${lastWords()}`)
    }
    await sleep(100)
    problem = await pingProblem(docker)
  }
}

function lastWords(): string {
  if (!existsSync(DAEMON_LOG)) return 'nothing'
  const lines = readFileSync(DAEMON_LOG, 'utf8').trim().split('\n')
  return (lines.findLast(line => /failed|fatal|error/i.test(line)) ?? lines.at(-1) ?? '').slice(0, 500)
}
