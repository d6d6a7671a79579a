// What the four RBAC kinds share.
import type { Subject } from '../api/rbac/v1.ts'
import { type FieldError, invalid, notSupported, required } from '../apimachinery/field-error.ts'
import { isDNS1123Subdomain, isPathSegmentName } from '../apimachinery/names.ts'

export const RBAC = 'rbac.authorization.k8s.io'

/** Subjects' API groups default by kind: users and groups are RBAC's own. */
export function defaultSubjects(binding: { subjects?: Subject[]; roleRef: { apiGroup?: string } }): void {
  if (!binding.roleRef.apiGroup) binding.roleRef.apiGroup = RBAC
  for (const subject of binding.subjects ?? []) {
    if (!subject.apiGroup && (subject.kind === 'User' || subject.kind === 'Group')) subject.apiGroup = RBAC
  }
}

export function validateBinding(
  binding: { roleRef: { apiGroup?: string; kind: string; name: string }; subjects?: Subject[] },
  roleKinds: readonly string[],
  namespaced: boolean,
): FieldError[] {
  const errors: FieldError[] = []
  const { roleRef } = binding
  if (roleRef.apiGroup !== RBAC) errors.push(notSupported('roleRef.apiGroup', roleRef.apiGroup ?? '', [RBAC]))
  if (!roleKinds.includes(roleRef.kind)) errors.push(notSupported('roleRef.kind', roleRef.kind, roleKinds))
  if (!roleRef.name) errors.push(required('roleRef.name'))
  else for (const wrong of isPathSegmentName(roleRef.name)) errors.push(invalid('roleRef.name', roleRef.name, wrong))
  for (const [i, subject] of (binding.subjects ?? []).entries()) errors.push(...validateSubject(subject, `subjects[${i}]`, namespaced))
  return errors
}

function validateSubject({ kind, name, apiGroup = '', namespace }: Subject, path: string, namespaced: boolean): FieldError[] {
  const errors: FieldError[] = []
  if (!name) errors.push(required(`${path}.name`))
  if (kind === 'ServiceAccount') {
    if (name) for (const wrong of isDNS1123Subdomain(name)) errors.push(invalid(`${path}.name`, name, wrong))
    if (apiGroup !== '') errors.push(notSupported(`${path}.apiGroup`, apiGroup, ['']))
    if (!namespaced && !namespace) errors.push(required(`${path}.namespace`))
  } else if (kind === 'User' || kind === 'Group') {
    if (apiGroup !== RBAC) errors.push(notSupported(`${path}.apiGroup`, apiGroup, [RBAC]))
  } else errors.push(notSupported(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group']))
  return errors
}

/** As Go prints its type. */
export const printedRoleRef = ({ apiGroup, kind, name }: { apiGroup?: string; kind: string; name: string }) => ({
  APIGroup: apiGroup ?? '',
  Kind: kind,
  Name: name,
})

/** Cells of the wide columns: users, groups, service accounts. */
export function subjectCells(subjects: readonly Subject[] | undefined): string[] {
  const of = (kind: string, text: (s: Subject) => string) =>
    (subjects ?? [])
      .filter(s => s.kind === kind)
      .map(text)
      .join(', ')
  return [of('User', s => s.name), of('Group', s => s.name), of('ServiceAccount', s => `${s.namespace ?? ''}/${s.name}`)]
}
