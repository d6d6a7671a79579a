// Runs the local cluster in this process until it is told to end.
import { startHost } from './host.ts'
import { HostError, reasonOf } from './host-error.ts'
import type { HostMessage } from './messages.ts'
import type { HostOptions } from './options.ts'
import { type Progress, progress } from './progress.ts'
import { readySummary } from './summary.ts'

/** Resolves with the exit code. */
export async function runForeground(options: HostOptions): Promise<number> {
  const inBackground = process.send !== undefined
  const shown = inBackground
    ? reportedProgress()
    : progress({ write: text => process.stderr.write(text), isTerminal: Boolean(process.stderr.isTTY), elapsed: () => performance.now() })
  const stopping = new AbortController()
  const asked = new Promise<void>(resolve => stopping.signal.addEventListener('abort', () => resolve()))
  listenToSignals(stopping)
  // A function that fails behind its invocation's back costs Lambda one environment; it shall not cost us the cluster.
  process.on('unhandledRejection', error => console.error(`unhandled: ${error instanceof Error ? error.stack : String(error)}`))

  let host: Awaited<ReturnType<typeof startHost>>
  try {
    host = await startHost(options, shown, stopping.signal)
  } catch (error) {
    shown.close()
    if (stopping.signal.aborted) return 130
    const reason = error instanceof HostError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)
    if (inBackground) report({ type: 'failed', reason })
    console.error(`zeroplane: ${reason}`)
    return 1
  }
  shown.close()
  if (inBackground) {
    report({ type: 'ready', nodes: host.nodes })
    process.disconnect?.()
  }
  console.error(readySummary(options, host.nodes, performance.now()))

  const reason = await Promise.race([asked, host.failed])
  if (reason) console.error(`zeroplane: ${reason}`)
  try {
    // Ctrl-C leaves nothing behind but the data; npm stop leaves the pods to the next start.
    await host.stop({ pods: stopping.signal.reason === 'SIGINT' })
  } catch (error) {
    console.error(`zeroplane: while stopping: ${reasonOf(error)}`)
  }
  return reason ? 1 : 0
}

/** npm passes on a Ctrl-C that the terminal has sent us already. */
const SAME_KEYSTROKE_MS = 500

/** Ctrl-C once ends it properly, twice at once. */
function listenToSignals(stopping: AbortController): void {
  let first = 0
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!stopping.signal.aborted) {
        first = performance.now()
        stopping.abort(signal)
      } else if (signal === 'SIGINT' && performance.now() - first > SAME_KEYSTROKE_MS) process.exit(130)
    })
  }
}

function report(message: HostMessage): void {
  if (process.connected) process.send?.(message)
}

/** Shows nothing here: the process that started us does. */
function reportedProgress(): Progress {
  return {
    step: name => ({
      say: text => report({ type: 'step', name, text, done: false }),
      done: (text = 'ready') => report({ type: 'step', name, text, done: true }),
    }),
    say: text => report({ type: 'say', text }),
    close() {},
  }
}
