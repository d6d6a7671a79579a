// Every controller, under the name that --controllers knows.
import { MemoryNotes } from '../store/notes.ts'
import { type ApiServiceProbe, apiServiceController } from './apiservice.ts'
import { clusterRoleAggregationController } from './clusterroleaggregation.ts'
import { cronJobController } from './cronjob.ts'
import { csrApproving } from './csrapproving.ts'
import { csrCleaner } from './csrcleaner.ts'
import { csrSigning } from './csrsigning.ts'
import { customResourceDefinitionController } from './customresourcedefinition.ts'
import { daemonSetController } from './daemonset.ts'
import { deploymentController } from './deployment.ts'
import { disruptionController } from './disruption.ts'
import { endpointsController } from './endpoints.ts'
import { endpointSliceController } from './endpointslice.ts'
import { endpointSliceMirroringController } from './endpointslicemirroring.ts'
import { ephemeralVolumeController } from './ephemeralvolume.ts'
import { garbageCollector } from './garbagecollector.ts'
import { type AutoscalerServices, horizontalPodAutoscaling } from './horizontalpodautoscaler.ts'
import { noMetrics } from './hpa/metrics.ts'
import { jobController } from './job.ts'
import { legacyTokenCleaner } from './legacytokencleaner.ts'
import { namespaceController } from './namespace.ts'
import { nodeLifecycleController } from './nodelifecycle.ts'
import { persistentVolumeBinder } from './persistentvolumebinder.ts'
import { podGarbageCollector } from './podgc.ts'
import { replicaSetController } from './replicaset.ts'
import { replicationController } from './replicationcontroller.ts'
import { resourceClaimController } from './resourceclaim.ts'
import { resourceQuotaController } from './resourcequota.ts'
import { inClusterAuthority, rootCaPublisher } from './rootca.ts'
import { scheduler } from './scheduler.ts'
import { serviceAccountController } from './serviceaccount.ts'
import { serviceAccountTokenController } from './serviceaccounttoken.ts'
import { serviceCidrController } from './servicecidr.ts'
import { statefulSetController } from './statefulset.ts'
import { taintEvictionController } from './tainteviction.ts'
import { tokenCleaner } from './tokencleaner.ts'
import { ttlController } from './ttl.ts'
import { ttlAfterFinishedController } from './ttlafterfinished.ts'
import type { Controller } from './types.ts'
import { validatingAdmissionPolicyStatus } from './validatingadmissionpolicystatus.ts'
import { volumeAttributesClassProtection } from './volumeattributesclassprotection.ts'
import { pvcProtectionController, pvProtectionController } from './volumeprotection.ts'

/** What a controller needs beside the objects; made when it first works. */
export interface ControllerServices {
  readonly autoscaler: () => AutoscalerServices
  readonly apiServices: () => ApiServiceProbe
  /** The cluster's API is reached under a path (/clusters/<name>). */
  readonly underPath?: boolean
}

export const controllersWith = ({ autoscaler, apiServices, underPath }: ControllerServices): readonly Controller[] => [
  apiServiceController(apiServices),
  clusterRoleAggregationController,
  cronJobController,
  csrApproving,
  csrCleaner,
  csrSigning,
  customResourceDefinitionController,
  daemonSetController,
  deploymentController,
  disruptionController,
  endpointsController,
  endpointSliceController,
  endpointSliceMirroringController,
  ephemeralVolumeController,
  garbageCollector,
  horizontalPodAutoscaling(autoscaler),
  jobController,
  legacyTokenCleaner,
  namespaceController(apiServices),
  nodeLifecycleController,
  persistentVolumeBinder,
  podGarbageCollector,
  replicaSetController,
  replicationController,
  pvcProtectionController,
  pvProtectionController,
  resourceClaimController,
  resourceQuotaController,
  rootCaPublisher(() => process.env.API_CA, inClusterAuthority, underPath),
  scheduler,
  serviceAccountController,
  serviceAccountTokenController,
  serviceCidrController,
  statefulSetController,
  taintEvictionController,
  tokenCleaner,
  ttlController,
  ttlAfterFinishedController,
  validatingAdmissionPolicyStatus,
  volumeAttributesClassProtection,
]

/** Nothing can be reached. */
const noServers: ApiServiceProbe = {
  check: async () => ({ reason: 'FailedDiscoveryCheck', message: 'this process asks no other server' }),
  empty: () => Promise.reject(new Error('this process asks no other server')),
}
const bare: AutoscalerServices = { metrics: noMetrics, notes: new MemoryNotes() }

/** Without anything beside: for those who ask what is watched, and for clusters that measure nothing. */
export const controllers = controllersWith({ autoscaler: () => bare, apiServices: () => noServers })
