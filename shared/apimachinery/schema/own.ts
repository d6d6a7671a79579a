// The kinds that are Zeroplane's own, and those of k8s.io/metrics, which kube-apiserver does not have: in the notation of generated.ts
// (scripts/generate-schema.ts describes it). They are built in as Kubernetes' kinds are: defaults, apply, OpenAPI and protobuf come from
// here, and no CustomResourceDefinition stands for them.
export const OWN_MODULES: Readonly<Record<string, string>> = {
  'zeroplane/v1alpha1': `zeroplane.dev/v1alpha1
Cluster!:kind:s;apiVersion:s;metadata:@meta/v1.ObjectMeta #1;spec:@ClusterSpec #2;status:@ClusterStatus #3
ClusterList!:kind:s;apiVersion:s;metadata:@meta/v1.ListMeta #1;items:[@Cluster !R#2
ClusterSpec:ttlSecondsAfterCreation:l *#1
ClusterStatus:phase:s #1;conditions:[@meta/v1.Condition Lm(type)Pm^type#2
WorkQueue!:kind:s;apiVersion:s;metadata:@meta/v1.ObjectMeta #1;spec:@WorkQueueSpec R#2;status:@WorkQueueStatus #3
WorkQueueList!:kind:s;apiVersion:s;metadata:@meta/v1.ListMeta #1;items:[@WorkQueue !R#2
WorkQueueSpec:jobTemplate:@batch/v1.JobTemplateSpec !R#1;min:i *#2=0;max:i *#3=10;itemsPerJob:i *#4=1;coolDownSeconds:i *#5=10;maxReceiveCount:i *#6=5;visibilityTimeoutSeconds:i *#7=300
WorkQueueStatus:queueUrl:s #1;deadLetterQueueUrl:s #2;depth:i *#3;inFlight:i *#4;deadLetters:i *#5;oldestAgeSeconds:l *#6;backlogSince:t *#7;activeJobs:i *#8;launched:l *#9;lastLaunchTime:t *#10;observedGeneration:l #11;conditions:[@meta/v1.Condition Lm(type)Pm^type#12`,
  'metrics/v1beta1': `metrics.k8s.io/v1beta1
ContainerMetrics:name:s !R#1;usage:<v1.ResourceList>{q !R#2
NodeMetrics!:kind:s;apiVersion:s;metadata:@meta/v1.ObjectMeta #1;timestamp:t !R#2;window:D !R#3;usage:<v1.ResourceList>{q !R#4
NodeMetricsList!:kind:s;apiVersion:s;metadata:@meta/v1.ListMeta #1;items:[@NodeMetrics !R#2
PodMetrics!:kind:s;apiVersion:s;metadata:@meta/v1.ObjectMeta #1;timestamp:t !R#2;window:D !R#3;containers:[@ContainerMetrics !R#4
PodMetricsList!:kind:s;apiVersion:s;metadata:@meta/v1.ListMeta #1;items:[@PodMetrics !R#2`,
  'external_metrics/v1beta1': `external.metrics.k8s.io/v1beta1
ExternalMetricValue!:kind:s;apiVersion:s;metricName:s !R#1;metricLabels:{s !R#2;timestamp:t !R#3;window:l #4;value:q !R#5
ExternalMetricValueList!:kind:s;apiVersion:s;metadata:@meta/v1.ListMeta #1;items:[@ExternalMetricValue !R#2`,
}
