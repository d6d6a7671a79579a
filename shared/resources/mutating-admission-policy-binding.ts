import type { MutatingAdmissionPolicyBinding } from '../api/admissionregistration/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { defaultMatch } from './admission-defaults.ts'
import { lazyRules } from './admission-registration/lazy.ts'
import { columns, since, UNSET } from './printers/text.ts'
import { specChanged } from './strategy.ts'

const rules = lazyRules(() => import('./admission-registration/mutating-policy.ts'))

export default defineResource<MutatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  resource: 'mutatingadmissionpolicybindings',
  singular: 'mutatingadmissionpolicybinding',
  kind: 'MutatingAdmissionPolicyBinding',
  namespaced: false,
  storedUpstreamAs: 'admissionregistration.k8s.io/v1beta1',
  categories: ['api-extensions'],
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicyBinding',
      defaults(object) {
        defaultMatch((object as MutatingAdmissionPolicyBinding).spec?.matchResources)
      },
    },
  ],
  load: rules.load,
  validate: binding => rules.loaded().mutatingBindingErrors(binding),
  validateUpdate: binding => rules.loaded().mutatingBindingErrors(binding),
  generation: specChanged,
  columns: columns('Name, PolicyName, ParamRef, Age'),
  cells: ({ metadata, spec }, now) => {
    const ref = spec.paramRef
    const param = !ref ? UNSET : ref.name ? (ref.namespace ? `${ref.namespace}/${ref.name}` : `*/${ref.name}`) : `${ref.namespace ?? '*'}/*`
    return [metadata.name, spec.policyName, param, since(metadata.creationTimestamp, now)]
  },
})
