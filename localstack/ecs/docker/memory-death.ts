// Whether the kernel ended a container because it took more memory than it may have. The engine tells of that apart from the exit:
//
//   kernel : oom-kill (log)   process gone    cgroup removed
//   shim   :     eventfd -> its epoll loop -- "oom" -->         (nothing, when the cgroup is gone by the time the loop looks)
//                                 exit -- "die" -->
//
// So "oom" may come before "die", after it, or never; after it, OOMKilled stays false (seen on a busy machine, up to 0.2 s after). The kernel's own log is written before the process is killed and names the
// container's cgroup; it is the witness where it can be read (Linux, root), and waiting a moment for a late "oom" is the other.
import { closeSync, constants, openSync, readSync } from 'node:fs'
import type { Clock } from '../../aws/clock.ts'

/** How long "oom" may come after "die". */
const PATIENCE = 1000
/** No record of the kernel's log is longer. */
const RECORD = 8192

export const KILLED = 137

export interface Witness {
  readonly clock: Clock
  /** Lines that the kernel wrote. Empty: nobody may read them here. */
  readonly kernelLog: () => readonly string[]
}

/** For an exit that nobody ordered. `told` resolves with the engine's "oom" event. */
export async function endedForMemory(id: string, told: Promise<void>, { clock, kernelLog }: Witness): Promise<boolean> {
  // Each kill is one line: "oom-kill:constraint=CONSTRAINT_MEMCG,...,oom_memcg=/parent/<id>,task_memcg=/parent/<id>,task=..."
  if (kernelLog().some(line => line.includes('oom-kill:') && line.includes(`/${id}`))) return true
  return new Promise(resolve => {
    const cancel = clock.at(clock.now() + PATIENCE, () => resolve(false))
    void told.then(() => {
      cancel()
      resolve(true)
    })
  })
}

export function readKernelLog(): string[] {
  const lines: string[] = []
  let file: number
  try {
    file = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK)
  } catch {
    return lines
  }
  const buffer = Buffer.alloc(RECORD)
  try {
    for (;;) {
      try {
        lines.push(buffer.toString('utf8', 0, readSync(file, buffer)))
      } catch (error) {
        // EPIPE: that record was overwritten meanwhile, and the next read goes on behind it. EAGAIN: that was all.
        if ((error as NodeJS.ErrnoException).code !== 'EPIPE') return lines
      }
    }
  } finally {
    closeSync(file)
  }
}
