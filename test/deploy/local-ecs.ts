// The ECS of localstack/ behind functions that are deployed elsewhere: an emulator's own ECS has no shared network, volumes or task
// events. The functions reach it by the SDK's own AWS_ENDPOINT_URL_ECS, and its task events are handed to the deployed function by Invoke,
// with the event that EventBridge would send.
import { ECSClient, ListTasksCommand } from '@aws-sdk/client-ecs'
import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  type LambdaClient,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { type LocalAws, startAws } from '../../localstack/aws/index.ts'

export interface LocalEcs {
  readonly endpoint: string
  /** ARNs of the tasks that run. */
  tasks(): Promise<string[]>
  close(): Promise<void>
}

export interface LocalEcsOptions {
  readonly lambda: LambdaClient
  /** Names of the deployed functions that deal with tasks. */
  readonly functions: readonly string[]
  readonly tasksFunction: string
  readonly cluster: string
  /** The API as the agents of tasks reach it, and its certificate authority as PEM. */
  readonly api: { readonly url: string; readonly ca: string }
}

export async function attachLocalEcs({ lambda, functions, tasksFunction, cluster, api }: LocalEcsOptions): Promise<LocalEcs> {
  const aws = await startAws({ port: 0, ecs: { engine: 'simulated', cluster, nodes: 2, owner: 'deploy-suite' }, log: () => {} })
  forwardTaskEvents(aws, cluster)
  await aws.attach(async (_name, event) => {
    const { FunctionError, Payload } = await lambda.send(new InvokeCommand({ FunctionName: tasksFunction, Payload: JSON.stringify(event) }))
    if (FunctionError) throw new Error(`${tasksFunction}: ${Buffer.from(Payload ?? []).toString()}`)
  })
  for (const FunctionName of functions) {
    const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))
    const Variables = {
      ...Environment?.Variables,
      AWS_ENDPOINT_URL_ECS: aws.endpoint,
      REGISTRY_MIRROR: aws.endpoint,
      CONTAINER_INSTANCES: 'true',
      API_URL: api.url,
      API_CA: api.ca,
    }
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }))
  }
  const client = new ECSClient({
    endpoint: aws.endpoint,
    region: aws.identity.region,
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  })
  return {
    endpoint: aws.endpoint,
    tasks: async () => (await client.send(new ListTasksCommand({ cluster }))).taskArns ?? [],
    async close() {
      client.destroy()
      await aws.close()
    },
  }
}

function forwardTaskEvents(aws: LocalAws, cluster: string): void {
  const { region, account } = aws.identity
  const pattern = {
    source: ['aws.ecs'],
    'detail-type': ['ECS Task State Change'],
    detail: { clusterArn: [`arn:aws:ecs:${region}:${account}:cluster/${cluster}`] },
  }
  aws.events.operations.PutRule({ Name: 'tasks', EventPattern: JSON.stringify(pattern) })
  aws.events.operations.PutTargets({ Rule: 'tasks', Targets: [{ Id: 'tasks', Arn: `arn:aws:lambda:${region}:${account}:function:tasks` }] })
}
