import type { RoleBinding } from '../api/rbac/v1.ts'
import { invalid } from '../apimachinery/field-error.ts'
import { isPathSegmentName } from '../apimachinery/names.ts'
import { equal } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, since } from './printers/text.ts'
import { defaultSubjects, printedRoleRef, RBAC, subjectCells, validateBinding } from './rbac.ts'

const ROLE_KINDS = ['Role', 'ClusterRole']

export default defineResource<RoleBinding>({
  group: RBAC,
  resource: 'rolebindings',
  singular: 'rolebinding',
  kind: 'RoleBinding',
  namespaced: true,
  metadataOnUpdate: 'both',
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.rbac.v1.RoleBinding',
      defaults: binding => defaultSubjects(binding as RoleBinding),
    },
  ],
  // Nearly anything, so that "system:node" is a name.
  validateName: isPathSegmentName,
  allowCreateOnUpdate: true,
  validate: binding => validateBinding(binding, ROLE_KINDS, true),
  validateUpdate: (binding, old) => [
    ...validateBinding(binding, ROLE_KINDS, true),
    ...(equal(binding.roleRef, old.roleRef) ? [] : [invalid('roleRef', printedRoleRef(binding.roleRef), 'cannot change roleRef')]),
  ],
  columns: columns('Name, Role, Age, Users+, Groups+, ServiceAccounts+'),
  cells: ({ metadata, roleRef, subjects }, now) => [
    metadata.name,
    `${roleRef.kind}/${roleRef.name}`,
    since(metadata.creationTimestamp, now),
    ...subjectCells(subjects),
  ],
})
