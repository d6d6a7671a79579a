import type { Role } from '../api/rbac/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { pathSegmentName, RBAC } from './rbac.ts'
import { validateRules } from './rbac-rules.ts'

export default defineResource<Role>({
  group: RBAC,
  resource: 'roles',
  singular: 'role',
  kind: 'Role',
  namespaced: true,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.rbac.v1.Role' }],
  validateName: pathSegmentName,
  allowCreateOnUpdate: true,
  validate: role => validateRules(role.rules, true),
})
