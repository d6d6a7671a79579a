import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export function readPid(file: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(file, 'utf8'), 10)
    return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined
  } catch {
    return undefined
  }
}

/** True when a process of ours has this id: numbers are used again, so on Linux the command line is looked at, too. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    // A zombie has an empty command line: it has ended, and only its parent has not noticed.
    return /node|zeroplane/.test(command)
  } catch {
    return process.platform !== 'linux'
  }
}

/** True when the process has ended within the time (milliseconds). */
export async function ended(pid: number, within: number): Promise<boolean> {
  const until = performance.now() + within
  while (isRunning(pid)) {
    if (performance.now() > until) return false
    await sleep(50)
  }
  return true
}
