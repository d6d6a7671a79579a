// The product as it is deployed: the template through the CDK CLI into an AWS that is not ours, kubectl against what came of it.
import { join } from 'node:path'
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import {
  DeleteTableCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  PutItemCommand,
  paginateScan,
  UpdateContinuousBackupsCommand,
} from '@aws-sdk/client-dynamodb'
import {
  GetEventSourceMappingCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda'
import { GetScheduleCommand, ListSchedulesCommand, SchedulerClient, UpdateScheduleCommand } from '@aws-sdk/client-scheduler'
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createIamToken } from '../../shared/aws/iam-token.ts'
import { type KubectlVersion, runProgram, toolsFolder } from '../tools/kubectl.ts'
import { eventually } from '../tools/wait.ts'
import { attachLocalEcs, type LocalEcs } from './local-ecs.ts'
import { unavailable } from './ministack.ts'
import { onAwsOnly, reportSkipped } from './skips.ts'
import { Target } from './target.ts'

const why = process.env.AWS_ENDPOINT_URL || process.env.ZEROPLANE_DEPLOY_PROFILE ? undefined : unavailable()
if (why) console.warn(`The deploy suite is skipped: ${why}.`)

/** Made first, looked at last: it takes up to a minute to be due. */
const EVERY_MINUTE = `
apiVersion: batch/v1
kind: CronJob
metadata: {name: minutely}
spec:
  schedule: "* * * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: app, image: "public.ecr.aws/docker/library/busybox:stable", command: [sleep, "5"]}]
`

const kubectlPath = async (version: KubectlVersion) => join(await toolsFolder(version), 'kubectl/kubectl')
const RESTORED = 'zeroplane-test-restored'
const tableName = (outputs: Record<string, string>) => Object.entries(outputs).find(([key]) => key.includes('TableName'))![1]
const VERSIONS: KubectlVersion[] = ['1.36', '1.22']

describe.skipIf(why)('a deployed Zeroplane', () => {
  let target: Target
  let ecs: LocalEcs | undefined
  /** The stack's own table. */
  let own: string

  beforeAll(async () => {
    target = await Target.open()
    await target.deploy()
    await target.writeKubeconfig()
    if (target.emulated) ecs = await attachEcs() // before the first request: its nodes are made at the first start
    await kubectl('1.36', 'apply -f -', EVERY_MINUTE)
  }, 600_000)

  afterAll(async () => {
    reportSkipped()
    await ecs?.close()
    await target?.close()
  }, 60_000)

  /** An emulator's ECS is no ECS: the one of localstack/ takes its place, behind the deployed functions. */
  async function attachEcs(): Promise<LocalEcs> {
    const lambda = new LambdaClient(target.client())
    const { ApiFunction, DispatchFunction, ReconcileFunction, TasksFunction, TickFunction, EcsCluster } = await target.outputs()
    const local = await attachLocalEcs({
      lambda,
      functions: [ApiFunction!, DispatchFunction!, ReconcileFunction!, TasksFunction!, TickFunction!],
      tasksFunction: TasksFunction!,
      cluster: EcsCluster!,
      api: target.front,
    })
    target.ecsEndpoint = local.endpoint
    return local
  }

  /** Words are parted by blanks. */
  async function kubectl(version: KubectlVersion, line: string, input?: string): Promise<string> {
    const { code, stdout, stderr } = await runProgram(await kubectlPath(version), line.split(' '), {
      env: target.environment,
      ...(input ? { input } : {}),
    })
    if (code !== 0) throw new Error(`kubectl ${line} ended with ${code}:\n${stderr}`)
    return stdout
  }

  test('says what it costs and who administers it before it changes anything', async () => {
    const said = await target.deploy()
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

  test('a second cluster is made by its object, has pods of its own, and leaves nothing', async () => {
    const cluster = 'apiVersion: zeroplane.dev/v1alpha1\nkind: Cluster\nmetadata: {name: pr-1}\n'
    expect(await kubectl('1.36', 'apply -f -', cluster)).toBe('cluster.zeroplane.dev/pr-1 created\n')
    const inside = `--kubeconfig ${await target.writeKubeconfig('pr-1')}`
    const pods = async (where: string) =>
      (await kubectl('1.36', `${where} get pods -l app=same -o name`.trim())).trim().split('\n').filter(Boolean)
    for (const where of ['', inside])
      await kubectl('1.36', `${where} create deployment same --image=public.ecr.aws/docker/library/nginx:stable`.trim())
    const ready = async (where: string) =>
      (await kubectl('1.36', `${where} get deployment same -o jsonpath={.status.readyReplicas}`.trim())) === '1'
    await eventually('its pod', () => ready(inside), 180_000)
    await eventually('the pod of the other', () => ready(''), 180_000)
    expect(await pods(inside)).not.toEqual(await pods(''))
    expect(await kubectl('1.22', `${inside} get deployments -o name`)).toBe('deployment.apps/same\n')

    await kubectl('1.36', 'delete cluster pr-1 --wait=false')
    await eventually('it to be gone', async () => (await kubectl('1.36', 'get clusters -o name')) === '', 240_000)
    expect(await ready('')).toBe(true)
    const left: string[] = []
    const table = { TableName: tableName(await target.outputs()), ConsistentRead: true }
    for await (const { Items = [] } of paginateScan({ client: new DynamoDBClient(target.client()) }, table))
      left.push(...Items.map(({ pk }) => pk!.S!).filter(pk => pk.startsWith('c/pr-1.')))
    expect(left).toEqual([])
    await kubectl('1.36', 'delete deployment same')
  }, 600_000)

  test('work that is due within minutes comes through the delay queue: a CronJob has its Job, and the Job its pod', async () => {
    const jobs = async () => (await kubectl('1.36', 'get jobs -o name')).includes('job.batch/minutely-')
    await eventually('the first Job', jobs, 120_000)
    await eventually('its pod', async () => (await kubectl('1.36', 'get pods -o name')).includes('pod/minutely-'), 60_000)
    await kubectl('1.36', 'delete cronjob minutely')
  }, 200_000)

  test('work that is due later comes through Scheduler: its schedule fires the deployed tick function, which finds a change that was lost', async () => {
    const lambda = new LambdaClient(target.client())
    const scheduler = new SchedulerClient(target.client())
    const { DispatchFunction, ScheduleGroup } = await target.outputs()
    const stream = (await lambda.send(new ListEventSourceMappingsCommand({ FunctionName: DispatchFunction }))).EventSourceMappings!.find(
      ({ EventSourceArn }) => EventSourceArn?.includes(':dynamodb:'),
    )!
    const listen = async (Enabled: boolean) => {
      await lambda.send(new UpdateEventSourceMappingCommand({ UUID: stream.UUID, Enabled }))
      await eventually(
        'the stream to be read, or not',
        async () =>
          (await lambda.send(new GetEventSourceMappingCommand({ UUID: stream.UUID }))).State === (Enabled ? 'Enabled' : 'Disabled'),
        180_000,
      )
    }
    await listen(false)
    await kubectl('1.36', 'create deployment unheard --image=public.ecr.aws/docker/library/nginx:stable')
    // The product's own schedule, which would fire an hour after the last change, is set to the next moment.
    const { Schedules = [] } = await scheduler.send(new ListSchedulesCommand({ GroupName: ScheduleGroup }))
    const all = await Promise.all(Schedules.map(({ Name, GroupName }) => scheduler.send(new GetScheduleCommand({ Name, GroupName }))))
    const resync = all.find(({ Target }) => Target?.Input?.includes('"resync":true'))!
    expect(resync.ActionAfterCompletion).toBe('DELETE')
    const { Name, GroupName, Target, FlexibleTimeWindow, ActionAfterCompletion, ScheduleExpressionTimezone } = resync
    const soon = new Date(Date.now() + 2000).toISOString().slice(0, 19)
    const again = { Name, GroupName, Target, FlexibleTimeWindow, ActionAfterCompletion, ScheduleExpressionTimezone }
    await scheduler.send(new UpdateScheduleCommand({ ...again, ScheduleExpression: `at(${soon})` }))
    // Not until the Deployment says so: that its pod is Ready is a change, too, and goes unheard.
    const phase = () => kubectl('1.36', 'get pods -l app=unheard -o jsonpath={.items[*].status.phase}')
    await eventually('the pod of the Deployment that nobody was told of to run', async () => (await phase()) === 'Running', 180_000)
    await listen(true)
    await kubectl('1.36', 'delete deployment unheard')
  }, 600_000)

  onAwsOnly(
    'a watch streams: its first event is there long before its end',
    'answers of a Function URL are not streamed; test/host/function-url.test.ts has it with the local host',
    async () => {
      const { code, stdout } = await runProgram(await kubectlPath('1.36'), ['get', 'namespaces', '--watch', '-o', 'name'], {
        env: target.environment,
        timeout: 20_000,
      })
      expect(code).not.toBe(0) // it would have gone on for minutes
      expect(stdout).toContain('namespace/default')
    },
    60_000,
  )

  onAwsOnly(
    'a token with a forged signature is refused',
    'STS takes any signature; shared/aws/iam-token.test.ts has what comes before its call',
    async () => {
      const { token } = await createIamToken('default')
      const forged = `${token.slice(0, -8)}${token.endsWith('AAAAAAAA') ? 'BBBBBBBB' : 'AAAAAAAA'}`
      const args = ['--token', forged, 'get', 'namespaces']
      const { code } = await runProgram(await kubectlPath('1.36'), args, { env: target.environment })
      expect(code).not.toBe(0)
    },
    60_000,
  )

  onAwsOnly(
    'the table forgets what is old, and can be set back to any second',
    'time to live and point-in-time recovery are ignored in a template; cdk/stack.test.ts has the template',
    async () => {
      const dynamodb = new DynamoDBClient(target.client())
      const TableName = tableName(await target.outputs())
      const { TimeToLiveDescription } = await dynamodb.send(new DescribeTimeToLiveCommand({ TableName }))
      expect(TimeToLiveDescription).toMatchObject({ TimeToLiveStatus: 'ENABLED', AttributeName: 'expires' })
      const { ContinuousBackupsDescription } = await dynamodb.send(new DescribeContinuousBackupsCommand({ TableName }))
      expect(ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus).toBe('ENABLED')
    },
    60_000,
  )

  onAwsOnly(
    'a stream record that cannot be read ends in the queue of failures',
    'failed items of a stream batch are lost; test/chaos has it with event shapes',
    async () => {
      const TableName = tableName(await target.outputs())
      const text = (S: string) => ({ S })
      const Item = {
        pk: text('c/default/l//configmaps'),
        sk: text('none'),
        type: text('created'),
        key: text('default/x'),
        body: text('none'),
      }
      await new DynamoDBClient(target.client()).send(new PutItemCommand({ TableName, Item }))
      const { FailuresQueue } = await target.outputs()
      const ask = new ReceiveMessageCommand({ QueueUrl: FailuresQueue, WaitTimeSeconds: 10 })
      const sqs = new SQSClient(target.client())
      await eventually('its description', async () => ((await sqs.send(ask)).Messages?.length ?? 0) > 0, 500_000)
    },
    600_000,
  )

  test('an update of the stack keeps every object', async () => {
    await kubectl('1.36', 'create configmap kept --from-literal=a=b')
    await target.deploy('logRetentionDays=30')
    expect(await kubectl('1.36', 'get configmap kept -o jsonpath={.data.a}')).toBe('b')
  }, 300_000)

  test('a restored copy of the table can take its place', async () => {
    if (target.emulated) {
      // The template's word for it is ignored there.
      const on = { TableName: tableName(await target.outputs()), PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } }
      await new DynamoDBClient(target.client()).send(new UpdateContinuousBackupsCommand(on))
    }
    await kubectl('1.36', 'create configmap before --from-literal=a=b')
    own = tableName(await target.outputs())
    const said = await target.script('restore.ts', '--stack', target.stack, '--to', RESTORED)
    const stream = /existingTable=(arn:\S+)/.exec(said)?.[1]
    expect(stream).toContain(`table/${RESTORED}/stream/`)
    await kubectl('1.36', 'create configmap after --from-literal=a=b')
    await target.deploy(`existingTable=${stream}`)
    if (target.emulated) {
      await ecs?.close()
      ecs = await attachEcs() // the deployment has set the functions' environment anew
    }
    const names = await kubectl('1.36', 'get configmaps -o name')
    expect(names).toContain('configmap/before')
    expect(names).not.toContain('configmap/after')
    // Its stream is read, too: the pipeline works on it.
    await kubectl('1.36', 'create namespace restored')
    await eventually('its ServiceAccount', async () => (await kubectl('1.36', 'get serviceaccounts -n restored -o name')) !== '', 60_000)
  }, 600_000)

  test('destroy leaves nothing: no pod, no queue of a WorkQueue, no table', async () => {
    await kubectl('1.36', 'create deployment last --image=public.ecr.aws/docker/library/nginx:stable --replicas=2')
    await eventually(
      'its pods',
      async () => (await kubectl('1.36', 'get deployment last -o jsonpath={.status.readyReplicas}')) === '2',
      180_000,
    )
    const dynamodb = new DynamoDBClient(target.client())
    const tasks = await ecs?.tasks()
    if (tasks) expect(tasks.length).toBeGreaterThanOrEqual(2)
    await dynamodb.send(new DescribeTableCommand({ TableName: own }))
    const said = await target.script('main.ts', 'destroy', '--stack', target.stack)
    expect(said).toMatch(/Stopped [1-9]\d* pods/)
    expect((await ecs?.tasks()) ?? []).toEqual([])
    await expect(dynamodb.send(new DescribeTableCommand({ TableName: own }))).rejects.toThrow()
    // What existed before is not the stack's to delete.
    await dynamodb.send(new DeleteTableCommand({ TableName: RESTORED }))
    await expect(new CloudFormationClient(target.client()).send(new DescribeStacksCommand({ StackName: target.stack }))).rejects.toThrow(
      /does not exist/,
    )
  }, 300_000)
})
