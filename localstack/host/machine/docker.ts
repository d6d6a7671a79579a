// The Docker Engine that pods run on: whichever answers, else the one that can be started or installed here.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import Docker from 'dockerode'
import { HostError, reasonOf } from '../host-error.ts'
import { findProgram, install, mayInstall, run } from './packages.ts'

const DAEMON_LOG = '/var/log/zeroplane-dockerd.log'
const PING_WITHIN_MS = 10_000
const DAEMON_READY_WITHIN_MS = 60_000
const RESPAWN_AFTER_MS = 1_000

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
  const systemd = existsSync('/run/systemd/system')
  if (systemd) await run(['systemctl', 'start', 'docker'])
  else await ensureCgroups()
  const deadline = performance.now() + DAEMON_READY_WITHIN_MS
  let daemon: ChildProcess | undefined
  let again = 0
  let problem = await pingProblem(docker)
  while (problem !== undefined) {
    if (performance.now() > deadline) throw new HostError(`the Docker Engine does not come up (${problem}); it says: ${lastWords()}`)
    // A daemon that leaves has found another's pid file: of one that was started at the same moment, which is no harm, or of one that
    // was killed and is not buried yet, after which the next one stays.
    if (!systemd && performance.now() > again && (daemon === undefined || daemon.exitCode !== null)) {
      daemon = spawnDaemon()
      again = performance.now() + RESPAWN_AFTER_MS
    }
    await sleep(100)
    problem = await pingProblem(docker)
  }
}

function spawnDaemon(): ChildProcess {
  const log = openSync(DAEMON_LOG, 'a')
  const daemon = spawn(findProgram('dockerd')!, [], { detached: true, stdio: ['ignore', log, log] })
  daemon.unref()
  closeSync(log)
  return daemon
}

/** Where no init system has mounted the kernel's control groups, Debian's own script does. */
async function ensureCgroups(): Promise<void> {
  const mounted = ['/sys/fs/cgroup/cgroup.controllers', '/sys/fs/cgroup/devices'].some(path => existsSync(path))
  if (mounted) return
  if (!findProgram('cgroupfs-mount')) await install([['cgroupfs-mount']])
  await run(['cgroupfs-mount'])
}

function lastWords(): string {
  if (!existsSync(DAEMON_LOG)) return 'nothing'
  const lines = readFileSync(DAEMON_LOG, 'utf8').trim().split('\n')
  return (lines.findLast(line => /failed|fatal|error/i.test(line)) ?? lines.at(-1) ?? '').slice(0, 500)
}
