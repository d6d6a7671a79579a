// Puts the parts together: verbs, admission, and the client that the server uses itself.
import { SYSTEM } from '../auth/types.ts'
import type { Store } from '../store/types.ts'
import { AdmissionChain, type AdmissionPlugin } from './admission.ts'
import type { Client } from './client.ts'
import type { UserInfo } from './context.ts'
import type { Engines } from './engines.ts'
import { createClient } from './in-process-client.ts'
import type { Machinery } from './machinery.ts'
import type { Kinds, Registry } from './registry.ts'

export interface MachineryOptions {
  /** Default: there are no custom resources. */
  readonly kinds?: (machinery: Machinery) => Kinds
  readonly store: Store
  readonly registry: Registry
  readonly engines: Engines
  readonly admission: readonly AdmissionPlugin[]
  readonly now?: () => number
}

export function createMachinery({ store, registry, engines, admission, now = Date.now, kinds }: MachineryOptions): Machinery {
  const machinery: Machinery = {
    store,
    registry,
    engines,
    admission: new AdmissionChain(admission),
    now,
    client: createClient(() => machinery, SYSTEM, 'kube-apiserver'),
  }
  if (kinds !== undefined) registry.follow(kinds(machinery))
  return machinery
}

/** A client that writes as this user: controllers have service accounts in kube-system. */
export const clientFor = (machinery: Machinery, user: UserInfo, fieldManager?: string): Client =>
  createClient(() => machinery, user, fieldManager)
