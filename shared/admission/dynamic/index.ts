// Admission that users configure: policies in CEL and webhooks. What they need is loaded when the first of them is there.
import type { AdmissionPlugin, Attributes } from '../../apimachinery/admission.ts'
import type { Engines } from '../../apimachinery/engines.ts'
import type { Registry } from '../../apimachinery/registry.ts'
import type { Authorizer } from '../../auth/types.ts'
import type { Store } from '../../store/types.ts'
import { isConfiguration, Sources } from './sources.ts'

export interface DynamicAdmissionOptions {
  readonly store: Store
  readonly registry: Registry
  readonly engines: Engines
  readonly authorizer: Authorizer
  now(): number
}

/** Answers questions, stores nothing: nobody may stand between a user and his rights. */
const NEVER = new Set(['authentication.k8s.io', 'authorization.k8s.io'])

export function dynamicAdmission({ store, registry, engines, authorizer, now }: DynamicAdmissionOptions): {
  readonly mutating: AdmissionPlugin
  readonly validating: AdmissionPlugin
} {
  const sources = new Sources(store, now)
  /** Whoever configures admission is not held to it, or a mistake could never be undone. */
  const concerns = async ({ endpoint }: Attributes): Promise<boolean> => {
    if (isConfiguration(endpoint.collection)) sources.touch()
    if (isConfiguration(endpoint.collection) || NEVER.has(endpoint.collection.group)) return false
    await sources.refresh()
    return true
  }
  const services = { sources, authorizer, engines }
  return {
    mutating: {
      name: 'MutatingAdmissionPolicy',
      async mutate(attributes) {
        if (!(await concerns(attributes))) return
        if (sources.has('mutatingadmissionpolicybindings') && sources.has('mutatingadmissionpolicies')) {
          const { mutateByPolicies } = await import('./mutating-policies.ts')
          await mutateByPolicies(attributes, services, registry)
        }
        if (!sources.has('mutatingwebhookconfigurations')) return
        const { mutateByWebhooks } = await import('./webhooks.ts')
        await mutateByWebhooks(attributes, services)
      },
    },
    validating: {
      name: 'ValidatingAdmissionPolicy',
      async validate(attributes) {
        if (isConfiguration(attributes.endpoint.collection)) {
          const { checkParamAccess } = await import('./param-access.ts')
          await checkParamAccess(attributes, registry, authorizer)
        }
        if (!(await concerns(attributes))) return
        if (sources.has('validatingadmissionpolicies') && sources.has('validatingadmissionpolicybindings')) {
          const { applyPolicies } = await import('./policies.ts')
          await applyPolicies(attributes, sources, registry, authorizer)
        }
        if (!sources.has('validatingwebhookconfigurations')) return
        const { validateByWebhooks } = await import('./webhooks.ts')
        await validateByWebhooks(attributes, services)
      },
    },
  }
}
