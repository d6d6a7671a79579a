// npm run kubeconfig: writes a kubeconfig for a deployed stack. It holds no secret: kubectl asks credential.ts for a token. With --local it
// adds a cluster of the local deployment to the kubeconfig that npm start has written.
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
  local?: boolean
  data: string
}

/** The cluster that paths without a name mean, unless the deployment names it otherwise; then its name in the path means it, too. */
const DEFAULT = 'default'

const program = new Command('kubeconfig')
  .description('Writes a kubeconfig for a deployed stack.')
  .option('--stack <name>', 'name of the stack', 'zeroplane')
  .option('--cluster <name>', 'cluster inside the deployment', DEFAULT)
  .option('--output <file>', 'file to write', 'zeroplane.kubeconfig')
  .option('--server <url>', "the API's address, when it is not the one in the stack's outputs")
  .option('--certificate-authority <file>', 'certificate authority of the server, when it is not a public one')
  .option('--profile <name>', 'AWS profile that kubectl shall use')
  .option('--local', 'of the deployment on this machine (npm start): adds a context to its kubeconfig')
  .option('--data <folder>', 'with --local, the data folder it was started with', '.zeroplane')
  .parse()
const options = program.opts<Options>()
if (options.local) {
  const { addLocalContext } = await import('../local-kubeconfig.ts')
  await addLocalContext(resolve(process.env.INIT_CWD ?? process.cwd(), options.data), options.cluster)
  process.exit()
}
if (options.profile) process.env.AWS_PROFILE = options.profile

const endpoint = (options.server ?? (await endpointOf(options.stack))).replace(/\/$/, '')
const server = options.cluster === DEFAULT ? endpoint : `${endpoint}/clusters/${options.cluster}`
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
          server,
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
