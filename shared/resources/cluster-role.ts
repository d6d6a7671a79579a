import type { ClusterRole } from '../api/rbac/v1.ts'
import { invalid, required } from '../apimachinery/field-error.ts'
import { isPathSegmentName } from '../apimachinery/names.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { RBAC } from './rbac.ts'
import { validateRules } from './rbac-rules.ts'
import { collect } from './strategy.ts'
import type { Errors } from './validation/checks.ts'
import { isUsableSelector, labelSelector } from './validation/label-selector.ts'

function aggregation({ aggregationRule }: ClusterRole, errors: Errors): void {
  if (aggregationRule === undefined) return
  const field = 'aggregationRule.clusterRoleSelectors'
  const selectors = aggregationRule.clusterRoleSelectors ?? []
  if (selectors.length === 0) errors.push(required(field, 'at least one clusterRoleSelector required if aggregationRule is non-nil'))
  for (const [i, selector] of selectors.entries()) {
    labelSelector(selector, `${field}[${i}]`, errors)
    // Upstream prints what could not be made of it.
    if (!isUsableSelector(selector)) errors.push(invalid(`${field}[${i}]`, null, 'invalid label selector.'))
  }
}

export default defineResource<ClusterRole>({
  group: RBAC,
  resource: 'clusterroles',
  singular: 'clusterrole',
  kind: 'ClusterRole',
  namespaced: false,
  metadataOnUpdate: 'both',
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.rbac.v1.ClusterRole' }],
  // Nearly anything, so that "system:node" is a name.
  validateName: isPathSegmentName,
  allowCreateOnUpdate: true,
  validate: role => [...validateRules(role.rules, false), ...collect(errors => aggregation(role, errors))],
})
