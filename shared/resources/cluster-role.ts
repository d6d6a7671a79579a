import type { ClusterRole } from '../api/rbac/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { pathSegmentName, RBAC } from './rbac.ts'
import { validateRules } from './rbac-rules.ts'

export default defineResource<ClusterRole>({
  group: RBAC,
  resource: 'clusterroles',
  singular: 'clusterrole',
  kind: 'ClusterRole',
  namespaced: false,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.rbac.v1.ClusterRole' }],
  validateName: pathSegmentName,
  allowCreateOnUpdate: true,
  validate: role => validateRules(role.rules, false),
})
