// What happened, as the clients saw it. Times are counters, not clocks: only before and after matter.
import type { KubeObject } from '../../../shared/apimachinery/types.ts'
import type { Change, Stored } from '../../../shared/store/types.ts'

interface Span {
  readonly process: string
  readonly start: number
  /** Infinity: it never came back. */
  readonly end: number
}

export interface WriteRecord extends Span {
  readonly type: 'created' | 'updated' | 'deleted'
  readonly key: string
  /** Unique in the history; the written object carries it. */
  readonly mark: string
  readonly expected: number | undefined
  /** 'unknown': the client was told that it cannot be told, or died. */
  readonly outcome: 'done' | 'refused' | 'unknown'
  readonly revision: number | undefined
}

export interface ReadRecord extends Span {
  readonly key: string
  readonly found: Stored | undefined
}

export interface ListRecord extends Span {
  readonly prefix: string
  /** Undefined for a list of now. */
  readonly at: number | undefined
  /** All pages together; the later ones are asked for at the revision of the first. */
  readonly items: readonly Stored[]
  readonly revision: number
}

export interface RevisionRecord extends Span {
  readonly revision: number
}

export interface InformerRecord extends Span {
  /** It looked at the log, and did not only bring in what was known. */
  readonly isFresh: boolean
  readonly revision: number
  readonly items: readonly Stored[]
}

export interface WatchRecord {
  readonly process: string
  readonly from: number
  readonly prefix: string
  readonly items: readonly ({ readonly change: Change } | { readonly progress: number })[]
}

export interface History {
  readonly writes: WriteRecord[]
  readonly reads: ReadRecord[]
  readonly lists: ListRecord[]
  readonly revisions: RevisionRecord[]
  readonly informers: InformerRecord[]
  readonly watches: WatchRecord[]
  /** The log as it is when all is quiet. */
  truth: readonly Change[]
}

export const emptyHistory = (): History => ({
  writes: [],
  reads: [],
  lists: [],
  revisions: [],
  informers: [],
  watches: [],
  truth: [],
})

export interface Marked extends KubeObject {
  readonly mark: string
}

export const markOf = (object: KubeObject | undefined): string | undefined => (object as Marked | undefined)?.mark
