// The product as it is deployed: the template through the CDK CLI into an AWS that is not ours, kubectl against what came of it.
import { join } from 'node:path'
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type KubectlVersion, runProgram, toolsFolder } from '../tools/kubectl.ts'
import { eventually } from '../tools/wait.ts'
import { attachLocalEcs, type LocalEcs } from './local-ecs.ts'
import { unavailable } from './ministack.ts'
import { Target } from './target.ts'

const why = process.env.AWS_ENDPOINT_URL || process.env.ZEROPLANE_DEPLOY_PROFILE ? undefined : unavailable()
if (why) console.warn(`The deploy suite is skipped: ${why}.`)

const kubectlPath = async (version: KubectlVersion) => join(await toolsFolder(version), 'kubectl/kubectl')
const VERSIONS: KubectlVersion[] = ['1.36', '1.22']

describe.skipIf(why)('a deployed Zeroplane', () => {
  let target: Target
  let ecs: LocalEcs | undefined

  beforeAll(async () => {
    target = await Target.open()
    await target.script('main.ts', 'deploy', '--stack', target.stack, '--yes')
    await target.writeKubeconfig()
    if (target.emulated) ecs = await attachEcs() // before the first request: its nodes are made at the first start
  }, 600_000)

  afterAll(async () => {
    await ecs?.close()
    await target?.close()
  }, 60_000)

  /** An emulator's ECS is no ECS: the one of localstack/ takes its place, behind the deployed functions. */
  async function attachEcs(): Promise<LocalEcs> {
    const lambda = new LambdaClient(target.client())
    const { ApiFunction, DispatchFunction, ReconcileFunction, TasksFunction, TickFunction, EcsCluster } = await target.outputs()
    return await attachLocalEcs({
      lambda,
      functions: [ApiFunction!, DispatchFunction!, ReconcileFunction!, TasksFunction!, TickFunction!],
      tasksFunction: TasksFunction!,
      cluster: EcsCluster!,
      api: target.front,
    })
  }

  async function kubectl(version: KubectlVersion, line: string, input?: string): Promise<string> {
    const { code, stdout, stderr } = await runProgram(await kubectlPath(version), line.split(' '), {
      env: target.environment,
      ...(input ? { input } : {}),
    })
    if (code !== 0) throw new Error(`kubectl ${line} ended with ${code}:\n${stderr}`)
    return stdout
  }

  test('says what it costs and who administers it before it changes anything', async () => {
    const said = await target.script('main.ts', 'deploy', '--stack', target.stack, '--yes')
    expect(said).toMatch(/Idle, it costs about \$0\.\d\d a month/)
    expect(said).toMatch(/Administrator of the cluster: arn:aws/)
  }, 300_000)

  test.each(VERSIONS)(
    'kubectl %s gets, applies, changes and deletes',
    async version => {
      expect(await kubectl(version, 'get namespaces -o name')).toContain('namespace/default')
      const name = `settings-${version.replace('.', '-')}`
      const manifest = (value: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {key: "${value}"}\n`
      expect(await kubectl(version, 'apply -f -', manifest('one'))).toBe(`configmap/${name} created\n`)
      expect(await kubectl(version, 'apply -f -', manifest('one'))).toBe(`configmap/${name} unchanged\n`)
      expect(await kubectl(version, 'apply -f -', manifest('two'))).toBe(`configmap/${name} configured\n`)
      expect(await kubectl(version, `get configmap ${name} -o jsonpath={.data.key}`)).toBe('two')
      expect(await kubectl(version, `delete configmap ${name} --wait=false`)).toContain('deleted')
      expect(await kubectl(version, `get configmap ${name} --ignore-not-found`)).toBe('')
    },
    180_000,
  )

  test('a watch shows what happens meanwhile', async () => {
    // Where answers are not streamed, a watch shows nothing before it ends: so it is a short one.
    const path = '/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=4'
    const watching = kubectl('1.36', `get --raw ${path}`)
    await eventually(
      'the watch to be there',
      async () => (await kubectl('1.36', 'create configmap watched --from-literal=a=b')) !== '',
      10_000,
    )
    const events = (await watching)
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { type: string; object: { metadata: { name: string } } })
    expect(events.some(e => e.type === 'ADDED' && e.object.metadata.name === 'watched')).toBe(true)
  }, 60_000)

  test('who proves no identity, or one for another cluster, is refused', async () => {
    const { code, stderr } = await runProgram(await kubectlPath('1.36'), ['--token', 'made-up', 'get', 'namespaces'], {
      env: target.environment,
    })
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/Unauthorized|logged in|forbidden/i)
  }, 60_000)

  test('the deployed pipeline turns a Deployment into Ready pods', async () => {
    const ready = async (count: number) =>
      (await kubectl('1.36', 'get deployment web -o jsonpath={.status.readyReplicas}')) === String(count)
    const pods = async () => (await kubectl('1.36', 'get pods -l app=web -o name')).trim().split('\n').filter(Boolean)
    await kubectl('1.36', 'create deployment web --image=public.ecr.aws/docker/library/nginx:stable --replicas=2')
    await eventually('two Ready pods', () => ready(2), 120_000)
    await kubectl('1.36', 'scale deployment web --replicas=3')
    await eventually('three Ready pods', () => ready(3), 120_000)
    expect(await kubectl('1.22', 'get deployment web')).toMatch(/web +3\/3 +3 +3/)
    await kubectl('1.36', 'delete deployment web')
    await eventually('no pods', async () => (await pods()).length === 0, 120_000)
  }, 500_000)

  test('an update of the stack keeps every object', async () => {
    await kubectl('1.36', 'create configmap kept --from-literal=a=b')
    await target.script('main.ts', 'deploy', '--stack', target.stack, '--yes', '-c', 'logRetentionDays=30')
    expect(await kubectl('1.36', 'get configmap kept -o jsonpath={.data.a}')).toBe('b')
  }, 300_000)

  test('destroy leaves nothing', async () => {
    const table = await target.outputs()
    const name = Object.entries(table).find(([key]) => key.includes('TableName'))![1]
    const dynamodb = new DynamoDBClient(target.client())
    await dynamodb.send(new DescribeTableCommand({ TableName: name }))
    await target.script('main.ts', 'destroy', '--stack', target.stack)
    await expect(dynamodb.send(new DescribeTableCommand({ TableName: name }))).rejects.toThrow()
    await expect(new CloudFormationClient(target.client()).send(new DescribeStacksCommand({ StackName: target.stack }))).rejects.toThrow(
      /does not exist/,
    )
  }, 300_000)
})
