// What is deployed to: the emulator that this suite brings, whatever AWS_ENDPOINT_URL names, or (ZEROPLANE_DEPLOY_PROFILE) a real
// account. The tests are the same; what a target cannot do is listed by name and reported.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import { runProgram } from '../tools/kubectl.ts'
import { type Front, startFront } from './front.ts'
import { start } from './ministack.ts'

const root = join(import.meta.dirname, '../..')
const node = join(root, 'node_modules/.bin/node')

export class Target {
  readonly stack = 'zeroplane-test'
  readonly folder = mkdtempSync(join(tmpdir(), 'zeroplane-deploy-'))
  readonly #environment: Record<string, string>
  readonly #stop: () => Promise<void>
  /** True where Function URLs are served without TLS, under a path, and answers are not streamed. */
  readonly emulated: boolean
  /** Where ECS answers, if it is not the target's. */
  ecsEndpoint: string | undefined
  #front: Front | undefined

  private constructor(emulated: boolean, environment: Record<string, string>, stop: () => Promise<void>) {
    this.emulated = emulated
    this.#environment = environment
    this.#stop = stop
  }

  static async open(): Promise<Target> {
    const { ZEROPLANE_DEPLOY_PROFILE: profile, AWS_ENDPOINT_URL: endpoint } = process.env
    if (profile) return new Target(false, { AWS_PROFILE: profile }, async () => {})
    if (endpoint) return new Target(true, {}, async () => {})
    const emulator = await start()
    return new Target(true, emulator.environment, emulator.stop)
  }

  /** For processes and clients that shall talk to the target. */
  get environment(): Record<string, string> {
    return { ...this.#environment, KUBECONFIG: this.kubeconfig, ...(this.ecsEndpoint ? { AWS_ENDPOINT_URL_ECS: this.ecsEndpoint } : {}) }
  }

  get kubeconfig(): string {
    return join(this.folder, 'kubeconfig')
  }

  /** Configuration of an SDK client. */
  client(): { endpoint?: string; region?: string; credentials?: { accessKeyId: string; secretAccessKey: string } } {
    const { AWS_ENDPOINT_URL: endpoint, AWS_REGION: region, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = this.#environment
    if (!endpoint) return {}
    return { endpoint, region, credentials: { accessKeyId: AWS_ACCESS_KEY_ID!, secretAccessKey: AWS_SECRET_ACCESS_KEY! } }
  }

  /** Runs one of scripts/deploy with the target's environment. */
  async script(file: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runProgram(node, [join(root, 'scripts/deploy', file), ...args], {
      env: this.environment,
      timeout: 300_000,
    })
    if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`)
    return stdout + stderr
  }

  /** `npm run deploy` with further configuration. An emulator has no registry to push the agent's image to, and runs no containers of it. */
  deploy(...configuration: string[]): Promise<string> {
    const image = this.emulated ? ['agentImage=zeroplane/agent:emulated'] : []
    return this.script('main.ts', 'deploy', '--stack', this.stack, '--yes', ...[...image, ...configuration].flatMap(pair => ['-c', pair]))
  }

  async outputs(): Promise<Record<string, string>> {
    const { Stacks } = await new CloudFormationClient(this.client()).send(new DescribeStacksCommand({ StackName: this.stack }))
    return Object.fromEntries((Stacks?.[0]?.Outputs ?? []).map(o => [o.OutputKey!, o.OutputValue!]))
  }

  /** Writes a cluster's kubeconfig as a user would, through the HTTPS front where the target has none. Answers its file. */
  async writeKubeconfig(cluster = 'default'): Promise<string> {
    const file = cluster === 'default' ? this.kubeconfig : `${this.kubeconfig}-${cluster}`
    const args = ['--stack', this.stack, '--output', file, '--cluster', cluster]
    if (this.emulated && !this.#front) {
      const id = /https:\/\/([^.]+)\.lambda-url/.exec((await this.outputs()).Endpoint ?? '')?.[1]
      const { AWS_ENDPOINT_URL } = { ...process.env, ...this.#environment }
      this.#front = await startFront(`${AWS_ENDPOINT_URL}/_aws/lambda-url/${id}`, this.folder)
    }
    if (this.#front) args.push('--server', this.#front.url, '--certificate-authority', this.#front.ca)
    await this.script('kubeconfig.ts', ...args)
    return file
  }

  /** Where the API answers over HTTPS, and the PEM of its certificate authority; only of an emulated target. */
  get front(): { url: string; ca: string } {
    if (!this.#front) throw new Error('the target has an HTTPS address of its own')
    return { url: this.#front.url, ca: readFileSync(this.#front.ca, 'utf8') }
  }

  async close(): Promise<void> {
    await this.#front?.close()
    await this.#stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
