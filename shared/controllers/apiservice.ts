// Whether what an APIService names answers: its condition Available. Only those that name a Service are looked at, again and again: which
// change of which Service or endpoint concerns one of them could only be told by asking for each.
import type { APIService, APIServiceCondition } from '../api/apiregistration/v1.ts'
import type { GroupResource } from '../apimachinery/types.ts'
import type { Change } from '../store/types.ts'
import { findCondition } from './conditions.ts'
import { equal } from './equality.ts'
import { writeStatus } from './status.ts'
import { timestamp } from './time.ts'
import type { Controller, ControllerContext, Watch } from './types.ts'

export const API_SERVICES: GroupResource = { group: 'apiregistration.k8s.io', resource: 'apiservices' }
const PERIOD_S = 30
/** While it does not answer, somebody waits for it. */
const IMPATIENT_PERIOD_S = 5

export interface Verdict {
  readonly reason: string
  readonly message: string
}

/** What is still there: how many by resource ("flunders.wardle.example.com"), and by finalizer. */
export interface RemoteLeftover {
  readonly left: ReadonlyMap<string, number>
  readonly finalizers: ReadonlyMap<string, number>
}

/** What controllers ask of other servers. */
export interface ApiServiceProbe {
  /** Undefined: it answers. */
  check(service: APIService, context: ControllerContext): Promise<Verdict | undefined>
  /** Deletes what the server has in a namespace. @throws Error when it cannot be asked */
  empty(service: APIService, namespace: string): Promise<RemoteLeftover>
}

const PASSED: Verdict = { reason: 'Passed', message: 'all checks passed' }
const LOCAL: Verdict = { reason: 'Local', message: 'Local APIServices are always available' }

const itself: Watch = {
  resource: API_SERVICES,
  keys({ type, key, object, previous }: Change) {
    const [now, before] = [object as APIService, previous as APIService | undefined]
    const isOurs = now.spec.service !== undefined || before?.spec.service !== undefined
    return type === 'deleted' || !isOurs || (before !== undefined && equal(before.spec, now.spec)) ? [] : [key]
  },
}

/** `probe` is asked for when the first APIService with a Service is reconciled. */
export function apiServiceController(probe: () => ApiServiceProbe): Controller {
  return {
    name: 'apiservice-availability',
    watches: [itself],
    async reconcile(key, context) {
      const services = await context.informer(API_SERVICES)
      const service = services.get(key)?.object as APIService | undefined
      if (service === undefined) return undefined
      const problem = service.spec.service === undefined ? undefined : await probe().check(service, context)
      const verdict = problem ?? (service.spec.service === undefined ? LOCAL : PASSED)
      const condition: APIServiceCondition = {
        type: 'Available',
        status: problem === undefined ? 'True' : 'False',
        lastTransitionTime: timestamp(context.now()),
        ...verdict,
      }
      const current = findCondition(service.status?.conditions, 'Available')
      if (current?.status === condition.status) condition.lastTransitionTime = current.lastTransitionTime
      const others = (service.status?.conditions ?? []).filter(({ type }) => type !== 'Available')
      await writeStatus(context, API_SERVICES, service, { ...service.status, conditions: [...others, condition] })
      if (service.spec.service === undefined) return undefined
      return { requeueAfter: problem === undefined ? PERIOD_S : IMPATIENT_PERIOD_S }
    },
  }
}
