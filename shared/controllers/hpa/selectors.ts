// The pods of a scale, unless another autoscaler is after them as well.
import type { HorizontalPodAutoscaler } from '../../api/autoscaling/v2.ts'
import type { Pod } from '../../api/core/v1.ts'
import { matchesLabels, parseLabelSelector, type Selector, SelectorError } from '../../apimachinery/label-selector.ts'
import { HORIZONTAL_POD_AUTOSCALERS, PODS } from '../collections.ts'
import { equal } from '../equality.ts'
import type { ControllerContext } from '../types.ts'
import type { PodsOfScale } from './metrics.ts'
import { readScale, type ScaleTarget } from './target.ts'

/** Which pods these are cannot be told. */
export class SelectorProblem extends Error {
  /** Of the event, and of the condition ScalingActive. */
  readonly event: string
  readonly reason: string
  readonly condition: string
  constructor(event: string, message: string, reason = event, condition = message) {
    super(message)
    this.event = event
    this.reason = reason
    this.condition = condition
  }
}

/** What other autoscalers select, as this process knows it: by UID, and for which target. */
const known = new Map<string, { readonly target: object; readonly selector: string }>()

/** @throws SelectorProblem */
export async function podsOfScale(
  autoscaler: HorizontalPodAutoscaler,
  target: ScaleTarget,
  context: ControllerContext,
): Promise<PodsOfScale> {
  const text = target.scale.status?.selector ?? ''
  if (text === '')
    throw new SelectorProblem('SelectorRequired', 'selector is required', 'InvalidSelector', "the HPA target's scale is missing a selector")
  const selector = parse(text)
  known.set(autoscaler.metadata.uid ?? '', { target: autoscaler.spec!.scaleTargetRef, selector: text })
  const { namespace = '' } = autoscaler.metadata
  const informer = await context.informer(PODS)
  const inNamespace = informer.list(`${namespace}/`).map(({ object }) => object as Pod)
  const pods = inNamespace.filter(({ metadata }) => matchesLabels(selector, metadata.labels))
  const rivals = await rivalsFor(pods, autoscaler, context)
  if (rivals.length > 0) {
    const names = [autoscaler.metadata.name, ...rivals].sort().map(name => `${namespace}/${name}`)
    throw new SelectorProblem('AmbiguousSelector', `pods by selector ${text} are controlled by multiple HPAs: [${names.join(' ')}]`)
  }
  return { namespace, selector: text, pods }
}

function parse(text: string): Selector {
  try {
    return parseLabelSelector(text)
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error
    const message = `couldn't convert selector into a corresponding internal selector object: ${error.message}`
    throw new SelectorProblem('InvalidSelector', message)
  }
}

/** Names of the other autoscalers of the namespace that select one of these pods. */
async function rivalsFor(pods: readonly Pod[], { metadata }: HorizontalPodAutoscaler, context: ControllerContext): Promise<string[]> {
  if (pods.length === 0) return []
  const all = (await context.informer(HORIZONTAL_POD_AUTOSCALERS)).list(`${metadata.namespace}/`)
  const rivals: string[] = []
  for (const { object } of all) {
    if (object.metadata.uid === metadata.uid || object.metadata.deletionTimestamp !== undefined) continue
    const selector = await selectorOf(object as HorizontalPodAutoscaler, context)
    if (selector !== undefined && pods.some(pod => matchesLabels(selector, pod.metadata.labels))) rivals.push(object.metadata.name)
  }
  return rivals
}

/** Read once: what a target selects hardly ever changes, and its own autoscaler finds out when it does. */
async function selectorOf({ metadata, spec }: HorizontalPodAutoscaler, context: ControllerContext): Promise<Selector | undefined> {
  const uid = metadata.uid ?? ''
  const target = spec!.scaleTargetRef
  try {
    let entry = known.get(uid)
    if (entry === undefined || !equal(entry.target, target)) {
      const { scale } = await readScale(target, metadata.namespace, context)
      entry = { target, selector: scale.status?.selector ?? '' }
      if (known.size >= 4096) known.clear()
      known.set(uid, entry)
    }
    return entry.selector === '' ? undefined : parse(entry.selector)
  } catch {
    // It scales nothing now, and says so itself.
    return undefined
  }
}
