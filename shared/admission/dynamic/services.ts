import type { Engines } from '../../apimachinery/engines.ts'
import type { Authorizer } from '../../auth/types.ts'
import type { Sources } from './sources.ts'

/** What webhooks and policies need to be asked. */
export interface DynamicServices {
  readonly sources: Sources
  readonly authorizer: Authorizer
  readonly engines: Engines
}
