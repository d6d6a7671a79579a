// Which webhooks and policies look at an object once more (k8s.io/apiserver/pkg/admission/plugin/webhook/mutating/reinvocationcontext.go).
import type { Attributes, Rounds } from '../../apimachinery/admission.ts'
import { clone, equal } from '../../apimachinery/objects.ts'
import type { KubeObject } from '../../apimachinery/types.ts'

interface Memory {
  /** Called in the first round, and ready to be called again. */
  readonly called: Set<string>
  /** To be called in the second round: somebody changed the object after them. */
  readonly again: Set<string>
  /** The object as the plugin left it. */
  left?: KubeObject | undefined
}

/** One round of one plugin that calls what users configured. */
export class Round {
  readonly #rounds: Rounds
  readonly #memory: Memory

  constructor(plugin: string, { rounds = { isSecond: false, wantsSecond: false, memory: new Map() }, object }: Attributes) {
    this.#rounds = rounds
    const known = rounds.memory.get(plugin) as Memory | undefined
    this.#memory = known ?? { called: new Set(), again: new Set() }
    rounds.memory.set(plugin, this.#memory)
    if (rounds.isSecond && !equal(this.#memory.left, object)) this.#callAgain()
  }

  /** Nobody is called for the first time in the second round. */
  calls(key: string): boolean {
    return !this.#rounds.isSecond || this.#memory.again.has(key)
  }

  called(key: string, { changed, ifNeeded }: { readonly changed: boolean; readonly ifNeeded: boolean }): void {
    if (changed) this.repeat()
    if (ifNeeded) this.#memory.called.add(key)
  }

  /** Who asked for it and has been called so far is called again. */
  repeat(): void {
    this.#callAgain()
    this.#rounds.wantsSecond = true
  }

  end({ object }: Attributes): void {
    if (!this.#rounds.isSecond) this.#memory.left = clone(object)
  }

  #callAgain(): void {
    for (const key of this.#memory.called) this.#memory.again.add(key)
    this.#memory.called.clear()
  }
}
