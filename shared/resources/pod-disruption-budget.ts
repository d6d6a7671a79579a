import type { PodDisruptionBudget } from '../api/policy/v1.ts'
import { invalid, notSupported } from '../apimachinery/field-error.ts'
import { isPathSegmentName } from '../apimachinery/names.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { age, columns } from './printers/text.ts'
import { collect, keep, specChanged, statusPart } from './strategy.ts'
import { atMost100Percent, type Errors, intOrPercent, nonNegative } from './validation/checks.ts'
import { conditions } from './validation/conditions.ts'
import { labelSelector } from './validation/label-selector.ts'

const COUNTS = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const
const POLICIES = ['AlwaysAllow', 'IfHealthyBudget']

function validate({ spec = {} }: PodDisruptionBudget, errors: Errors): void {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    const printed = {
      MinAvailable: minAvailable,
      Selector: selector ?? null,
      MaxUnavailable: maxUnavailable,
      UnhealthyPodEvictionPolicy: policy ?? null,
    }
    errors.push(invalid('spec', printed, 'minAvailable and maxUnavailable cannot be both set'))
  }
  for (const member of ['minAvailable', 'maxUnavailable'] as const) {
    const value = spec[member]
    if (value === undefined) continue
    intOrPercent(value, `spec.${member}`, errors)
    atMost100Percent(value, `spec.${member}`, errors)
  }
  labelSelector(selector, 'spec.selector', errors)
  if (policy !== undefined && !POLICIES.includes(policy)) errors.push(notSupported('spec.unhealthyPodEvictionPolicy', policy, POLICIES))
}

const text = (value: number | string | undefined) => (value === undefined ? 'N/A' : String(value))

export default defineResource<PodDisruptionBudget>({
  group: 'policy',
  resource: 'poddisruptionbudgets',
  singular: 'poddisruptionbudget',
  kind: 'PodDisruptionBudget',
  namespaced: true,
  metadataOnUpdate: 'none',
  shortNames: ['pdb'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.policy.v1.PodDisruptionBudget' }],
  // Upstream asks no more of these names.
  validateName: isPathSegmentName,
  allowUnconditionalUpdate: false,
  generation: specChanged,
  prepareForCreate(budget) {
    budget.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }
  },
  prepareForUpdate: (budget, old) => keep(budget, old, 'status'),
  validate: budget => collect(errors => validate(budget, errors)),
  validateUpdate: budget => collect(errors => validate(budget, errors)),
  parts: {
    status: statusPart<PodDisruptionBudget>({
      check({ status }, _, errors) {
        conditions(status?.conditions, 'status.conditions', errors)
        for (const name of COUNTS) nonNegative(status?.[name], `status.${name}`, errors)
      },
    }),
  },
  columns: columns('Name, Min Available, Max Unavailable, Allowed Disruptions:integer, Age'),
  cells: (budget, now) => [
    budget.metadata.name,
    text(budget.spec?.minAvailable),
    text(budget.spec?.maxUnavailable),
    budget.status?.disruptionsAllowed ?? 0,
    age(budget, now),
  ],
})
