// The configurations of admission: policies, their bindings and webhooks, as of a moment ago.
//
// As upstream's informers, a process may lag behind what another one wrote; what it wrote itself it sees at once.
import type { GroupResource, KubeObject } from '../../apimachinery/types.ts'
import { StoreInformer } from '../../store/informer.ts'
import type { Store } from '../../store/types.ts'

export const GROUP = 'admissionregistration.k8s.io'
const RESOURCES = [
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'validatingwebhookconfigurations',
  'mutatingwebhookconfigurations',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
] as const
type Resource = (typeof RESOURCES)[number]

/** Milliseconds that the view may lag behind. */
const MAX_AGE = 2000

export class Sources {
  readonly #informers: ReadonlyMap<Resource, StoreInformer>
  readonly #now: () => number
  #freshAt = Number.NEGATIVE_INFINITY

  constructor(store: Store, now: () => number) {
    this.#informers = new Map(RESOURCES.map(resource => [resource, new StoreInformer(store, { group: GROUP, resource })]))
    this.#now = now
  }

  /** This process writes one of them: the next look goes to the store. */
  touch(): void {
    this.#freshAt = Number.NEGATIVE_INFINITY
  }

  async refresh(): Promise<void> {
    const now = this.#now()
    if (now - this.#freshAt < MAX_AGE) return
    // A policy without a binding does nothing: who has none reads nothing of policies.
    const known = (resource: Resource) => (this.#informers.get(resource) as StoreInformer).refresh()
    const first: readonly Resource[] = [
      'validatingadmissionpolicybindings',
      'validatingwebhookconfigurations',
      'mutatingwebhookconfigurations',
      'mutatingadmissionpolicybindings',
    ]
    await Promise.all(first.map(known))
    if (this.has('validatingadmissionpolicybindings')) await known('validatingadmissionpolicies')
    if (this.has('mutatingadmissionpolicybindings')) await known('mutatingadmissionpolicies')
    this.#freshAt = now
  }

  list<T extends KubeObject>(resource: Resource): readonly T[] {
    return (
      this.#informers
        .get(resource)
        ?.list()
        .map(({ object }) => object as T) ?? []
    )
  }

  has(resource: Resource): boolean {
    return (this.#informers.get(resource)?.list().length ?? 0) > 0
  }
}

export const isConfiguration = ({ group }: GroupResource): boolean => group === GROUP
