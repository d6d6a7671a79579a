// What a stack's cluster has made and CloudFormation does not know of: tasks of pods, and the queues of WorkQueues. An ECS cluster with
// tasks cannot be deleted, and pods whose control plane is gone would run, and cost, for ever.
import { setTimeout as sleep } from 'node:timers/promises'
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import { DescribeTasksCommand, ECSClient, ListTasksCommand, StopTaskCommand, type Task } from '@aws-sdk/client-ecs'
import { DeleteFunctionConcurrencyCommand, LambdaClient, PutFunctionConcurrencyCommand } from '@aws-sdk/client-lambda'
import { DeleteQueueCommand, ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { queuePrefixOf } from '../../cdk/config.ts'

/** A stop takes two minutes at most; and some for the calls. */
const PATIENCE_MS = 300_000
/** ARNs that DescribeTasks takes. */
const DESCRIBE_LIMIT = 100

/** Of a stack that does not exist (any more) there are none. */
export async function outputsOf(stack: string): Promise<Readonly<Record<string, string>>> {
  try {
    const { Stacks } = await new CloudFormationClient({}).send(new DescribeStacksCommand({ StackName: stack }))
    return Object.fromEntries((Stacks?.[0]?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey!, OutputValue!]))
  } catch (error) {
    if (error instanceof Error && /does not exist/.test(error.message)) return {}
    throw error
  }
}

/** Keeps controllers from replacing what is stopped. A deployment lets them work again. */
export async function holdControllers(stack: string, hold: boolean): Promise<void> {
  const { ReconcileFunction: FunctionName } = await outputsOf(stack)
  if (FunctionName === undefined) return
  const lambda = new LambdaClient({})
  if (hold) await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 }))
  else await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName }))
}

/** Stops the tasks of all pods and waits until they are gone. Answers how many there were. @throws Error when some will not end. */
export async function stopPods(stack: string): Promise<number> {
  const { EcsCluster: cluster } = await outputsOf(stack)
  if (cluster === undefined) return 0
  const ecs = new ECSClient({ maxAttempts: 10 })
  const told = new Set<string>()
  for (const until = Date.now() + PATIENCE_MS; ; await sleep(2000)) {
    // Those that were told are listed no more, while the cluster still counts them.
    const left = (await describe(ecs, cluster, new Set([...told, ...(await running(ecs, cluster))]))).filter(isPod)
    if (left.length === 0) return told.size
    if (Date.now() > until)
      throw new Error(`${left.length} tasks of the cluster ${cluster} have not stopped, among them ${left[0]!.taskArn}`)
    for (const { taskArn } of left) {
      if (!told.has(taskArn!)) await ecs.send(new StopTaskCommand({ cluster, task: taskArn, reason: 'the deployment is destroyed' }))
      told.add(taskArn!)
    }
  }
}

/** Others may run tasks in the cluster; the gateway's is its service's. */
const isPod = ({ group, lastStatus }: Task) => group?.startsWith('pod/') && lastStatus !== 'STOPPED'

async function running(ecs: ECSClient, cluster: string): Promise<string[]> {
  const arns: string[] = []
  for (let nextToken: string | undefined; ; ) {
    const page = await ecs.send(new ListTasksCommand({ cluster, nextToken }))
    arns.push(...(page.taskArns ?? []))
    nextToken = page.nextToken
    if (nextToken === undefined) return arns
  }
}

async function describe(ecs: ECSClient, cluster: string, arns: ReadonlySet<string>): Promise<Task[]> {
  const all = [...arns]
  const tasks: Task[] = []
  for (let from = 0; from < all.length; from += DESCRIBE_LIMIT) {
    const page = await ecs.send(new DescribeTasksCommand({ cluster, tasks: all.slice(from, from + DESCRIBE_LIMIT) }))
    tasks.push(...(page.tasks ?? []))
  }
  return tasks
}

/** The queues that WorkQueue objects own, with what is in them. Answers how many there were. */
export async function deleteQueues(stack: string): Promise<number> {
  const sqs = new SQSClient({})
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: queuePrefixOf(stack), MaxResults: 1000 }))
  for (const QueueUrl of QueueUrls) await sqs.send(new DeleteQueueCommand({ QueueUrl }))
  return QueueUrls.length
}
