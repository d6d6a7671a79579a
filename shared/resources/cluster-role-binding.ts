import type { ClusterRoleBinding } from '../api/rbac/v1.ts'
import { invalid } from '../apimachinery/field-error.ts'
import { isPathSegmentName } from '../apimachinery/names.ts'
import { equal } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, since } from './printers/text.ts'
import { defaultSubjects, printedRoleRef, RBAC, subjectCells, validateBinding } from './rbac.ts'

const ROLE_KINDS = ['ClusterRole']

export default defineResource<ClusterRoleBinding>({
  group: RBAC,
  resource: 'clusterrolebindings',
  singular: 'clusterrolebinding',
  kind: 'ClusterRoleBinding',
  namespaced: false,
  metadataOnUpdate: 'both',
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.rbac.v1.ClusterRoleBinding',
      defaults: binding => defaultSubjects(binding as ClusterRoleBinding),
    },
  ],
  // Nearly anything, so that "system:node" is a name.
  validateName: isPathSegmentName,
  allowCreateOnUpdate: true,
  validate: binding => validateBinding(binding, ROLE_KINDS, false),
  validateUpdate: (binding, old) => [
    ...validateBinding(binding, ROLE_KINDS, false),
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
