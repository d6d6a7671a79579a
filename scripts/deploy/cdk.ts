// Runs the CDK CLI of this repository on cdk/app.ts. The CLI and the app run on the Node that npm brought.
import { spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** Exit code of the CLI; its output goes where ours goes. */
export function runCdk(args: readonly string[], options: { quiet?: boolean } = {}): Promise<number> {
  const bin = join(root, 'node_modules/.bin')
  const child = spawn(join(bin, 'cdk'), args, {
    cwd: root,
    stdio: ['ignore', options.quiet ? 'ignore' : 'inherit', 'inherit'],
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}`, CDK_DISABLE_VERSION_CHECK: '1' },
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? (signal ? 1 : 0)))
  })
}
