// authorization.k8s.io/v1beta1: the groups of who is asked about were called group.
import type { VersionDefinition } from '../../apimachinery/resource.ts'
import type { KubeObject } from '../../apimachinery/types.ts'
import { deprecated } from './deprecated.ts'

const GROUP = 'authorization.k8s.io'

type WithSpec = KubeObject & { spec?: Record<string, unknown> }

function renamed(object: KubeObject, from: string, to: string): KubeObject {
  const { spec } = object as WithSpec
  if (spec?.[from] === undefined) return object
  const { [from]: value, ...rest } = spec
  return { ...object, spec: { ...rest, [to]: value } } as KubeObject
}

const review = (kind: string): readonly VersionDefinition[] => [
  {
    version: 'v1beta1',
    schema: `io.k8s.api.authorization.v1beta1.${kind}`,
    deprecation: deprecated(`${GROUP}/v1beta1`, kind, '1.19', '1.22', `${GROUP}/v1`),
    toStorage: object => renamed(object, 'group', 'groups'),
    fromStorage: object => renamed(object, 'groups', 'group'),
  },
]

export const ACCESS_REVIEWS: Readonly<Record<string, readonly VersionDefinition[]>> = {
  [`${GROUP}/subjectaccessreviews`]: review('SubjectAccessReview'),
  [`${GROUP}/localsubjectaccessreviews`]: review('LocalSubjectAccessReview'),
}
