// ClusterRoles whose rules are those of other ClusterRoles, chosen by label.
import type { ClusterRole, PolicyRule } from '../api/rbac/v1.ts'
import { objectKey } from '../apimachinery/types.ts'
import { CLUSTER_ROLES } from './collections.ts'
import { equal } from './equality.ts'
import { matches } from './selectors.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
import { keyOf } from './watches.ts'

/** Some ClusterRole changed: all that aggregate are concerned. */
const ALL = objectKey(undefined, 'all:')

async function reconcile(key: string, { client, informer }: ControllerContext): Promise<Outcome | undefined> {
  const roles = (await informer(CLUSTER_ROLES)).list().map(({ object }) => object as ClusterRole)
  if (key === ALL) return { also: roles.filter(({ aggregationRule }) => aggregationRule !== undefined).map(keyOf) }
  const role = roles.find(candidate => keyOf(candidate) === key)
  if (role?.aggregationRule === undefined) return undefined
  const rules: PolicyRule[] = []
  for (const selector of role.aggregationRule.clusterRoleSelectors ?? []) {
    for (const other of roles) {
      if (other === role || !matches(selector, other.metadata.labels)) continue
      for (const rule of other.rules ?? []) if (!rules.some(known => equal(known, rule))) rules.push(rule)
    }
  }
  if (!equal(rules, role.rules ?? [])) await client.update<ClusterRole>(CLUSTER_ROLES, { ...role, rules })
  return undefined
}

export const clusterRoleAggregationController: Controller = {
  name: 'clusterrole-aggregation',
  component: 'clusterrole-aggregation-controller',
  watches: [{ resource: CLUSTER_ROLES, keys: () => [ALL] }],
  reconcile,
}
