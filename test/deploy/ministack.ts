// An AWS that nobody here wrote: MiniStack, from PyPI, in a virtual environment of its own. Started for one run, reset by its end.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** The version whose behaviour the suite knows (what it cannot do is in docs/deploy.md). */
const VERSION = '1.5.33'
const root = join(import.meta.dirname, '../..')
const venv = join(root, `node_modules/.cache/ministack-${VERSION}`)
const program = join(venv, 'bin/ministack')

export interface Emulator {
  readonly endpoint: string
  /** What the SDK, the CDK CLI and kubectl's credential plugin need to reach it. */
  readonly environment: Record<string, string>
  stop(): Promise<void>
}

/** Why it cannot be had on this machine, or undefined. */
export function unavailable(): string | undefined {
  if (existsSync(program)) return undefined
  const python = spawnSync('python3', ['-c', 'import venv, ensurepip, sys; print(sys.version_info >= (3, 10))'], { encoding: 'utf8' })
  if (python.status !== 0) return 'python3 with venv is not installed'
  return python.stdout.trim() === 'True' ? undefined : 'python3 is older than 3.10'
}

export function install(): void {
  if (existsSync(program)) return
  console.log(`Installing MiniStack ${VERSION} into node_modules/.cache`)
  const run = (command: string, args: string[]) => {
    const { status, stderr, stdout } = spawnSync(command, args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}\n${stderr}`)
  }
  rmSync(venv, { recursive: true, force: true })
  run('python3', ['-m', 'venv', venv])
  run(join(venv, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', `ministack[full]==${VERSION}`])
}

export async function start(): Promise<Emulator> {
  install()
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'zeroplane-ministack-'))
  const log = openSync(join(folder, 'ministack.log'), 'w')
  // Functions run on the `node` of the PATH: ours, with the streaming shim.
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const node = join(bin, 'node')
  writeFileSync(
    node,
    `#!/bin/sh\nexec "${join(root, 'node_modules/node/bin/node')}" --require "${join(import.meta.dirname, 'streaming-shim.cjs')}" "$@"\n`,
  )
  chmodSync(node, 0o755)

  const child = spawn(program, [], {
    cwd: folder,
    stdio: ['ignore', log, log],
    env: {
      ...process.env,
      PATH: `${bin}${delimiter}${process.env.PATH ?? ''}`,
      GATEWAY_PORT: String(port),
      PERSIST_STATE: '0',
      IOT_MTLS_ENABLED: '0',
    },
  })
  const endpoint = `http://127.0.0.1:${port}`
  await ready(child, endpoint)
  return {
    endpoint,
    environment: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      CDK_DEFAULT_ACCOUNT: '000000000000',
      CDK_DEFAULT_REGION: 'us-east-1',
    },
    async stop() {
      const gone = new Promise(resolve => child.once('exit', resolve))
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await gone
      clearTimeout(late)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function ready(child: ChildProcess, endpoint: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (child.exitCode !== null) throw new Error(`MiniStack ended at once with code ${child.exitCode}`)
    const answer = await fetch(`${endpoint}/_ministack/health`).catch(() => undefined)
    if (answer?.ok) return
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error(`MiniStack did not answer at ${endpoint} within 30 s`)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (!address || typeof address === 'string') throw new Error('no free port')
  return address.port
}
