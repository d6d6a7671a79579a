import type { Lease } from '../api/coordination/v1.ts'
import { forbidden, invalid } from '../apimachinery/field-error.ts'
import { isQualifiedName } from '../apimachinery/names.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { age, columns } from './printers/text.ts'
import { collect } from './strategy.ts'
import { addInvalid, type Errors } from './validation/checks.ts'

const STRATEGIES = 'OldestEmulationVersion'

function validate({ spec = {} }: Lease, errors: Errors): void {
  const { leaseDurationSeconds: seconds, leaseTransitions: transitions, strategy, preferredHolder } = spec
  if (seconds !== undefined && seconds <= 0) errors.push(invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0'))
  if (transitions !== undefined && transitions < 0)
    errors.push(invalid('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'))
  if (strategy !== undefined && strategy !== STRATEGIES) {
    const parts = strategy.split('/')
    if (parts.length === 1)
      errors.push(
        invalid(
          'spec.strategy',
          strategy,
          "if a strategy is not a known strategy, it must be a fully qualified name (e.g. 'example.com/custom-strategy')",
        ),
      )
    else addInvalid(isQualifiedName(strategy), 'spec.strategy', strategy, errors)
  }
  if (preferredHolder && !strategy) errors.push(forbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined'))
}

export default defineResource<Lease>({
  group: 'coordination.k8s.io',
  resource: 'leases',
  singular: 'lease',
  kind: 'Lease',
  namespaced: true,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.coordination.v1.Lease' }],
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  validate: lease => collect(errors => validate(lease, errors)),
  validateUpdate: lease => collect(errors => validate(lease, errors)),
  columns: columns('Name, Holder, Age'),
  cells: (lease, now) => [lease.metadata.name, lease.spec?.holderIdentity ?? '', age(lease, now)],
})
