// Types of versions that Kubernetes' own libraries have forgotten, in the notation of generated.ts (scripts/generate-schema.ts describes
// it). Without protobuf numbers: those who still speak these versions write JSON.
export const LEGACY_MODULES: Readonly<Record<string, string>> = {
  'autoscaling/v2beta1': `autoscaling/v2beta1
ContainerResourceMetricSource:name:<v1.ResourceName>s !R;targetAverageUtilization:i *;targetAverageValue:q *;container:s !R
ContainerResourceMetricStatus:name:<v1.ResourceName>s !R;currentAverageUtilization:i *;currentAverageValue:q !R;container:s !R
CrossVersionObjectReference:kind:s !R;name:s !R;apiVersion:s
ExternalMetricSource:metricName:s !R;metricSelector:@meta/v1.LabelSelector *;targetValue:q *;targetAverageValue:q *
ExternalMetricStatus:metricName:s !R;metricSelector:@meta/v1.LabelSelector *;currentValue:q !R;currentAverageValue:q *
HorizontalPodAutoscaler!:kind:s;apiVersion:s;metadata:@meta/v1.ObjectMeta;spec:@HorizontalPodAutoscalerSpec;status:@HorizontalPodAutoscalerStatus
HorizontalPodAutoscalerCondition:type:s !R;status:<v1.ConditionStatus>s !R;lastTransitionTime:t;reason:s;message:s
HorizontalPodAutoscalerList!:kind:s;apiVersion:s;metadata:@meta/v1.ListMeta;items:[@HorizontalPodAutoscaler !R
HorizontalPodAutoscalerSpec:scaleTargetRef:@CrossVersionObjectReference !R;minReplicas:i *;maxReplicas:i !R;metrics:[@MetricSpec La
HorizontalPodAutoscalerStatus:observedGeneration:l *;lastScaleTime:t *;currentReplicas:i !R;desiredReplicas:i !R;currentMetrics:[@MetricStatus La;conditions:[@HorizontalPodAutoscalerCondition La
MetricSpec:type:s !R;object:@ObjectMetricSource *;pods:@PodsMetricSource *;resource:@ResourceMetricSource *;containerResource:@ContainerResourceMetricSource *;external:@ExternalMetricSource *
MetricStatus:type:s !R;object:@ObjectMetricStatus *;pods:@PodsMetricStatus *;resource:@ResourceMetricStatus *;containerResource:@ContainerResourceMetricStatus *;external:@ExternalMetricStatus *
ObjectMetricSource:target:@CrossVersionObjectReference !R;metricName:s !R;targetValue:q !R;selector:@meta/v1.LabelSelector *;averageValue:q *
ObjectMetricStatus:target:@CrossVersionObjectReference !R;metricName:s !R;currentValue:q !R;selector:@meta/v1.LabelSelector *;averageValue:q *
PodsMetricSource:metricName:s !R;targetAverageValue:q !R;selector:@meta/v1.LabelSelector *
PodsMetricStatus:metricName:s !R;currentAverageValue:q !R;selector:@meta/v1.LabelSelector *
ResourceMetricSource:name:<v1.ResourceName>s !R;targetAverageUtilization:i *;targetAverageValue:q *
ResourceMetricStatus:name:<v1.ResourceName>s !R;currentAverageUtilization:i *;currentAverageValue:q !R`,
}
