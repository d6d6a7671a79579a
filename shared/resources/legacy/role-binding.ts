// rbac.authorization.k8s.io/v1alpha1: subjects named an API version instead of a group, and the user "*" was everybody who is known
// (pkg/apis/rbac/v1alpha1/conversion.go).
import type { RoleBinding, Subject } from '../../api/rbac/v1.ts'
import type { VersionDefinition } from '../../apimachinery/resource.ts'
import type { KubeObject } from '../../apimachinery/types.ts'
import { RBAC } from '../rbac.ts'
import { deprecated } from './deprecated.ts'

const VERSION = `${RBAC}/v1alpha1`
const EVERYBODY = 'system:authenticated'

type OldSubject = Omit<Subject, 'apiGroup'> & { apiVersion?: string }
type Subjects<S> = KubeObject & { subjects?: S[] }

const isOurs = (kind: string) => kind === 'User' || kind === 'Group'

function newSubject({ apiVersion = '', ...subject }: OldSubject): Subject {
  const { kind, name } = subject
  if (kind === 'User' && name === '*') return { ...subject, kind: 'Group', name: EVERYBODY, apiGroup: RBAC }
  const group = isOurs(kind) ? RBAC : kind === 'ServiceAccount' || !apiVersion.includes('/') ? '' : (apiVersion.split('/')[0] ?? '')
  return group === '' ? subject : { ...subject, apiGroup: group }
}

function oldSubject({ apiGroup = '', ...subject }: Subject): OldSubject {
  return { ...subject, apiVersion: isOurs(subject.kind) && apiGroup === RBAC ? VERSION : apiGroup === '' ? 'v1' : `${apiGroup}/` }
}

const binding = (kind: string): readonly VersionDefinition[] => [
  {
    version: 'v1alpha1',
    schema: `io.k8s.api.rbac.v1alpha1.${kind}`,
    deprecation: deprecated(VERSION, kind, '1.17', '1.22', `${RBAC}/v1`),
    defaults(object) {
      const { roleRef, subjects } = object as RoleBinding & Subjects<OldSubject>
      if (roleRef !== undefined && !roleRef.apiGroup) roleRef.apiGroup = RBAC
      for (const subject of (subjects ?? []) as OldSubject[]) {
        if (!subject.apiVersion && isOurs(subject.kind)) subject.apiVersion = VERSION
        else if (!subject.apiVersion && subject.kind === 'ServiceAccount') subject.apiVersion = 'v1'
      }
    },
    toStorage: object => {
      const { subjects } = object as Subjects<OldSubject>
      return subjects === undefined ? object : ({ ...object, subjects: subjects.map(newSubject) } as KubeObject)
    },
    fromStorage: object => {
      const { subjects } = object as Subjects<Subject>
      return subjects === undefined ? object : ({ ...object, subjects: subjects.map(oldSubject) } as KubeObject)
    },
  },
]

export const ROLE_BINDINGS: Readonly<Record<string, readonly VersionDefinition[]>> = {
  [`${RBAC}/rolebindings`]: binding('RoleBinding'),
  [`${RBAC}/clusterrolebindings`]: binding('ClusterRoleBinding'),
}
