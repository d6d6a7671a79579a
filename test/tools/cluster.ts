// The real thing for a suite: `npm start -- --detach` on free ports with a data folder of its own, and kubectl against it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type KubectlVersion, type Result, type RunOptions, runProgram, toolsFolder } from './kubectl.ts'

export const ROOT = join(import.meta.dirname, '../..')

export interface ClusterOptions {
  readonly dataDir?: string
  readonly apiPort?: number
  readonly awsPort?: number
  readonly flags?: readonly string[]
}

export class Cluster {
  readonly dataDir: string
  readonly apiPort: number
  readonly awsPort: number
  readonly flags: readonly string[]

  private constructor(dataDir: string, apiPort: number, awsPort: number, flags: readonly string[]) {
    this.dataDir = dataDir
    this.apiPort = apiPort
    this.awsPort = awsPort
    this.flags = flags
  }

  /** A cluster with its own folder and ports, not started yet. */
  static async prepare(options: ClusterOptions = {}): Promise<Cluster> {
    const dataDir = options.dataDir ?? join(mkdtempSync(join(tmpdir(), 'zeroplane-e2e-')), 'data')
    return new Cluster(dataDir, options.apiPort ?? (await freePort()), options.awsPort ?? (await freePort()), options.flags ?? [])
  }

  get kubeconfig(): string {
    return join(this.dataDir, 'kubeconfig')
  }

  /** As a person would type it. */
  async npmStart(...flags: string[]): Promise<Result> {
    const args = ['start', '--', '--port', `${this.apiPort}`, '--aws-port', `${this.awsPort}`, '--data', this.dataDir, '--detach']
    return await runProgram('npm', [...args, ...this.flags, ...flags], { timeout: 300_000, env: { INIT_CWD: ROOT } })
  }

  /** @throws with what was printed when it does not come up. */
  async start(...flags: string[]): Promise<void> {
    const { code, stdout, stderr } = await this.npmStart(...flags)
    if (code !== 0) throw new Error(`npm start ended with ${code}:\n${stdout}${stderr}\n${this.log()}`)
  }

  async stop(...flags: string[]): Promise<Result> {
    return await runProgram('npm', ['stop', '--', '--data', this.dataDir, ...flags], { timeout: 120_000 })
  }

  get pid(): number {
    return Number.parseInt(readFileSync(join(this.dataDir, 'zeroplane.pid'), 'utf8'), 10)
  }

  log(): string {
    try {
      return readFileSync(join(this.dataDir, 'zeroplane.log'), 'utf8')
    } catch {
      return '(no log)'
    }
  }

  /** kubectl with these arguments; its exit code is the caller's to judge. */
  async try(version: KubectlVersion, args: readonly string[], options: RunOptions = {}): Promise<Result> {
    const kubectl = join(await toolsFolder(version), 'kubectl', 'kubectl')
    return await runProgram(kubectl, args, { ...options, env: { KUBECONFIG: this.kubeconfig, HOME: this.dataDir, ...options.env } })
  }

  /** kubectl 1.36, arguments as one line; answers what it printed. @throws when it fails. */
  async kubectl(line: string, options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.try('1.36', words(line), options)
    if (code !== 0) throw new Error(`kubectl ${line} ended with ${code}:\n${stdout}${stderr}`)
    return stdout
  }

  async json<T>(line: string): Promise<T> {
    return JSON.parse(await this.kubectl(`${line} -o json`)) as T
  }

  async apply(manifest: string): Promise<string> {
    return await this.kubectl('apply -f -', { input: manifest })
  }

  async destroy(): Promise<void> {
    await this.stop('--pods')
    rmSync(join(this.dataDir, '..'), { recursive: true, force: true })
  }
}

/** Splits at blanks, except inside single quotes. */
export function words(line: string): string[] {
  return (line.match(/(?:[^\s']|'[^']*')+/g) ?? []).map(word => word.replaceAll("'", ''))
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
