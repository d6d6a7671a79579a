// How a session's end is told to clients: a Status on the error channel since version 4 of the protocol, plain text before.
import type { Outcome } from '../shared/pods/tunnel-protocol.ts'

const exited = (code: number) => `command terminated with non-zero exit code: exit status ${code}`

/** What kubectl takes its own exit code from. */
export function outcomeStatus({ exitCode, error }: Outcome): object {
  if (error !== undefined) {
    return {
      metadata: {},
      status: 'Failure',
      message: `Internal error occurred: ${error}`,
      reason: 'InternalError',
      details: { causes: [{ message: error }] },
      code: 500,
    }
  }
  if (exitCode === undefined || exitCode === 0) return { metadata: {}, status: 'Success' }
  return {
    metadata: {},
    status: 'Failure',
    message: exited(exitCode),
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  }
}

/** Empty: nothing is said. */
export function outcomeText({ exitCode, error }: Outcome): string {
  return error ?? (exitCode ? exited(exitCode) : '')
}
