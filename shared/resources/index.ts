// Every built-in kind. Adding one is adding its file and its name here.
import type { ResourceDefinition } from '../apimachinery/resource.ts'
import apiService from './api-service.ts'
import certificateSigningRequest from './certificate-signing-request.ts'
import clusterRole from './cluster-role.ts'
import clusterRoleBinding from './cluster-role-binding.ts'
import componentStatus from './component-status.ts'
import configMap from './config-map.ts'
import csiDriver from './csi-driver.ts'
import csiNode from './csi-node.ts'
import csiStorageCapacity from './csi-storage-capacity.ts'
import deviceClass from './device-class.ts'
import flowSchema from './flow-schema.ts'
import ingress from './ingress.ts'
import ingressClass from './ingress-class.ts'
import ipAddress from './ip-address.ts'
import mutatingAdmissionPolicy from './mutating-admission-policy.ts'
import mutatingAdmissionPolicyBinding from './mutating-admission-policy-binding.ts'
import mutatingWebhookConfiguration from './mutating-webhook-configuration.ts'
import namespace from './namespace.ts'
import networkPolicy from './network-policy.ts'
import priorityLevelConfiguration from './priority-level-configuration.ts'
import resourceClaim from './resource-claim.ts'
import resourceClaimTemplate from './resource-claim-template.ts'
import resourceSlice from './resource-slice.ts'
import role from './role.ts'
import roleBinding from './role-binding.ts'
import runtimeClass from './runtime-class.ts'
import serviceCidr from './service-cidr.ts'
import validatingAdmissionPolicy from './validating-admission-policy.ts'
import validatingAdmissionPolicyBinding from './validating-admission-policy-binding.ts'
import validatingWebhookConfiguration from './validating-webhook-configuration.ts'
import volumeAttachment from './volume-attachment.ts'
import volumeAttributesClass from './volume-attributes-class.ts'

export const BUILT_IN: readonly ResourceDefinition[] = [
  apiService,
  certificateSigningRequest,
  clusterRole,
  clusterRoleBinding,
  componentStatus,
  configMap,
  csiDriver,
  csiNode,
  csiStorageCapacity,
  deviceClass,
  flowSchema,
  ingress,
  ingressClass,
  ipAddress,
  mutatingAdmissionPolicy,
  mutatingAdmissionPolicyBinding,
  mutatingWebhookConfiguration,
  namespace,
  networkPolicy,
  priorityLevelConfiguration,
  resourceClaim,
  resourceClaimTemplate,
  resourceSlice,
  role,
  roleBinding,
  runtimeClass,
  serviceCidr,
  validatingAdmissionPolicy,
  validatingAdmissionPolicyBinding,
  validatingWebhookConfiguration,
  volumeAttachment,
  volumeAttributesClass,
]
