import type { MutatingAdmissionPolicy } from '../api/admissionregistration/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { defaultMatch } from './admission-defaults.ts'
import { lazyRules } from './admission-registration/lazy.ts'
import { columns, since, UNSET } from './printers/text.ts'
import { specChanged } from './strategy.ts'

const rules = lazyRules(() => import('./admission-registration/mutating-policy.ts'))

export default defineResource<MutatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  resource: 'mutatingadmissionpolicies',
  singular: 'mutatingadmissionpolicy',
  kind: 'MutatingAdmissionPolicy',
  namespaced: false,
  storedUpstreamAs: 'admissionregistration.k8s.io/v1beta1',
  categories: ['api-extensions'],
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicy',
      defaults(object) {
        const { spec } = object as MutatingAdmissionPolicy
        if (spec === undefined) return
        spec.failurePolicy ??= 'Fail'
        defaultMatch(spec.matchConstraints)
      },
    },
  ],
  load: rules.load,
  validate: policy => rules.loaded().mutatingPolicyErrors(policy),
  validateUpdate: policy => rules.loaded().mutatingPolicyErrors(policy),
  generation: specChanged,
  columns: columns('Name, Mutations:integer, ParamKind, Age'),
  cells: ({ metadata, spec }, now) => [
    metadata.name,
    (spec.mutations ?? []).length,
    spec.paramKind ? `${spec.paramKind.apiVersion}/${spec.paramKind.kind}` : UNSET,
    since(metadata.creationTimestamp, now),
  ],
})
