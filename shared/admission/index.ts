// The admission plugins in upstream's order: later ones see what earlier ones did.
import type { AdmissionPlugin } from '../apimachinery/admission.ts'
import { defaultIngressClass } from './default-class.ts'
import { limitRanger } from './limit-ranger.ts'
import { namespaceLifecycle } from './namespace-lifecycle.ts'
import { defaultTolerationSeconds, taintNodesByCondition } from './node-taints.ts'
import { podSecurity } from './pod-security/index.ts'
import { priority } from './priority.ts'
import { resourceQuota } from './resource-quota.ts'
import { runtimeClass } from './runtime-class.ts'
import { serviceAccount } from './service-account.ts'
import { defaultStorageClass, storageObjectInUseProtection } from './storage.ts'

export const ADMISSION: readonly AdmissionPlugin[] = [
  namespaceLifecycle,
  limitRanger,
  serviceAccount,
  taintNodesByCondition,
  podSecurity,
  priority,
  defaultTolerationSeconds,
  defaultStorageClass,
  storageObjectInUseProtection,
  runtimeClass,
  defaultIngressClass,
  resourceQuota,
]
