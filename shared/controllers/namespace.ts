// Namespace deletion: everything in it is deleted, pods first, what other servers have in it too, and only when it is empty the namespace
// may go. While one of those servers does not answer, nobody knows what it has.
import type { APIService } from '../api/apiregistration/v1.ts'
import type { Namespace, NamespaceCondition } from '../api/core/v1.ts'
import type { GroupResource, KubeObject } from '../apimachinery/types.ts'
import { objectKey } from '../apimachinery/types.ts'
import { API_SERVICES, type ApiServiceProbe } from './apiservice.ts'
import { all } from './bursts.ts'
import { NAMESPACES, PODS } from './collections.ts'
import { isTrue, withCondition } from './conditions.ts'
import { equal } from './equality.ts'
import { unlessGone } from './owners.ts'
import { messageOf } from './replicas.ts'
import { parseTime, timestamp } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'

const FINALIZER = 'kubernetes'

/** How long to wait for objects that are going: longer as time goes by, for graceful ends take half a minute and finalizers for ever. */
const SHORTEST_WAIT_S = 0.25
const LONGEST_WAIT_S = 15

async function reconcile(key: string, context: ControllerContext, servers: () => ApiServiceProbe): Promise<Outcome | undefined> {
  const namespace = (await context.informer(NAMESPACES)).get(key)?.object as Namespace | undefined
  if (namespace?.metadata.deletionTimestamp === undefined || !namespace.spec?.finalizers?.includes(FINALIZER)) return undefined
  const name = namespace.metadata.name
  await context.registry.refresh()

  const emptied = new Emptying(name, context)
  await emptied.collection(PODS)
  if (emptied.isEmpty) {
    for (const resource of deletable(context)) await emptied.collection(resource)
    await emptied.elsewhere(servers)
  }
  // What was just deleted may be gone already: the next look, at once, tells.
  if (emptied.progress && emptied.errors.length === 0) return { requeueAfter: 0 }

  const conditions = emptied.conditions(namespace.status?.conditions ?? [])
  const status = { ...namespace.status, phase: 'Terminating', conditions }
  const said = equal(namespace.status, status)
    ? namespace
    : await context.client.updateStatus<Namespace>(NAMESPACES, { ...namespace, status })
  if (emptied.isEmpty) {
    await context.client.updatePart(NAMESPACES, 'finalize', {
      ...said,
      spec: { ...said.spec, finalizers: said.spec?.finalizers?.filter(finalizer => finalizer !== FINALIZER) },
    } as KubeObject)
    return undefined
  }
  if (emptied.errors.length > 0) throw emptied.errors[0]
  if (emptied.silent.length > 0) return { requeueAfter: LONGEST_WAIT_S }
  const age = (context.now() - parseTime(namespace.metadata.deletionTimestamp)) / 1000
  return { requeueAfter: Math.min(LONGEST_WAIT_S, Math.max(SHORTEST_WAIT_S, age / 4)) }
}

function deletable({ registry }: ControllerContext): GroupResource[] {
  return registry.definitions
    .filter(({ namespaced, verbs, virtual, virtualList }) => {
      return namespaced && virtual === undefined && virtualList === undefined && (verbs === undefined || verbs.includes('delete'))
    })
    .map(({ group, resource }) => ({ group, resource }))
}

/** One pass over a namespace's content: deletes what is not yet going, and counts what was there. */
class Emptying {
  readonly #namespace: string
  readonly #context: ControllerContext
  readonly #left = new Map<string, number>()
  readonly #finalizers = new Map<string, number>()
  readonly errors: unknown[] = []
  /** Group versions of other servers that do not answer. */
  readonly silent: string[] = []
  progress = false

  constructor(namespace: string, context: ControllerContext) {
    this.#namespace = namespace
    this.#context = context
  }

  get isEmpty(): boolean {
    return this.#left.size === 0 && this.silent.length === 0 && this.errors.length === 0
  }

  /** What other servers have, as far as they answer. */
  async elsewhere(servers: () => ApiServiceProbe): Promise<void> {
    const all = (await this.#context.informer(API_SERVICES)).list().map(({ object }) => object as APIService)
    for (const service of all) {
      if (service.spec.service === undefined) continue
      if (!isTrue(service.status?.conditions, 'Available')) {
        this.silent.push(`${service.spec.group}/${service.spec.version}`)
        continue
      }
      try {
        const { left, finalizers } = await servers().empty(service, this.#namespace)
        for (const [name, n] of left) this.#left.set(name, n)
        for (const [name, n] of finalizers) this.#finalizers.set(name, (this.#finalizers.get(name) ?? 0) + n)
      } catch (error) {
        this.errors.push(error)
      }
    }
  }

  async collection(resource: GroupResource): Promise<void> {
    const items = (await this.#context.informer(resource)).list(objectKey(this.#namespace, ''))
    if (items.length === 0) return
    this.#left.set(`${resource.resource}.${resource.group}`, items.length)
    for (const { object } of items) {
      for (const finalizer of object.metadata.finalizers ?? []) this.#finalizers.set(finalizer, (this.#finalizers.get(finalizer) ?? 0) + 1)
    }
    const fresh = items.filter(({ object }) => object.metadata.deletionTimestamp === undefined)
    try {
      await all(fresh, async ({ object: { metadata } }) => {
        const options = { propagationPolicy: 'Background', preconditions: { uid: metadata.uid } } as const
        await unlessGone(() => this.#context.client.delete(resource, metadata.namespace, metadata.name, options))
        this.progress = true
      })
    } catch (error) {
      this.errors.push(error)
    }
  }

  conditions(before: readonly NamespaceCondition[]): NamespaceCondition[] {
    const lastTransitionTime = timestamp(this.#context.now())
    let conditions = [...before]
    const say = (type: string, failure: string | undefined, bad: string, good: string, fine: string) => {
      const condition =
        failure === undefined ? { status: 'False', reason: good, message: fine } : { status: 'True', reason: bad, message: failure }
      const next = withCondition(conditions, { type, ...condition, lastTransitionTime })
      // Unlike elsewhere the message matters too: it counts what is left.
      conditions = next.map(current => (current.type === type ? { ...current, message: condition.message } : current))
    }
    const list = (counts: ReadonlyMap<string, number>, text: (name: string, n: number) => string) =>
      [...counts]
        .map(([name, n]) => text(name, n))
        .sort()
        .join(', ')
    const silent = this.silent.sort().map(name => `${name}: stale GroupVersion discovery: ${name}`)
    const undiscovered = `Discovery failed for some groups, ${silent.length} failing: unable to retrieve the complete list of server APIs: ${silent.join(', ')}`
    say(
      'NamespaceDeletionDiscoveryFailure',
      silent.length === 0 ? undefined : undiscovered,
      'DiscoveryFailed',
      'ResourcesDiscovered',
      'All resources successfully discovered',
    )
    say(
      'NamespaceDeletionGroupVersionParsingFailure',
      undefined,
      'GroupVersionParsingFailed',
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    )
    const failures = this.errors.map(messageOf)
    say(
      'NamespaceDeletionContentFailure',
      failures.length === 0 ? undefined : `Failed to delete all resource types, ${failures.length} remaining: ${failures.join(', ')}`,
      'ContentDeletionFailed',
      'ContentDeleted',
      'All content successfully deleted, may be waiting on finalization',
    )
    const left = list(this.#left, (name, n) => `${name} has ${n} resource instances`)
    say(
      'NamespaceContentRemaining',
      left === '' ? undefined : `Some resources are remaining: ${left}`,
      'SomeResourcesRemain',
      'ContentRemoved',
      'All content successfully removed',
    )
    const held = list(this.#finalizers, (name, n) => `${name} in ${n} resource instances`)
    say(
      'NamespaceFinalizersRemaining',
      held === '' ? undefined : `Some content in the namespace has finalizers remaining: ${held}`,
      'SomeFinalizersRemain',
      'ContentHasNoFinalizers',
      'All content-preserving finalizers finished',
    )
    return conditions
  }
}

/** `servers` is asked for when another server has a say. */
export const namespaceController = (servers: () => ApiServiceProbe): Controller => ({
  name: 'namespace',
  watches: [
    {
      resource: NAMESPACES,
      keys: ({ type, object, key }) => (type !== 'deleted' && object.metadata.deletionTimestamp !== undefined ? [key] : []),
    },
  ],
  reconcile: (key, context) => reconcile(key, context, servers),
})
