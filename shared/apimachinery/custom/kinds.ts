// The kinds that CustomResourceDefinitions add, brought up to date before they are needed: the definitions are one more collection, so
// an informer's refresh (one small strong read of its log) tells whether any environment changed one.
//
//   environment A: POST widgets definition ... stored, settled, acknowledged
//   environment B:                                                          GET /apis/example.com/v1/widgets
//                                                                           refresh: reads the log after its revision -> serves it
//
// What a definition still lacks (accepted names, Established, the end of a deletion) is not somebody's duty: whoever looks does it,
// with compare-and-swap, so that a process that died in between leaves nothing behind.
import { Coalesced } from '../../store/coalesced.ts'
import { StoreInformer } from '../../store/informer.ts'
import type { Machinery } from '../machinery.ts'
import type { Kinds } from '../registry.ts'
import type { DefinitionSync } from './sync.ts'

export const DEFINITIONS = { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' }

export class CustomKinds implements Kinds {
  readonly #machinery: Machinery
  readonly #refresh = new Coalesced(() => this.#catchUp())
  #informer: StoreInformer | undefined
  #sync: DefinitionSync | undefined
  #synced = 0
  /** When the newest look began, in ms since the epoch. */
  #looked = Number.NEGATIVE_INFINITY

  constructor(machinery: Machinery) {
    this.#machinery = machinery
  }

  refresh(maxAge: number): Promise<void> {
    if (this.#machinery.now() - this.#looked < maxAge) return Promise.resolve()
    return this.#refresh.run()
  }

  async #catchUp(): Promise<void> {
    this.#informer ??= new StoreInformer(this.#machinery.store, DEFINITIONS)
    const informer = this.#informer
    const now = this.#machinery.now()
    const revision = await informer.refresh()
    if (revision === this.#synced && this.#sync?.isSettled !== false) {
      this.#looked = now
      return
    }
    if (this.#sync === undefined && informer.list().length === 0) {
      // A cluster without custom resources loads nothing of what follows.
      this.#synced = revision
      this.#looked = now
      return
    }
    if (this.#sync === undefined) {
      const { DefinitionSync } = await import('./sync.ts')
      this.#sync = new DefinitionSync(this.#machinery)
    }
    await this.#sync.run(informer)
    this.#synced = informer.revision
    this.#looked = now
  }
}
