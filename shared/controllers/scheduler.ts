// The scheduler: every pod that waits for a node, in one pass. What to do is decided in shared/scheduling; here it is done.
import type { Node, PersistentVolume, Pod } from '../api/core/v1.ts'
import type { PodDisruptionBudget } from '../api/policy/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { objectKey } from '../apimachinery/types.ts'
import { type Decision, PREEMPTED, schedule } from '../scheduling/pass.ts'
import { Snapshot } from '../scheduling/snapshot.ts'
import { type ClaimDecision, SELECTED_NODE } from '../scheduling/volumes.ts'
import type { Informer } from '../store/types.ts'
import { all } from './bursts.ts'
import { NAMESPACES, NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, POD_DISRUPTION_BUDGETS, PODS } from './collections.ts'
import { podCondition } from './pods.ts'
import { devicesFor } from './scheduler-devices.ts'
import { siblingSelectors } from './scheduler-siblings.ts'
import { volumesFor } from './scheduler-volumes.ts'
import { isPending, NAME, usesNode, watches } from './scheduler-watches.ts'
import { timestamp } from './time.ts'
import type { Controller, ControllerContext } from './types.ts'

const PENDING = 'pending'
const ON_NODES = 'on-nodes'

async function reconcile(_key: string, context: ControllerContext): Promise<undefined> {
  const pods = await context.informer(PODS)
  pods.addIndex(PENDING, object => (isPending(object as Pod) ? [''] : []))
  pods.addIndex(ON_NODES, object => (usesNode(object as Pod) ? [''] : []))
  const pending = pods.byIndex(PENDING, '').map(({ object }) => object as Pod)
  if (pending.length === 0) return
  const running = pods.byIndex(ON_NODES, '').map(({ object }) => object as Pod)
  const [nodes, budgets, siblings, volumes, devices] = await Promise.all([
    context.informer(NODES),
    context.informer(POD_DISRUPTION_BUDGETS),
    siblingSelectors(context),
    volumesFor(context, pending),
    devicesFor(context, pending),
  ])
  const namespaces = needsNamespaces([...pending, ...running]) ? await context.informer(NAMESPACES) : undefined
  const decisions = schedule(pending, {
    snapshot: new Snapshot(
      nodes.list().map(({ object }) => object as Node),
      running,
      namespace => namespaces?.get(objectKey(undefined, namespace))?.object.metadata.labels,
    ),
    volumes,
    devices,
    budgets: budgets.list().map(({ object }) => object as PodDisruptionBudget),
    siblings,
  })
  const actions = new Actions(context, pods)
  await all(decisions, decision => actions.take(decision))
}

export const scheduler: Controller = {
  name: 'scheduler',
  component: NAME,
  watches,
  reconcile,
}

const needsNamespaces = (pods: readonly Pod[]): boolean =>
  pods.some(({ spec: { affinity } }) => affinity !== undefined && JSON.stringify(affinity).includes('namespaceSelector'))

/** An event's message holds so many characters. */
const MOST_TOLD = 1024
const shortened = (message: string): string => (message.length <= MOST_TOLD ? message : `${message.slice(0, MOST_TOLD - 4)} ...`)

class Actions {
  readonly #context: ControllerContext
  readonly #pods: Informer

  constructor(context: ControllerContext, pods: Informer) {
    this.#context = context
    this.#pods = pods
  }

  async take(decision: Decision): Promise<void> {
    try {
      switch (decision.kind) {
        case 'bind':
          return await this.#bind(decision.pod, decision.node)
        case 'claims':
          await this.#nominate(decision.pod, decision.node)
          return await all(decision.claims, claim => this.#decide(claim, decision.node))
        case 'fail':
          return await this.#fail(
            decision.pod,
            decision.message,
            decision.keepsNomination ? decision.pod.status?.nominatedNodeName : undefined,
          )
        case 'preempt':
          return await this.#preempt(decision)
        case 'wait':
          return
      }
    } catch (error) {
      // The pod is gone, or somebody else was faster: the change that says so asks for another pass if one is needed.
      if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error
    }
  }

  async #bind(pod: Pod, node: string): Promise<void> {
    const { namespace, name, uid } = pod.metadata
    await this.#context.client.act(PODS, namespace, name, 'binding', {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    } as KubeObject)
    this.#say(pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${node}`, 'Binding')
  }

  /** Reserves the volume, or tells the provisioner on which node it will be used. */
  async #decide({ claim, volume }: ClaimDecision, node: string): Promise<void> {
    const { client } = this.#context
    const { namespace, name, uid, annotations } = claim.metadata
    if (volume === undefined) {
      await client.update(PERSISTENT_VOLUME_CLAIMS, {
        ...claim,
        metadata: { ...claim.metadata, annotations: { ...annotations, [SELECTED_NODE]: node } },
      })
      return
    }
    if (volume.spec?.claimRef !== undefined) return
    const { resourceVersion } = claim.metadata
    await client.update<PersistentVolume>(PERSISTENT_VOLUMES, {
      ...volume,
      metadata: { ...volume.metadata, annotations: { ...volume.metadata.annotations, 'pv.kubernetes.io/bound-by-controller': 'yes' } },
      spec: { ...volume.spec, claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion } },
    })
  }

  async #fail(pod: Pod, message: string, nominatedNodeName: string | undefined): Promise<void> {
    const current = podCondition(pod, 'PodScheduled')
    const { namespace, name, generation: observedGeneration } = pod.metadata
    const said =
      current?.status === 'False' &&
      current.reason === 'Unschedulable' &&
      current.message === message &&
      current.observedGeneration === observedGeneration
    if (said && pod.status?.nominatedNodeName === nominatedNodeName) return
    const lastTransitionTime = current?.status === 'False' ? current.lastTransitionTime : timestamp(this.#context.now())
    await this.#context.client.patch(PODS, namespace, name, {
      type: 'strategic',
      subresource: 'status',
      body: {
        status: {
          conditions: [
            {
              type: 'PodScheduled',
              status: 'False',
              reason: 'Unschedulable',
              message,
              observedGeneration,
              lastProbeTime: null,
              lastTransitionTime,
            },
          ],
          ...(pod.status?.nominatedNodeName === nominatedNodeName ? {} : { nominatedNodeName: nominatedNodeName ?? null }),
        },
      },
    })
    if (!said) this.#say(pod, 'Warning', 'FailedScheduling', shortened(message), 'Scheduling')
  }

  /** The place is noted before anybody has to leave it: a pass after a crash between the two finds out and goes on. */
  async #preempt({ pod, message, node, victims }: Extract<Decision, { kind: 'preempt' }>): Promise<void> {
    await this.#fail(pod, message, node)
    await all(victims, victim => this.#evict(victim, pod, node))
    for (const { object } of this.#pods.byIndex(PENDING, '')) {
      const other = object as Pod
      if (other.status?.nominatedNodeName !== node || (other.spec.priority ?? 0) >= (pod.spec.priority ?? 0)) continue
      await this.#nominate(other, null)
    }
  }

  /** Notes where the pod will be, once its claims are bound or its victims have gone. */
  async #nominate(pod: Pod, nominatedNodeName: string | null): Promise<void> {
    const { namespace, name } = pod.metadata
    if ((pod.status?.nominatedNodeName ?? null) === nominatedNodeName) return
    const body = { status: { nominatedNodeName } }
    await this.#context.client.patch(PODS, namespace, name, { type: 'merge', subresource: 'status', body })
  }

  async #evict(victim: Pod, pod: Pod, node: string): Promise<void> {
    const { namespace, name, uid, deletionTimestamp, generation: observedGeneration } = victim.metadata
    if (deletionTimestamp !== undefined) return
    const { client, now } = this.#context
    try {
      await client.patch(PODS, namespace, name, {
        type: 'strategic',
        subresource: 'status',
        body: {
          metadata: { uid },
          status: {
            conditions: [
              {
                type: 'DisruptionTarget',
                status: 'True',
                reason: PREEMPTED,
                message: `${NAME}: preempting to accommodate a higher priority pod`,
                observedGeneration,
                lastTransitionTime: timestamp(now()),
              },
            ],
          },
        },
      })
      await client.delete(PODS, namespace, name, { preconditions: { uid } })
    } catch (error) {
      if (isStatus(error, 'NotFound') || isStatus(error, 'Conflict')) return
      throw error
    }
    this.#say(victim, 'Normal', 'Preempted', `Preempted by pod ${pod.metadata.uid} on node ${node}`, 'Preempting')
  }

  #say(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string, action: string): void {
    void this.#context.events.event(pod, type, reason, message, action)
  }
}
