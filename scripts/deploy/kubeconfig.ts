// npm run kubeconfig: writes a kubeconfig for a deployed stack. It holds no secret: kubectl asks credential.ts for a token.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import { Command } from 'commander'
import { stringify } from 'yaml'

interface Options {
  stack: string
  cluster: string
  output: string
  server?: string
  certificateAuthority?: string
  profile?: string
}

const program = new Command('kubeconfig')
  .description('Writes a kubeconfig for a deployed stack.')
  .option('--stack <name>', 'name of the stack', 'zeroplane')
  .option('--cluster <name>', 'cluster inside the deployment', 'default')
  .option('--output <file>', 'file to write', 'zeroplane.kubeconfig')
  .option('--server <url>', "the API's address, when it is not the one in the stack's outputs")
  .option('--certificate-authority <file>', 'certificate authority of the server, when it is not a public one')
  .option('--profile <name>', 'AWS profile that kubectl shall use')
  .parse()
const options = program.opts<Options>()
if (options.profile) process.env.AWS_PROFILE = options.profile

const server = options.server ?? (await endpointOf(options.stack))
const root = join(import.meta.dirname, '../..')
const name = `${options.stack}-${options.cluster}`
const file = resolve(options.output)
mkdirSync(dirname(file), { recursive: true })
writeFileSync(
  file,
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [
      {
        name,
        cluster: {
          server: server.replace(/\/$/, ''),
          ...(options.certificateAuthority ? { 'certificate-authority': resolve(options.certificateAuthority) } : {}),
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
    users: [
      {
        name,
        user: {
          exec: {
            apiVersion: 'client.authentication.k8s.io/v1',
            command: join(root, 'node_modules/.bin/node'),
            args: [join(root, 'scripts/deploy/credential.ts'), '--cluster', options.cluster],
            interactiveMode: 'Never',
            ...(options.profile ? { env: [{ name: 'AWS_PROFILE', value: options.profile }] } : {}),
          },
        },
      },
    ],
  }),
  { mode: 0o600 },
)
console.log(`export KUBECONFIG=${file}`)

async function endpointOf(stack: string): Promise<string> {
  const { Stacks } = await new CloudFormationClient({}).send(new DescribeStacksCommand({ StackName: stack }))
  const endpoint = Stacks?.[0]?.Outputs?.find(output => output.OutputKey === 'Endpoint')?.OutputValue
  if (!endpoint) throw new Error(`stack ${stack} has no output "Endpoint": is it deployed in this account and region?`)
  return endpoint
}
