// The admission chain: small plugins that look at (and, before validation, change) what is about to be written.
import type { RequestContext } from './context.ts'
import type { Endpoint } from './registry.ts'
import type { KubeObject } from './types.ts'

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'

/**
 * The mutations of one request. Where one of those that users configured changed the object, all plugins look at it once more: the
 * built-in ones as ever, the others where they asked for it (k8s.io/apiserver/pkg/admission/reinvocation.go).
 */
export interface Rounds {
  isSecond: boolean
  wantsSecond: boolean
  /** What plugins keep from the first round for the second, by their name. */
  readonly memory: Map<string, unknown>
}

export interface Attributes {
  readonly operation: Operation
  readonly endpoint: Endpoint
  /** "" for the object itself. */
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  /** Storage version; belongs to the request. Absent for DELETE. For subresources with a body of their own it is that body. */
  readonly object?: KubeObject
  /** Shared: must not be changed. Absent for CREATE. */
  readonly old?: KubeObject
  readonly context: RequestContext
  /** While plugins mutate. */
  readonly rounds?: Rounds
}

export interface AdmissionPlugin {
  /** Upstream's name where there is one. */
  readonly name: string
  /** Before defaults of the strategy and validation. Changes attributes.object in place; throws a StatusError to refuse. */
  mutate?(attributes: Attributes): Promise<void> | void
  /** After validation, on the object as it will be stored. Throws a StatusError to refuse. */
  validate?(attributes: Attributes): Promise<void> | void
}

export class AdmissionChain {
  readonly #mutating: readonly AdmissionPlugin[]
  readonly #validating: readonly AdmissionPlugin[]

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#mutating = plugins.filter(plugin => plugin.mutate !== undefined)
    this.#validating = plugins.filter(plugin => plugin.validate !== undefined)
  }

  async mutate(attributes: Attributes): Promise<void> {
    const rounds: Rounds = { isSecond: false, wantsSecond: false, memory: new Map() }
    await this.#mutate({ ...attributes, rounds })
    if (!rounds.wantsSecond) return
    rounds.isSecond = true
    await this.#mutate({ ...attributes, rounds })
  }

  async #mutate(attributes: Attributes): Promise<void> {
    for (const plugin of this.#mutating) {
      const pending = plugin.mutate?.(attributes)
      if (pending !== undefined) await pending
    }
  }

  async validate(attributes: Attributes): Promise<void> {
    for (const plugin of this.#validating) {
      const pending = plugin.validate?.(attributes)
      if (pending !== undefined) await pending
    }
  }
}
