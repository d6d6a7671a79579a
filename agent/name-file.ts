// /etc/resolv.conf and /etc/hosts of the pod. The container runtime gives all containers of a task the same files, so what the agent writes
// into its own the apps see, whatever their user and however read-only their root. Where that is not so, the holder copies them.
import { closeSync, constants, openSync, unlinkSync, writeFileSync } from 'node:fs'
import { agentPath } from '../shared/pods/agent-protocol.ts'

export function writeNameFile(name: 'resolv.conf' | 'hosts', text: string, containers: readonly string[], log: (message: string) => void) {
  try {
    // In place: it is mounted, and another file of that name would not be seen.
    writeFileSync(`/etc/${name}`, text)
  } catch (error) {
    log(`/etc/${name} cannot be written: ${(error as Error).message}`)
  }
  for (const container of containers) {
    try {
      place(`${agentPath(container)}/${name}`, text)
    } catch (error) {
      log(`${name} for container ${container}: ${(error as Error).message}`)
    }
  }
}

/** The app may be root in its container and put anything there: nothing is followed. */
function place(path: string, text: string) {
  try {
    unlinkSync(path)
  } catch {
    // It was not there.
  }
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants
  const file = openSync(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o644)
  try {
    writeFileSync(file, text)
  } finally {
    closeSync(file)
  }
}
