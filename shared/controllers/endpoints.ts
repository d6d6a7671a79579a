// Endpoints: for each Service with a selector, the addresses of its pods.
import type { Endpoints, Pod, Service } from '../api/core/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import { splitKey } from '../apimachinery/types.ts'
import type { Informer } from '../store/types.ts'
import { ENDPOINTS, PODS, SERVICES } from './collections.ts'
import { HEADLESS, isHeadless, isSelecting, type Known, labelKeys, TRIGGER_TIME, triggerTime } from './endpoints/pods.ts'
import { subsetsOf, truncated } from './endpoints/subsets.ts'
import { equal } from './equality.ts'
import { podsMatching } from './pods.ts'
import { isNamespaceTerminating } from './replicas.ts'
import { matchesLabels } from './selectors.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
import { keyOf, labelsIn, own, splitName } from './watches.ts'

const MANAGED_BY = 'endpoints.kubernetes.io/managed-by'
const CONTROLLER = 'endpoint-controller'
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity'

/** The Services of a namespace that select pods with these labels. */
export function servicesFor(services: Informer, namespace: string, labels: Record<string, string>): string[] {
  return services
    .list(`${namespace}/`)
    .filter(({ object }) => isSelecting(object as Service) && matchesLabels((object as Service).spec?.selector, labels))
    .map(({ object }) => keyOf(object))
}

export const podsBehind = (pods: Informer, { metadata, spec }: Service): Pod[] =>
  podsMatching(pods, metadata.namespace ?? '', { matchLabels: spec?.selector })

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const { namespace, name } = splitKey(key)
  const services = await context.informer(SERVICES)
  const target = splitName(name)
  if (target.about === 'labels') return { also: servicesFor(services, namespace, labelsIn(target.name)) }
  const service = services.get(key)?.object as Service | undefined
  if (service === undefined) {
    await context.client.delete(ENDPOINTS, namespace, name)
    return undefined
  }
  if (isSelecting(service)) await sync(service, podsBehind(await context.informer(PODS), service), context)
  return undefined
}

async function sync(service: Service, pods: readonly Pod[], { client, informer }: ControllerContext): Promise<void> {
  const { namespace, name } = service.metadata
  const current = (await informer(ENDPOINTS)).get(keyOf(service))?.object as Endpoints | undefined
  const { subsets, cut } = truncated(subsetsOf(service, pods))
  const labels = { ...service.metadata.labels }
  delete labels[HEADLESS]
  if (isHeadless(service)) labels[HEADLESS] = ''
  labels[MANAGED_BY] = CONTROLLER
  // Nothing to say about a Service that has no pods yet.
  if (current === undefined && pods.length === 0) return
  if (
    current !== undefined &&
    equal(ignoringVersions(current.subsets ?? []), subsets) &&
    equal(current.metadata.labels ?? {}, labels) &&
    (current.metadata.annotations?.[OVER_CAPACITY] === 'truncated') === cut
  ) {
    return
  }
  const annotations: Record<string, string> = { ...current?.metadata.annotations }
  const time = triggerTime(service, pods, current === undefined ? undefined : knownTo(current, service))
  delete annotations[TRIGGER_TIME]
  if (time !== undefined) annotations[TRIGGER_TIME] = time
  delete annotations[OVER_CAPACITY]
  if (cut) annotations[OVER_CAPACITY] = 'truncated'
  const wanted: Endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    ...current,
    metadata: { ...(current?.metadata ?? { name, namespace }), labels, annotations },
    subsets: subsets.length === 0 ? undefined : subsets,
  }
  try {
    if (current === undefined) await client.create<Endpoints>(ENDPOINTS, wanted)
    else await client.update<Endpoints>(ENDPOINTS, wanted)
  } catch (error) {
    if (!isNamespaceTerminating(error) && !isStatus(error, 'NotFound')) throw error
  }
}

/** Where everything counts as ready, nobody can tell what was. */
function knownTo({ subsets = [] }: Endpoints, { spec }: Service): Known {
  const entries = (list: 'addresses' | 'notReadyAddresses', ready: boolean) =>
    subsets
      .flatMap(subset => subset[list] ?? [])
      .map(({ targetRef }) => [targetRef?.uid ?? '', spec?.publishNotReadyAddresses ? undefined : ready] as const)
  return new Map([...entries('addresses', true), ...entries('notReadyAddresses', false)])
}

const ignoringVersions = (subsets: NonNullable<Endpoints['subsets']>) =>
  subsets.map(subset => ({
    ...subset,
    ...Object.fromEntries(
      (['addresses', 'notReadyAddresses'] as const)
        .filter(list => subset[list] !== undefined)
        .map(list => [
          list,
          subset[list]!.map(address => ({
            ...address,
            ...(address.targetRef === undefined ? {} : { targetRef: { ...address.targetRef, resourceVersion: undefined } }),
          })),
        ]),
    ),
  }))

export const endpointsController: Controller = {
  name: 'endpoints',
  component: CONTROLLER,
  watches: [
    own(SERVICES),
    { resource: PODS, keys: labelKeys },
    // What others write into Endpoints stays until something else changes; what they delete comes back.
    { resource: ENDPOINTS, keys: ({ type, key }) => (type === 'deleted' ? [key] : []) },
  ],
  reconcile,
}
