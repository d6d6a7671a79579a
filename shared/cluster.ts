// One cluster, put together: every function that reads or writes objects does it through the same kinds, rules and admission.
import { certificates } from './admission/certificates.ts'
import { dynamicAdmission } from './admission/dynamic/index.ts'
import { admissionChain } from './admission/index.ts'
import { rbacEscalation } from './admission/rbac-escalation.ts'
import { createMachinery } from './apimachinery/create-machinery.ts'
import { CustomKinds } from './apimachinery/custom/kinds.ts'
import type { Machinery } from './apimachinery/machinery.ts'
import { Registry } from './apimachinery/registry.ts'
import type { ResourceDefinition } from './apimachinery/resource.ts'
import { schemaEngines } from './apimachinery/schema-engines.ts'
import { RbacAuthorizer } from './auth/rbac.ts'
import { tokenAction } from './auth/token-action.ts'
import { BUILT_IN } from './resources/index.ts'
import type { Store } from './store/types.ts'

export interface ClusterOptions {
  readonly store: Store
  /** Milliseconds since the epoch. */
  readonly now?: () => number
  /** Default: the kinds of Kubernetes. */
  readonly resources?: readonly ResourceDefinition[]
}

export function openCluster({ store, now = Date.now, resources = BUILT_IN }: ClusterOptions): Machinery {
  const registry = new Registry(resources)
  const rbac = new RbacAuthorizer(store)
  const machinery = createMachinery({
    store,
    registry,
    engines: schemaEngines,
    admission: [
      ...admissionChain(dynamicAdmission({ store, registry, engines: schemaEngines, authorizer: rbac, now })),
      rbacEscalation(rbac),
      certificates(rbac),
    ],
    now,
    kinds: machinery => new CustomKinds(machinery),
  })
  const accounts = registry.storage({ group: '', resource: 'serviceaccounts' })?.definition
  if (accounts !== undefined) registry.register({ ...accounts, actions: { ...accounts.actions, token: tokenAction(store, machinery.now) } })
  return machinery
}
