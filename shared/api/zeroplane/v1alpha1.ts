// Zeroplane's own kinds. Written by hand, beside shared/apimachinery/schema/own.ts; docs/workqueue.md and docs/clusters.md
// say what the fields mean.
import type { JobTemplateSpec } from '../batch/v1.ts'
import type { Condition, ObjectMeta, Time } from '../meta/v1.ts'

export interface WorkQueue {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
  spec: WorkQueueSpec
  status?: WorkQueueStatus
}

export interface WorkQueueSpec {
  jobTemplate: JobTemplateSpec
  min?: number
  max?: number
  itemsPerJob?: number
  coolDownSeconds?: number
  maxReceiveCount?: number
  visibilityTimeoutSeconds?: number
}

export interface WorkQueueStatus {
  queueUrl?: string
  deadLetterQueueUrl?: string
  depth?: number
  inFlight?: number
  deadLetters?: number
  oldestAgeSeconds?: number
  backlogSince?: Time
  activeJobs?: number
  launched?: number
  lastLaunchTime?: Time
  observedGeneration?: number
  conditions?: Condition[]
}

export interface Cluster {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
  spec?: ClusterSpec
  status?: ClusterStatus
}

export interface ClusterSpec {
  ttlSecondsAfterCreation?: number
}

export interface ClusterStatus {
  phase?: string
  conditions?: Condition[]
}
