/** Something about the machine or the options keeps the local cluster from starting. The message is one line for the person at the terminal. */
export class HostError extends Error {
  override readonly name = 'HostError'
}

/** Text of whatever was thrown, on one line. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, ' ')
}
