// npm run synth | deploy | diff | destroy: the CDK CLI on our stack, and what a person wants to know around it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { Command } from 'commander'
import { principalOf } from '../../shared/aws/iam-token.ts'
import { runCdk } from './cdk.ts'
import { describeCost, describePlan, readTemplate } from './plan.ts'
import { deleteQueues, holdControllers, stopPods } from './pods.ts'

interface Options {
  stack: string
  context: string[]
  profile?: string
  yes?: boolean
}

const program = new Command('zeroplane-deploy').description(
  'Deploys Zeroplane to the AWS account of the current credentials (or to what AWS_ENDPOINT_URL names).',
)

function command(name: string, description: string, run: (options: Options, cdkArguments: string[]) => Promise<number>): void {
  program
    .command(name)
    .description(description)
    .option('--stack <name>', 'name of the stack', 'zeroplane')
    .option(
      '-c, --context <key=value...>',
      'configuration, e.g. -c logRetentionDays=30 or -c config=production.json (keys: cdk/config.ts)',
      [],
    )
    .option('--profile <name>', 'AWS profile to use')
    .option('--yes', 'do not ask before changing permissions')
    .action(async (options: Options) => {
      const context = [...options.context, `stackName=${options.stack}`].flatMap(pair => ['-c', pair])
      process.exitCode = await run(options, [...context, ...(options.profile ? ['--profile', options.profile] : [])])
    })
}

/** Runs `use` on a fresh cloud assembly in a folder of its own, so that two runs cannot meet in cdk.out. */
async function withAssembly(args: readonly string[], use: (assembly: string) => Promise<number>): Promise<number> {
  const assembly = mkdtempSync(join(tmpdir(), 'zeroplane-assembly-'))
  try {
    const code = await runCdk(['synth', '--quiet', '--output', assembly, ...args])
    return code === 0 ? await use(assembly) : code
  } finally {
    rmSync(assembly, { recursive: true, force: true })
  }
}

command(
  'synth',
  'writes the CloudFormation template to cdk.out; needs no account',
  async (_options, args) => await runCdk(['synth', '--quiet', ...args]),
)

/** The administrator: who is named, or else who deploys. Both ways the same from one deployment to the next. */
async function administrator(options: Options): Promise<string[]> {
  if (options.context.some(pair => /^(admin|config)=/.test(pair))) return []
  if (options.profile) process.env.AWS_PROFILE = options.profile
  const { Arn } = await new STSClient({}).send(new GetCallerIdentityCommand({}))
  const admin = principalOf(Arn ?? '')
  console.log(`Administrator of the cluster: ${admin} (another: -c admin=ARN)`)
  return ['-c', `admin=${admin}`]
}

command('deploy', 'creates or updates the stack', async (options, args) =>
  withAssembly([...args, ...(await administrator(options))], async assembly => {
    console.log(describePlan(readTemplate(options.stack, assembly)).join('\n'))
    console.log('The first deployment takes two to five minutes (CloudFront and the gateway take longest), an update about one.')
    const bootstrapped = await runCdk(['bootstrap', ...(options.profile ? ['--profile', options.profile] : []), '--app', assembly], {
      quiet: true,
    })
    if (bootstrapped !== 0) return bootstrapped
    const approval = options.yes ? 'never' : 'broadening'
    const code = await runCdk([
      'deploy',
      options.stack,
      '--app',
      assembly,
      '--require-approval',
      approval,
      ...(options.profile ? ['--profile', options.profile] : []),
    ])
    if (code !== 0) return code
    await holdControllers(options.stack, false)
    console.log('Deployed. Next: npm run kubeconfig, then kubectl get namespaces')
    return code
  }),
)

command('diff', 'shows what a deploy would change, and what it would cost', async (options, args) =>
  withAssembly([...args, ...(await administrator(options))], async assembly => {
    const code = await runCdk(['diff', options.stack, '--app', assembly, ...(options.profile ? ['--profile', options.profile] : [])])
    console.log(describeCost(readTemplate(options.stack, assembly)).join('\n'))
    return code
  }),
)

command('destroy', 'deletes the stack and every object in it', async (options, args) => {
  console.log(
    `Deletes stack ${options.stack}: all clusters in it, their objects and logs, running pods, the queues of WorkQueues. Takes two to five minutes.`,
  )
  if (options.profile) process.env.AWS_PROFILE = options.profile
  await holdControllers(options.stack, true)
  console.log(`Stopped ${await stopPods(options.stack)} pods, deleted ${await deleteQueues(options.stack)} queues of WorkQueues.`)
  return await runCdk(['destroy', options.stack, '--force', ...args])
})

await program.parseAsync()
