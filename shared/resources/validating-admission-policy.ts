import type { ValidatingAdmissionPolicy } from '../api/admissionregistration/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { defaultMatch } from './admission-defaults.ts'
import { lazyRules } from './admission-registration/lazy.ts'
import { columns, since, UNSET } from './printers/text.ts'
import { apartFromStatus, specChanged } from './strategy.ts'

const rules = lazyRules(() => import('./admission-registration/policy.ts'))

export default defineResource<ValidatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  resource: 'validatingadmissionpolicies',
  singular: 'validatingadmissionpolicy',
  kind: 'ValidatingAdmissionPolicy',
  namespaced: false,
  categories: ['api-extensions'],
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy',
      defaults(object) {
        const { spec } = object as ValidatingAdmissionPolicy
        if (spec === undefined) return
        spec.failurePolicy ??= 'Fail'
        defaultMatch(spec.matchConstraints)
      },
    },
  ],
  ...apartFromStatus,
  load: rules.load,
  validate: policy => rules.loaded().policyErrors(policy),
  validateUpdate: policy => rules.loaded().policyErrors(policy),
  generation: specChanged,
  parts: { status: {} },
  columns: columns('Name, Validations:integer, ParamKind, Age'),
  cells: ({ metadata, spec }, now) => [
    metadata.name,
    (spec.validations ?? []).length,
    spec.paramKind ? `${spec.paramKind.apiVersion}/${spec.paramKind.kind}` : UNSET,
    since(metadata.creationTimestamp, now),
  ],
})
