// What the kinds of schema/own.ts are for, as `kubectl explain` prints it.
import type { Descriptions } from './descriptions.ts'

const V1ALPHA1 = 'dev.zeroplane.v1alpha1'
const METRICS = 'io.k8s.metrics.pkg.apis.metrics.v1beta1'
const EXTERNAL = 'io.k8s.metrics.pkg.apis.external_metrics.v1beta1'

const WINDOW = {
  timestamp: 'End of the time span in which the use was measured.',
  window: 'Length of that time span.',
}

export const OWN_DESCRIPTIONS: Descriptions = {
  [`${V1ALPHA1}.Cluster`]: [
    'Cluster is another cluster in the same deployment, served under /clusters/<name>, with everything its own: namespaces, objects, users, pods. Deleting it stops its pods and removes whatever it has stored.',
    { spec: 'How long it is there.', status: 'What has become of it. Written by the server.' },
  ],
  [`${V1ALPHA1}.ClusterList`]: ['ClusterList is a list of Clusters.', { items: 'The Clusters.' }],
  [`${V1ALPHA1}.ClusterSpec`]: [
    'ClusterSpec says how long a cluster is there.',
    { ttlSecondsAfterCreation: 'Seconds after its creation the cluster is deleted. Absent: it stays until somebody deletes it.' },
  ],
  [`${V1ALPHA1}.ClusterStatus`]: [
    'ClusterStatus is what has become of a cluster.',
    {
      phase: 'Active, or Terminating from its deletion until nothing of it is left.',
      conditions:
        'ContentRemaining: while it is being deleted, what is still there and why. ContentRemoved: nothing is, and the cluster is served no more.',
    },
  ],
  [`${V1ALPHA1}.WorkQueue`]: [
    'WorkQueue owns an SQS queue, and launches Jobs from a template by the number of messages in it.',
    {
      spec: 'What is to be launched, and when.',
      status: 'The queue as it was when it was last looked at. Written by the controller.',
    },
  ],
  [`${V1ALPHA1}.WorkQueueList`]: ['WorkQueueList is a list of WorkQueues.', { items: 'The WorkQueues.' }],
  [`${V1ALPHA1}.WorkQueueSpec`]: [
    'WorkQueueSpec says what is launched and when.',
    {
      jobTemplate:
        'The Job that is launched. Its containers find the queue in the environment variable QUEUE_URL, unless they set it themselves.',
      min: 'Jobs that run even when the queue is empty. Default 0.',
      max: 'Most Jobs at once; 0 launches none. Default 10, at most 1000.',
      itemsPerJob: 'Messages, waiting or in flight, for which one Job is wanted. Default 1.',
      coolDownSeconds: 'Least time between two launches, so that Jobs that have just begun can take their messages. Default 10.',
      maxReceiveCount: 'How often a message may be received before it goes to the dead-letter queue. 1 to 1000, default 5.',
      visibilityTimeoutSeconds: 'How long a received message is hidden from other receivers. 0 to 43200, default 300.',
    },
  ],
  [`${V1ALPHA1}.WorkQueueStatus`]: [
    'WorkQueueStatus is the queue as it was when it was last looked at. SQS counts approximately.',
    {
      queueUrl: 'URL of the queue that the WorkQueue owns.',
      deadLetterQueueUrl: 'URL of its dead-letter queue.',
      depth: 'Messages that wait to be received.',
      inFlight: 'Messages that were received and neither deleted nor returned yet.',
      deadLetters: 'Messages in the dead-letter queue.',
      oldestAgeSeconds:
        'For how long the queue has not been seen empty, in whole minutes: no message in it is older. Absent when it is empty.',
      backlogSince: 'When the queue was first seen with messages after it was last seen empty.',
      activeJobs: 'Jobs of this WorkQueue that have not finished.',
      launched: 'Jobs launched so far; the next one is named after the next number.',
      lastLaunchTime: 'When Jobs were last launched.',
      observedGeneration: 'Generation of the spec that the queue was last set up for.',
      conditions: 'Ready: the queue exists, with the settings of the spec.',
    },
  ],
  [`${EXTERNAL}.ExternalMetricValue`]: [
    'ExternalMetricValue is a number that is of no object of the cluster.',
    {
      metricName: 'Name of the metric.',
      metricLabels: 'Labels by which numbers of one metric are told apart.',
      timestamp: 'When it was read.',
      window: 'Seconds over which it was measured, for rates.',
      value: 'The number.',
    },
  ],
  [`${EXTERNAL}.ExternalMetricValueList`]: [
    'ExternalMetricValueList is the numbers of one metric.',
    { items: 'The numbers, one for each set of labels.' },
  ],
  [`${METRICS}.NodeMetrics`]: [
    'NodeMetrics is what the pods of a node use.',
    { ...WINDOW, usage: 'CPU and memory in use, the sum of the pods on the node.' },
  ],
  [`${METRICS}.NodeMetricsList`]: ['NodeMetricsList is a list of NodeMetrics.', { items: 'The NodeMetrics.' }],
  [`${METRICS}.PodMetrics`]: ['PodMetrics is what the containers of a pod use.', { ...WINDOW, containers: 'The containers that run.' }],
  [`${METRICS}.PodMetricsList`]: ['PodMetricsList is a list of PodMetrics.', { items: 'The PodMetrics.' }],
  [`${METRICS}.ContainerMetrics`]: [
    'ContainerMetrics is what one container uses.',
    { name: 'Name of the container.', usage: 'CPU in use on average over the window, and its working set of memory at the end of it.' },
  ],
}
