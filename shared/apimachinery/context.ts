// What one request is, for everything that helps to answer it: who asks, when, how, and what else may be looked at.
import type { Client } from './client.ts'
import type { GroupResource, KubeObject } from './types.ts'

export interface UserInfo {
  readonly name: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** Reads of other collections, strong and in storage version. What they answer is shared: do not change it. */
export interface Reader {
  get<T extends KubeObject>(resource: GroupResource, namespace: string | undefined, name: string): Promise<T | undefined>
  /** In key order; without a namespace, of all namespaces. */
  list<T extends KubeObject>(resource: GroupResource, namespace?: string): Promise<readonly T[]>
}

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict'

export interface RequestContext {
  readonly user: UserInfo
  /** The version that was asked, e.g. "events.k8s.io/v1"; absent for the server's own writes. A few rules depend on it. */
  readonly apiVersion?: string
  /** Milliseconds since the epoch, the same for the whole request. */
  readonly now: number
  readonly dryRun: boolean
  readonly fieldManager: string
  readonly fieldValidation: FieldValidation
  readonly read: Reader
  /** Writes with the server's own rights (all defaults, validation and admission apply), e.g. for addresses that a Service takes. */
  readonly client: Client
  /** Maps and lists that the body has empty, by path: see Decoded. Messages print them so, and not as null. */
  readonly emptied?: Map<string, string>
  /** Adds a Warning header to the answer; kubectl prints it. */
  warn(text: string): void
}
