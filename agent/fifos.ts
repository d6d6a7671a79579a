import { execFile } from 'node:child_process'

/** Node has no call for it. */
export function makeFifos(paths: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile('mkfifo', ['-m', '0666', ...paths], error => (error ? reject(error) : resolve()))
  })
}
