// Whether the expressions of a policy fit the types that it is for: said once for each of its generations, in its status.
import type { ValidatingAdmissionPolicy } from '../api/admissionregistration/v1.ts'
import { VALIDATING_ADMISSION_POLICIES } from './collections.ts'
import { unlessGone } from './owners.ts'
import type { Controller } from './types.ts'

const isUnseen = ({ metadata, status }: ValidatingAdmissionPolicy): boolean =>
  (metadata.generation ?? 0) > (status?.observedGeneration ?? 0) && metadata.deletionTimestamp === undefined

export const validatingAdmissionPolicyStatus: Controller = {
  name: 'validatingadmissionpolicy-status',
  component: 'validatingadmissionpolicy-status-controller',
  watches: [
    {
      resource: VALIDATING_ADMISSION_POLICIES,
      keys: ({ type, key, object }) => (type !== 'deleted' && isUnseen(object as ValidatingAdmissionPolicy) ? [key] : []),
    },
  ],
  async reconcile(key, { client, informer, registry }) {
    const policy = (await informer(VALIDATING_ADMISSION_POLICIES)).get(key)?.object as ValidatingAdmissionPolicy | undefined
    if (policy === undefined || !isUnseen(policy)) return undefined
    const { expressionWarnings } = await import('./validatingadmissionpolicystatus/check.ts')
    await registry.refresh()
    const found = expressionWarnings(policy, registry)
    const status = {
      ...policy.status,
      observedGeneration: policy.metadata.generation,
      typeChecking: found.length === 0 ? {} : { expressionWarnings: found },
    }
    await unlessGone(() => client.updateStatus(VALIDATING_ADMISSION_POLICIES, { ...policy, status }))
    return undefined
  },
}
