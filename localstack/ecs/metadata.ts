// The task metadata endpoint, version 4: who am I, asked from inside a container. It listens on the address at which containers reach this
// machine, and on nothing else. Source of the shape: ECS developer guide, "Task metadata endpoint version 4".
import { createServer, type Server } from 'node:http'
import type { Container, Task, TaskDefinition } from './model.ts'
import { taskIdOf } from './model.ts'

export interface Metadata {
  /** For ECS_CONTAINER_METADATA_URI_V4. */
  uri(task: Task, container: string): string
  close(): void
}

export interface MetadataSource {
  find(taskId: string): { readonly task: Task; readonly definition: TaskDefinition } | undefined
}

/** Undefined where the address is not this machine's, as with an engine in a virtual machine. `port` 0: any. */
export async function metadataEndpoint(
  host: string,
  port: number,
  source: MetadataSource,
): Promise<(Metadata & { port: number }) | undefined> {
  const server = createServer((request, response) => {
    const [, version, id = '', ...rest] = new URL(request.url ?? '/', 'http://local').pathname.split('/')
    const [taskId = '', name = ''] = id.split(/-(.*)/s)
    const found = version === 'v4' ? source.find(taskId) : undefined
    const container = found?.task.containers.find(one => one.name === name)
    const body = found && container && answer(rest.join('/'), found, container)
    response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body ?? { message: 'no such task, container or path' }))
  })
  const bound = (await listen(server, host, port)) ?? (port === 0 ? undefined : await listen(server, host, 0))
  if (bound === undefined) return undefined
  server.unref()
  return {
    port: bound,
    uri: (task, name) => `http://${host}:${bound}/v4/${taskIdOf(task.taskArn)}-${name}`,
    close: () => void server.close(),
  }
}

function listen(server: Server, host: string, port: number): Promise<number | undefined> {
  return new Promise(resolve => {
    const failed = () => resolve(undefined)
    server.once('error', failed)
    server.listen(port, host, () => {
      server.off('error', failed)
      resolve((server.address() as { port: number }).port)
    })
  })
}

type Found = NonNullable<ReturnType<MetadataSource['find']>>

function answer(path: string, found: Found, container: Container): object | undefined {
  if (path === '') return describeContainer(found, container)
  if (path !== 'task' && path !== 'taskWithTags') return undefined
  const { task, definition } = found
  return {
    Cluster: task.clusterArn,
    TaskARN: task.taskArn,
    Family: definition.family,
    Revision: String(definition.revision),
    DesiredStatus: task.desiredStatus,
    KnownStatus: task.lastStatus,
    Limits: { CPU: Number(task.cpu) / 1024, Memory: Number(task.memory) },
    PullStartedAt: iso(task.pullStartedAt),
    PullStoppedAt: iso(task.pullStoppedAt),
    AvailabilityZone: task.availabilityZone,
    LaunchType: task.launchType,
    Containers: task.containers.map(one => describeContainer(found, one)),
    ...(path === 'taskWithTags' && { TaskTags: Object.fromEntries(task.tags.map(({ key, value }) => [key, value])) }),
  }
}

function describeContainer({ task, definition }: Found, container: Container): object {
  const address = container.networkInterfaces[0]?.privateIpv4Address
  return {
    DockerId: container.runtimeId,
    Name: container.name,
    DockerName: container.name,
    Image: container.image,
    ImageID: container.imageDigest,
    Labels: {
      'com.amazonaws.ecs.cluster': task.clusterArn,
      'com.amazonaws.ecs.container-name': container.name,
      'com.amazonaws.ecs.task-arn': task.taskArn,
      'com.amazonaws.ecs.task-definition-family': definition.family,
      'com.amazonaws.ecs.task-definition-version': String(definition.revision),
    },
    DesiredStatus: task.desiredStatus,
    KnownStatus: container.lastStatus,
    ExitCode: container.exitCode,
    Limits: { CPU: Number(container.cpu), Memory: Number(container.memory ?? 0) },
    CreatedAt: iso(task.createdAt),
    StartedAt: iso(container.startedAt),
    Type: 'NORMAL',
    ContainerARN: container.containerArn,
    Networks: [{ NetworkMode: definition.networkMode, IPv4Addresses: address ? [address] : [] }],
  }
}

const iso = (time: number | undefined): string | undefined => (time === undefined ? undefined : new Date(time).toISOString())
