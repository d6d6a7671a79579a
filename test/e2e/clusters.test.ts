// A second cluster beside the first, with the kubectl of today and of 2021: made, used, deleted, and nothing of it left.
import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb'
import { DescribeTasksCommand, ECSClient, ListTasksCommand } from '@aws-sdk/client-ecs'
import { ListSchedulesCommand, SchedulerClient } from '@aws-sdk/client-scheduler'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Pod } from '../../shared/api/core/v1.ts'
import { Cluster, ROOT } from '../tools/cluster.ts'
import { type KubectlVersion, runProgram } from '../tools/kubectl.ts'
import { eventually } from '../tools/wait.ts'

let deployment: Cluster
beforeAll(async () => {
  deployment = await Cluster.prepare({ flags: ['--ecs', 'simulated'] })
  await deployment.start()
})
afterAll(() => deployment?.destroy())

const manifest = (name: string) => `{"apiVersion":"zeroplane.dev/v1alpha1","kind":"Cluster","metadata":{"name":"${name}"}}`
const inside = (cluster: string, line: string) => deployment.kubectl(`--context zeroplane-${cluster} ${line}`)
const pods = async (context: string) =>
  (JSON.parse(await deployment.kubectl(`--context ${context} get pods -o json`)) as { items: Pod[] }).items

const access = (cluster: string) =>
  runProgram('npm', ['run', 'kubeconfig', '--', '--local', '--data', deployment.dataDir, '--cluster', cluster], {
    timeout: 60_000,
    env: { INIT_CWD: ROOT },
  })

async function make(name: string): Promise<void> {
  expect(await deployment.apply(manifest(name))).toBe(`cluster.zeroplane.dev/${name} created\n`)
  const { code, stdout } = await access(name)
  expect(code).toBe(0)
  expect(stdout).toContain(`--context zeroplane-${name}`)
}

const aws = () => ({
  endpoint: `http://127.0.0.1:${deployment.awsPort}`,
  region: 'us-east-1',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
})

/** What the store has of clusters of this name. */
async function keys(name: string): Promise<string[]> {
  const client = new DynamoDBClient(aws())
  const found: string[] = []
  for await (const { Items = [] } of paginateScan({ client }, { TableName: 'zeroplane', ConsistentRead: true }))
    found.push(...Items.map(({ pk }) => pk!.S!).filter(pk => pk.startsWith(`c/${name}.`)))
  client.destroy()
  return found
}

/** The groups of the tasks that run: "pod/<cluster>/<namespace>/<name>/<launch>". */
async function tasks(): Promise<string[]> {
  const client = new ECSClient(aws())
  const { taskArns = [] } = await client.send(new ListTasksCommand({ cluster: 'zeroplane' }))
  const described =
    taskArns.length === 0 ? [] : (await client.send(new DescribeTasksCommand({ cluster: 'zeroplane', tasks: taskArns }))).tasks
  client.destroy()
  return (described ?? []).map(({ group }) => group ?? '')
}

async function schedules(): Promise<number> {
  const client = new SchedulerClient(aws())
  const { Schedules = [] } = await client.send(new ListSchedulesCommand({ GroupName: 'zeroplane', MaxResults: 100 }))
  client.destroy()
  return Schedules.length
}

test('one is made by its object, and works at once', async () => {
  await make('pr-1')
  expect(await deployment.kubectl('get clusters')).toMatch(/^NAME +STATUS +PATH +AGE\npr-1 +Active +\/clusters\/pr-1 +\d+s\n$/)
  for (const version of ['1.36', '1.22'] as KubectlVersion[]) {
    const { stdout } = await deployment.try(version, ['--context', 'zeroplane-pr-1', 'get', 'namespaces', '-o', 'name'])
    expect(stdout.trim().split('\n')).toEqual(expect.arrayContaining(['namespace/default', 'namespace/kube-system']))
  }
  expect(await inside('pr-1', 'explain deployment.spec.replicas')).toContain('Number of desired pods')
  await expect(inside('pr-1', 'get clusters')).rejects.toThrow(/the server doesn't have a resource type "clusters"/)
})

test('a Deployment of one name runs in both, each with pods of its own', async () => {
  for (const context of ['zeroplane', 'zeroplane-pr-1']) {
    await deployment.kubectl(`--context ${context} apply -f examples/deployment.yaml`)
    await deployment.kubectl(`--context ${context} rollout status deployment/demo --timeout=120s`)
  }
  const [home, pr] = [await pods('zeroplane'), await pods('zeroplane-pr-1')]
  expect([home.length, pr.length]).toEqual([3, 3])
  expect(new Set([...home, ...pr].map(({ metadata }) => metadata.uid)).size).toBe(6)
  const running = await tasks()
  expect(running.filter(group => group.startsWith('pod/default/'))).toHaveLength(3)
  expect(running.filter(group => group.startsWith('pod/pr-1.'))).toHaveLength(3)
  await inside('pr-1', 'scale deployment demo --replicas=1')
  await eventually('one pod is left there', async () => (await pods('zeroplane-pr-1')).length === 1)
  expect(await pods('zeroplane')).toHaveLength(3)
  // Its events are its own.
  expect(await inside('pr-1', 'get events')).toContain('from 3 to 1')
  expect(await deployment.kubectl('get events')).not.toContain('from 3 to 1')
})

test('the restarted deployment serves both as before', async () => {
  await deployment.stop()
  await deployment.start()
  expect(await pods('zeroplane')).toHaveLength(3)
  expect(await pods('zeroplane-pr-1')).toHaveLength(1)
  await inside('pr-1', 'scale deployment demo --replicas=2')
  await inside('pr-1', 'rollout status deployment/demo --timeout=120s')
})

test('deleted, it stops its pods and leaves nothing; the other does not notice', async () => {
  // A time far away, which becomes a schedule.
  const before = await schedules()
  await inside('pr-1', "create cronjob yearly --image=demo:1 --schedule='0 0 1 1 *'")
  await eventually('its next time is noted', async () => (await schedules()) > before)
  expect((await keys('pr-1')).length).toBeGreaterThan(100)
  const home = (await pods('zeroplane')).map(({ metadata }) => metadata.uid).sort()

  expect(await deployment.kubectl('delete cluster pr-1 --timeout=120s', { timeout: 130_000 })).toContain('"pr-1" deleted')
  expect(await deployment.kubectl('get clusters -o name')).toBe('')
  expect(await keys('pr-1')).toEqual([])
  expect((await tasks()).filter(group => group.startsWith('pod/pr-1.'))).toEqual([])
  await expect(inside('pr-1', 'get pods')).rejects.toThrow(/clusters.zeroplane.dev "pr-1" not found/)
  expect((await pods('zeroplane')).map(({ metadata }) => metadata.uid).sort()).toEqual(home)
})

test('made again under its name it is empty, and the old access does not open it', async () => {
  expect(await deployment.apply(manifest('pr-1'))).toContain('created')
  await expect(inside('pr-1', 'get pods')).rejects.toThrow(/Unauthorized|must be logged in/)
  expect((await access('pr-1')).code).toBe(0)
  expect(await pods('zeroplane-pr-1')).toEqual([])
  await inside('pr-1', 'apply -f examples/deployment.yaml')
  await inside('pr-1', 'rollout status deployment/demo --timeout=120s')
  await deployment.kubectl('delete cluster pr-1 --timeout=120s', { timeout: 130_000 })
  expect(await keys('pr-1')).toEqual([])
})

test('access to a cluster that is not there is refused in words', async () => {
  const { code, stderr } = await access('pr-9')
  expect(code).not.toBe(0)
  expect(stderr).toContain('clusters.zeroplane.dev "pr-9" not found')
})
