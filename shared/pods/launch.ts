// From a bound pod to a task: what is in the way, the claim, and the call.

import type { Node, Pod, Secret } from '../api/core/v1.ts'
import type { Reader } from '../apimachinery/context.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import type { GroupResource, KubeObject } from '../apimachinery/types.ts'
import { clusterPath } from '../cluster-name.ts'
import { PODS, SECRETS } from '../controllers/collections.ts'
import { equal } from '../controllers/equality.ts'
import type { ControllerContext, Outcome } from '../controllers/types.ts'
import type { AccessPoints } from '../controllers/volumes/access-points.ts'
import { AGENT_ENV } from './agent-protocol.ts'
import { issueToken } from './agent-token.ts'
import { backOff } from './back-off.ts'
import { podContainers } from './containers.ts'
import { type Ecs, EcsError, LaunchFailure, type Task } from './ecs.ts'
import { fieldPathOf, imagesFailed, waitForImages } from './image-trouble.ts'
import type { ImageLookup, ResolvedImage } from './images/lookup.ts'
import { InvalidImageName } from './images/reference.ts'
import { ImageError } from './images/registry.ts'
import { MountProblem } from './mount-problem.ts'
import type { TaskMounts } from './mounts.ts'
import { hostnameOf } from './network-plan.ts'
import { capacityOf, nodeAddress } from './ours.ts'
import { type TaskRecord, taskRecord, withRecord } from './record.ts'
import type { PodSettings } from './settings.ts'
import { taskGroup } from './settle.ts'
import { AGENT, type Facts, podStatus } from './status.ts'
import { rootProblem, taskDefinition, UnfitError } from './task-definition.ts'

export interface LaunchOptions {
  readonly ecs: Ecs
  readonly images: Pick<ImageLookup, 'find'>
  /** Asked by the first pod that needs any. */
  readonly accessPoints: () => Promise<AccessPoints>
  readonly settings: PodSettings
  /** The key that agents' tokens are signed with. */
  readonly key: (context: ControllerContext) => Promise<Buffer>
}

export class Launcher {
  readonly #options: LaunchOptions
  /** Families that are registered, by name: ECS lets one definition a second be registered, and this asks once per template. */
  readonly #definitions = new Map<string, Promise<string>>()
  /** What this process launched, until the agent reports it: saves asking ECS for it. By "<uid>/<launch>". */
  readonly #launched = new Map<string, string>()

  constructor(options: LaunchOptions) {
    this.#options = options
  }

  launchedHere(pod: Pod, launch: number): string | undefined {
    return this.#launched.get(`${pod.metadata.uid}/${launch}`)
  }

  forget(pod: Pod, launch: number) {
    this.#launched.delete(`${pod.metadata.uid}/${launch}`)
  }

  /** Looks whether the pod can be started, claims the next launch, and launches it. */
  async launch(pod: Pod, node: Node, context: ControllerContext): Promise<Outcome | undefined> {
    const record = taskRecord(pod)
    const now = context.now()
    // An edited pod (another image) does not wait for the old one's back-off.
    const edited =
      pod.metadata.generation !== undefined &&
      pod.status?.observedGeneration !== undefined &&
      pod.metadata.generation !== pod.status.observedGeneration
    if (record?.retryAt !== undefined && record.retryAt > now && !edited) {
      return waitForImages(pod, record, context)
    }
    const mounts = await this.#mounts(pod, context)
    if (mounts instanceof MountProblem) {
      await context.events.event(pod, 'Warning', 'FailedMount', mounts.message)
      await this.#wait(pod, { now }, context)
      return { requeueAfter: UNMOUNTED_RETRY_SECONDS }
    }
    const { found, errors } = await this.#images(pod, context)
    if (errors.size > 0) return imagesFailed(pod, record, errors, context)
    const rooted = podContainers(pod).flatMap(({ container }) => {
      const message = rootProblem(pod, container, found.get(container.name)!)
      return message === undefined ? [] : [[container.name, { reason: 'CreateContainerConfigError', message }] as const]
    })
    if (rooted.length > 0) {
      for (const [name, { message }] of rooted)
        await context.events.event(pod, 'Warning', 'Failed', `Error: ${message}`, undefined, fieldPathOf(pod, name))
      return this.#wait(pod, { now, waiting: new Map(rooted) }, context)
    }
    try {
      const definition = taskDefinition(pod, found, mounts, this.#options.settings)
      const [taskDefinitionArn, key] = await Promise.all([this.#register(definition), this.#options.key(context)])
      const claimed = await this.#claim(pod, node, record, found, context)
      return await this.#place(claimed, node, taskDefinitionArn, key, context)
    } catch (error) {
      if (error instanceof UnfitError || error instanceof EcsError || error instanceof LaunchFailure)
        return this.#refused(pod, error, context)
      throw error
    }
  }

  /** A claimed launch of which no task is to be found: the claim's writer died before its call. The same call once more. */
  async resume(pod: Pod, node: Node, context: ControllerContext): Promise<Outcome | undefined> {
    const mounts = await this.#mounts(pod, context)
    if (mounts instanceof MountProblem) return { requeueAfter: UNMOUNTED_RETRY_SECONDS }
    const { found, errors } = await this.#images(pod, context)
    if (errors.size > 0) return imagesFailed(pod, taskRecord(pod), errors, context)
    try {
      const definition = taskDefinition(pod, found, mounts, this.#options.settings)
      const [arn, key] = await Promise.all([this.#register(definition), this.#options.key(context)])
      return await this.#place(pod, node, arn, key, context)
    } catch (error) {
      if (error instanceof UnfitError || error instanceof EcsError || error instanceof LaunchFailure)
        return this.#refused(pod, error, context)
      throw error
    }
  }

  /** The problem is an answer like any other: the pod waits. */
  async #mounts(pod: Pod, context: ControllerContext): Promise<TaskMounts | MountProblem> {
    const { settings, accessPoints } = this.#options
    // Of those who know this launcher only one kind of function launches.
    const [{ lookUpMounts }, { taskMounts }] = await Promise.all([import('./mount-lookup.ts'), import('./mounts.ts')])
    try {
      const input = await lookUpMounts(pod, { read: readerOf(context), accessPoints })
      return taskMounts(pod, { ...input, onInstance: settings.containerInstances })
    } catch (error) {
      if (error instanceof MountProblem) return error
      throw error
    }
  }

  async #images(pod: Pod, context: ControllerContext) {
    const found = new Map<string, ResolvedImage>()
    const errors = new Map<string, Error>()
    const names = pod.spec.imagePullSecrets ?? []
    const secrets = (
      await Promise.all(names.map(({ name }) => context.client.get<Secret>(SECRETS, pod.metadata.namespace, name ?? '')))
    ).filter(secret => secret !== undefined)
    await Promise.all(
      podContainers(pod).map(async ({ container }) => {
        try {
          found.set(container.name, await this.#options.images.find(container.image ?? '', container.imagePullPolicy, secrets))
        } catch (error) {
          if (!(error instanceof ImageError) && !(error instanceof InvalidImageName)) throw error
          errors.set(container.name, error)
        }
      }),
    )
    return { found, errors }
  }

  #register(definition: ReturnType<typeof taskDefinition>): Promise<string> {
    const { ecs } = this.#options
    let arn = this.#definitions.get(definition.family)
    if (!arn) {
      arn = ecs.findTaskDefinition(definition.family).then(found => found ?? ecs.registerTaskDefinition(definition))
      this.#definitions.set(definition.family, arn)
      arn.catch(() => this.#definitions.delete(definition.family))
    }
    return arn
  }

  /**
   * Written before the call, as a compare-and-swap: of two launchers one gets the launch. From here on a task may exist.
   *
   *   launcher A: claim 1 ok ---- StartTask ok
   *   launcher B: claim 1 conflict: reads again, sees the claim, looks for its task
   */
  async #claim(
    pod: Pod,
    node: Node,
    record: TaskRecord | undefined,
    found: ReadonlyMap<string, ResolvedImage>,
    context: ControllerContext,
  ) {
    const now = context.now()
    const next: TaskRecord = { launch: (record?.launch ?? 0) + 1, at: now, failures: record?.failures }
    const reason = pod.spec.initContainers?.length ? 'PodInitializing' : 'ContainerCreating'
    const before = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
    const facts: Facts = {
      now,
      hostIP: nodeAddress(node),
      imageIDs: new Map([...found].map(([name, { imageID }]) => [name, imageID])),
      // Whatever it waited for has come.
      waiting: new Map(before.filter(({ state }) => state?.waiting).map(({ name }) => [name, { reason }])),
    }
    return context.client.updateStatus<Pod>(PODS, { ...pod, metadata: withRecord(pod.metadata, next), status: podStatus(pod, facts) })
  }

  async #place(pod: Pod, node: Node, taskDefinition: string, key: Buffer, context: ControllerContext): Promise<Outcome | undefined> {
    const { ecs, settings } = this.#options
    const { namespace = '', name, uid = '' } = pod.metadata
    const { launch } = taskRecord(pod)!
    const capacity = capacityOf(node)!
    const base = {
      taskDefinition,
      startedBy: uid,
      group: taskGroup({ cluster: settings.cluster, namespace, name, launch }),
      overrides: [
        { name: AGENT, environment: { [AGENT_ENV.token]: issueToken(key, { namespace, name, uid, launch }), ...ownUrl(settings) } },
      ],
      // The host name is for a local ECS, which can give a task one; awsvpc on AWS cannot, and HOSTNAME has to do.
      tags: { 'zeroplane.dev/pod': `${namespace}/${name}`, 'zeroplane.dev/hostname': hostnameOf(pod) },
    }
    const subnets = settings.subnets.filter(({ zone }) => capacity.kind === 'instance' || !zone || !capacity.zone || zone === capacity.zone)
    const network = { subnets: subnets.map(({ id }) => id), securityGroups: settings.securityGroups }
    const task: Task =
      capacity.kind === 'instance'
        ? await ecs.startTask({ ...base, ...network, containerInstance: capacity.arn })
        : await ecs.runTask({
            ...base,
            ...network,
            clientToken: `${uid}-${launch}`,
            capacityProvider: capacity.provider,
            assignPublicIp: true,
          })
    this.#remember(`${uid}/${launch}`, task.taskArn)
    for (const { container } of settings.imagesPresent ? [] : podContainers(pod)) {
      const path = fieldPathOf(pod, container.name)
      void context.events.event(pod, 'Normal', 'Pulling', `Pulling image ${JSON.stringify(container.image)}`, undefined, path)
    }
    await this.#stopIfGone(pod, task, context)
    return { requeueAfter: LOOK_AFTER_SECONDS }
  }

  /**
   *   user    : ............ delete --grace-period=0: the pod is gone, the launcher finds no task to stop
   *   launcher: claim ok ................................................ StartTask ok: a task that nobody knows
   *
   * So it looks once more when the task is there. Should it die before it looks: the agent's first report is answered 410, and it leaves.
   */
  async #stopIfGone(pod: Pod, task: Task, { client }: ControllerContext) {
    const now = await client.get<Pod>(PODS, pod.metadata.namespace, pod.metadata.name)
    if (now?.metadata.uid !== pod.metadata.uid)
      await this.#options.ecs.stopTask(task.taskArn, 'the pod was deleted while its task was launched')
  }

  /** ECS will not have it, or not now. Tried again with back-off: capacity comes back, quotas are raised. */
  async #refused(pod: Pod, error: Error, context: ControllerContext): Promise<Outcome | undefined> {
    await context.events.event(pod, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${error.message}`)
    const now = context.now()
    const newest = await context.client.get<Pod>(PODS, pod.metadata.namespace, pod.metadata.name)
    if (newest?.metadata.uid !== pod.metadata.uid) return undefined
    const record = taskRecord(newest!)
    const failures = (record?.failures ?? 0) + 1
    const next: TaskRecord = { launch: record?.launch ?? 0, at: record?.at ?? now, failures, retryAt: now + backOff(failures) }
    await context.client.updateStatus<Pod>(PODS, {
      ...newest!,
      metadata: withRecord(newest!.metadata, next),
      status: podStatus(newest!, { now }),
    })
    return { requeueAfter: backOff(failures) / 1000 }
  }

  async #wait(pod: Pod, facts: Facts, { client }: ControllerContext): Promise<undefined> {
    const status = podStatus(pod, facts)
    if (!equal(status, pod.status)) await client.updateStatus<Pod>(PODS, { ...pod, status })
    return undefined
  }

  #remember(key: string, arn: string) {
    this.#launched.set(key, arn)
    if (this.#launched.size > 5000) this.#launched.delete(this.#launched.keys().next().value!)
  }
}

/** Definitions are shared by all clusters, so they name the default one's address. */
function ownUrl({ cluster, apiUrl }: PodSettings): Record<string, string> {
  const path = clusterPath(cluster)
  return path === '' ? {} : { [AGENT_ENV.url]: `${apiUrl.replace(/\/$/, '')}${path}` }
}

/** A claim may be bound, an access point made without a change of the pod. */
const UNMOUNTED_RETRY_SECONDS = 15

/** Strong reads of single objects; lists are the informers'. */
const readerOf = ({ client, informer }: ControllerContext): Reader => ({
  get: (resource, namespace, name) => client.get(resource, namespace, name),
  async list<T extends KubeObject>(resource: GroupResource, namespace?: string) {
    const objects = (await informer(resource)).list().map(({ object }) => object as T)
    return namespace === undefined ? objects : objects.filter(({ metadata }) => metadata.namespace === namespace)
  },
})

/** When a launched task's agent has not reported by then, ECS is asked what became of it. */
export const LOOK_AFTER_SECONDS = 30

export const isGone = (error: unknown) => isStatus(error, 'NotFound') || isStatus(error, 'Conflict')
