import type { Role } from '../api/rbac/v1.ts'
import { isPathSegmentName } from '../apimachinery/names.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { RBAC } from './rbac.ts'
import { validateRules } from './rbac-rules.ts'

export default defineResource<Role>({
  group: RBAC,
  resource: 'roles',
  singular: 'role',
  kind: 'Role',
  namespaced: true,
  metadataOnUpdate: 'both',
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.rbac.v1.Role' }],
  // Nearly anything, so that "system:node" is a name.
  validateName: isPathSegmentName,
  allowCreateOnUpdate: true,
  validate: role => validateRules(role.rules, true),
})
