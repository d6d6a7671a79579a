// The admission plugins in upstream's order: later ones see what earlier ones did.
import type { AdmissionPlugin } from '../apimachinery/admission.ts'
import { defaultIngressClass } from './default-class.ts'
import { limitRanger } from './limit-ranger.ts'
import { namespaceLifecycle } from './namespace-lifecycle.ts'
import { defaultTolerationSeconds, taintNodesByCondition } from './node-taints.ts'
import { podResize } from './pod-resize.ts'
import { podSecurity } from './pod-security/index.ts'
import { priority } from './priority.ts'
import { resourceQuota } from './resource-quota.ts'
import { runtimeClass } from './runtime-class.ts'
import { serviceAccount } from './service-account.ts'
import { defaultStorageClass, persistentVolumeClaimResize, storageObjectInUseProtection } from './storage.ts'

/** What users configure comes after what is built in, and before anything is counted. */
export function admissionChain({ mutating, validating }: Record<'mutating' | 'validating', AdmissionPlugin>): readonly AdmissionPlugin[] {
  return [...BUILT_IN, mutating, validating, resourceQuota]
}

const BUILT_IN: readonly AdmissionPlugin[] = [
  namespaceLifecycle,
  limitRanger,
  serviceAccount,
  taintNodesByCondition,
  podSecurity,
  priority,
  defaultTolerationSeconds,
  defaultStorageClass,
  storageObjectInUseProtection,
  persistentVolumeClaimResize,
  podResize,
  runtimeClass,
  defaultIngressClass,
]
