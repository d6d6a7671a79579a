// The same tests over both engines: a cluster with one, a client, and a record of the events that came.
import {
  type ContainerDefinition,
  ECSClient,
  ListContainerInstancesCommand,
  RegisterTaskDefinitionCommand,
  type RegisterTaskDefinitionCommandInput,
  RunTaskCommand,
  type RunTaskCommandInput,
} from '@aws-sdk/client-ecs'
import type { StartAwsOptions } from '../../localstack/aws/index.ts'
import type { EcsOptions } from '../../localstack/ecs/index.ts'
import { eventually, type Started, start } from './kit.ts'

export interface TaskEvent {
  readonly 'detail-type': string
  readonly source: string
  readonly resources: readonly string[]
  readonly time: string
  readonly detail: {
    readonly taskArn: string
    readonly version: number
    readonly lastStatus: string
    readonly desiredStatus: string
    readonly stopCode?: string
    readonly stoppedReason?: string
    readonly startedAt?: string
    readonly attachments: readonly { type: string; status: string; details: readonly { name: string; value: string }[] }[]
    readonly containers: readonly {
      name: string
      lastStatus: string
      exitCode?: number
      reason?: string
      runtimeId?: string
      imageDigest?: string
      healthStatus?: string
    }[]
  }
}

export interface EcsKit {
  started: Started
  ecs: ECSClient
  readonly events: TaskEvent[]
  /** Registers a definition of these containers. Answers its ARN. */
  define(
    containers: readonly (Partial<ContainerDefinition> & { name: string })[],
    rest?: Partial<RegisterTaskDefinitionCommandInput>,
  ): Promise<string>
  run(taskDefinition: string, rest?: Partial<RunTaskCommandInput>): Promise<string>
  /** Waits for an event of the task with that status. */
  event(taskArn: string, lastStatus: string): Promise<TaskEvent>
  instances(): Promise<string[]>
  restart(): Promise<void>
  close(): Promise<void>
}

export const CLUSTER = 'test'
export const NETWORK = { awsvpcConfiguration: { subnets: ['subnet-1'] } }

export async function ecsKit(engine: EcsOptions, image: string, options: Partial<StartAwsOptions> = {}): Promise<EcsKit> {
  const events: TaskEvent[] = []
  const attach = async (started: Started) => {
    const { operations } = started.aws.events
    operations.PutRule({ Name: 'tasks', EventPattern: JSON.stringify({ source: ['aws.ecs'], 'detail-type': ['ECS Task State Change'] }) })
    operations.PutTargets({ Rule: 'tasks', Targets: [{ Id: 'f', Arn: 'arn:aws:lambda:us-east-1:000000000000:function:tasks' }] })
    await started.aws.attach(async (_name, event) => void events.push(event as TaskEvent))
  }
  const options_ = { ...options, ecs: { cluster: CLUSTER, ...engine } }
  const started = await start(options_)
  await attach(started)
  const kit: EcsKit = {
    started,
    ecs: new ECSClient(started.client),
    events,
    async define(containers, rest = {}) {
      const { taskDefinition } = await kit.ecs.send(
        new RegisterTaskDefinitionCommand({
          family: 'test',
          networkMode: 'awsvpc',
          requiresCompatibilities: ['EC2'],
          containerDefinitions: containers.map(container => ({ image, memory: 32, stopTimeout: 2, ...container })),
          ...rest,
        }),
      )
      return taskDefinition!.taskDefinitionArn!
    },
    async run(taskDefinition, rest = {}) {
      const { tasks, failures } = await kit.ecs.send(
        new RunTaskCommand({ cluster: CLUSTER, taskDefinition, networkConfiguration: NETWORK, ...rest }),
      )
      if (!tasks?.[0]) throw new Error(`no task: ${JSON.stringify(failures)}`)
      return tasks[0].taskArn!
    },
    event: (taskArn, lastStatus) =>
      eventually(
        () => events.find(({ detail }) => detail.taskArn === taskArn && detail.lastStatus === lastStatus),
        `${lastStatus} of ${taskArn}`,
      ),
    async instances() {
      return (await kit.ecs.send(new ListContainerInstancesCommand({ cluster: CLUSTER }))).containerInstanceArns ?? []
    },
    async restart() {
      kit.ecs.destroy()
      kit.started = await kit.started.restart()
      kit.ecs = new ECSClient(kit.started.client)
      await attach(kit.started)
    },
    async close() {
      kit.ecs.destroy()
      await kit.started.aws.ecs?.removeAll()
      await kit.started.close()
    },
  }
  return kit
}
