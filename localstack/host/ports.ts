import { createServer } from 'node:net'
import { HostError } from './host-error.ts'

/** Finds out before anything is installed or started. @throws HostError when somebody listens there already. */
export async function checkPort(port: number, flag: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? portTaken(port, flag) : cannotListen(port, error)),
    )
    server.listen(port, '127.0.0.1', () => server.close(() => resolve()))
  })
}

export function portTaken(port: number, flag: string): HostError {
  return new HostError(`port ${port} is in use by another program; give another one with ${flag}`)
}

export function cannotListen(port: number, error: Error): HostError {
  return new HostError(`cannot listen on port ${port}: ${error.message}`)
}
