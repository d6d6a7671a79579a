// Installing what the machine lacks, where that is ours to do: Debian or Ubuntu, as root. Elsewhere the person is told what to install.
import { type SpawnOptions, spawn } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { HostError } from '../host-error.ts'

/** ZEROPLANE_NO_INSTALL=1 forbids it everywhere. */
export function mayInstall(): boolean {
  if (process.env.ZEROPLANE_NO_INSTALL) return false
  return process.platform === 'linux' && process.getuid?.() === 0 && isDebian() && findProgram('apt-get') !== undefined
}

function isDebian(): boolean {
  return existsSync('/etc/os-release') && /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'))
}

/** Path of an executable, or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders
    .filter(folder => folder !== '')
    .map(folder => join(folder, name))
    .find(path => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

let queue: Promise<unknown> = Promise.resolve()
let updated: ReturnType<typeof run> | undefined

/**
 * Installs the first of the alternatives that can be had. Each is a list of packages.
 * @throws HostError with apt's own words.
 */
export function install(alternatives: readonly (readonly string[])[]): Promise<void> {
  // One after the other: apt locks its lists, and does not wait for that lock as it does for dpkg's.
  const turn = queue.then(() => installNow(alternatives))
  queue = turn.catch(() => {})
  return turn
}

async function installNow(alternatives: readonly (readonly string[])[]): Promise<void> {
  const apt = ['apt-get', '-q', '-y', '-o', 'DPkg::Lock::Timeout=300']
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  updated ??= run([...apt, 'update'], { env })
  let last = await updated
  for (const packages of alternatives) {
    last = await run([...apt, 'install', '--no-install-recommends', ...packages], { env })
    if (last.code === 0) return
  }
  const wanted = alternatives.map(packages => packages.join(' ')).join(', or ')
  throw new HostError(`apt-get could not install ${wanted}: ${lastLine(last.output) || lastLine((await updated).output)}`)
}

/** Runs a program without a terminal; the output is both streams together. */
export function run(command: readonly string[], options: SpawnOptions = {}): Promise<{ code: number; output: string }> {
  return new Promise(resolve => {
    const child = spawn(command[0]!, command.slice(1), { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const collect = (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-20_000)
    }
    child.stdout?.on('data', collect)
    child.stderr?.on('data', collect)
    child.on('error', error => resolve({ code: 127, output: error.message }))
    child.on('close', code => resolve({ code: code ?? 1, output }))
  })
}

function lastLine(output: string): string {
  const lines = output.trim().split('\n')
  return lines.findLast(line => line.startsWith('E:')) ?? lines.at(-1) ?? ''
}
