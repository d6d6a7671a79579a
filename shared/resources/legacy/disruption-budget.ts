// policy/v1beta1: an empty selector selects nothing, where it selects everything today (pkg/apis/policy/v1beta1/conversion.go).
import type { LabelSelector } from '../../api/meta/v1.ts'
import type { PodDisruptionBudget } from '../../api/policy/v1.ts'
import { equal } from '../../apimachinery/objects.ts'
import type { VersionDefinition } from '../../apimachinery/resource.ts'
import type { KubeObject } from '../../apimachinery/types.ts'
import { isEmptySelector } from '../validation/label-selector.ts'
import { deprecated } from './deprecated.ts'

const MARK = 'pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match'
const NONE: LabelSelector = { matchExpressions: [{ key: MARK, operator: 'Exists' }] }
const ALL: LabelSelector = { matchExpressions: [{ key: MARK, operator: 'DoesNotExist' }] }

const withSelector = (object: KubeObject, change: (selector: LabelSelector) => LabelSelector): KubeObject => {
  const { spec } = object as PodDisruptionBudget
  if (spec?.selector === undefined) return object
  return { ...object, spec: { ...spec, selector: change(spec.selector) } } as KubeObject
}

export const DISRUPTION_BUDGETS: readonly VersionDefinition[] = [
  {
    version: 'v1beta1',
    schema: 'io.k8s.api.policy.v1beta1.PodDisruptionBudget',
    deprecation: deprecated('policy/v1beta1', 'PodDisruptionBudget', '1.21', '1.25', 'policy/v1'),
    toStorage: object => withSelector(object, selector => (equal(selector, ALL) ? {} : isEmptySelector(selector) ? NONE : selector)),
    fromStorage: object => withSelector(object, selector => (isEmptySelector(selector) ? ALL : equal(selector, NONE) ? {} : selector)),
  },
]
