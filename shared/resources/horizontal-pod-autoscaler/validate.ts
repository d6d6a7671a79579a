// What an autoscaler may say (pkg/apis/autoscaling/validation).

import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from '../../api/autoscaling/v2.ts'
import { forbidden, invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { member } from '../../apimachinery/objects.ts'
import { quantitySign } from '../../apimachinery/quantity.ts'
import { dnsLabel, type Errors, NOT_POSITIVE, nonNegative, nonNegativeQuantity } from '../validation/checks.ts'
import { pathName } from '../validation/references.ts'
import { containerResourceName } from '../validation/resource-names.ts'

const MAX_WINDOW = 3600
const MAX_PERIOD = 1800
const SELECT = ['Disabled', 'Max', 'Min']
const POLICIES = ['Percent', 'Pods']
const SOURCES: Readonly<Record<string, keyof MetricSpec>> = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
}
const TYPES = Object.keys(SOURCES)
/** In the order in which upstream looks at them. */
const MEMBERS = ['object', 'external', 'pods', 'resource', 'containerResource'] as const
const EITHER = 'must set either a target raw value or a target utilization'
const NOT_BOTH = 'may not set both a target raw value and a target utilization'

type Reference = CrossVersionObjectReference

function versionProblem({ apiVersion = '' }: Reference, withoutGroup: boolean): string | undefined {
  const parts = apiVersion.split('/')
  if (parts.length > 2) return `unexpected GroupVersion string: ${apiVersion}`
  return !withoutGroup && parts.length < 2 ? 'apiVersion must specify API group' : undefined
}

/** `withoutGroup`: kinds of the core may be meant; undefined when any version goes. */
function reference(ref: Reference, withoutGroup: boolean | undefined, field: string, errors: Errors): void {
  pathName(ref.kind, `${field}.kind`, errors)
  pathName(ref.name, `${field}.name`, errors)
  const problem = withoutGroup === undefined ? undefined : versionProblem(ref, withoutGroup)
  if (problem !== undefined) errors.push(invalid(`${field}.apiVersion`, ref.apiVersion ?? '', problem))
}

export function validateAutoscaler(autoscaler: HorizontalPodAutoscaler, old: HorizontalPodAutoscaler | undefined, errors: Errors): void {
  const spec = autoscaler.spec ?? ({} as HorizontalPodAutoscalerSpec)
  const { minReplicas, maxReplicas = 0, scaleTargetRef = {} as Reference } = spec
  const lowest = old?.spec?.minReplicas === 0 ? 0 : 1
  if (minReplicas !== undefined && minReplicas < lowest)
    errors.push(invalid('spec.minReplicas', minReplicas, `must be greater than or equal to ${lowest}`))
  if (maxReplicas === 0) errors.push(required('spec.maxReplicas', 'must be set and greater than 0'))
  else if (maxReplicas < 0) errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to 1'))
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'))
  const before = old?.spec?.scaleTargetRef
  const known = before !== undefined && before.apiVersion === scaleTargetRef.apiVersion && before.kind === scaleTargetRef.kind
  reference(scaleTargetRef, known ? undefined : scaleTargetRef.kind === 'ReplicationController', 'spec.scaleTargetRef', errors)
  const wasWrong = old?.spec?.metrics?.some(
    ({ type, object }) => type === 'Object' && object !== undefined && versionProblem(object.describedObject, true) !== undefined,
  )
  metrics(spec, wasWrong ? undefined : true, errors)
  rules(spec.behavior?.scaleUp, 'spec.behavior.scaleUp', errors)
  rules(spec.behavior?.scaleDown, 'spec.behavior.scaleDown', errors)
}

function metrics({ metrics: list = [], minReplicas }: HorizontalPodAutoscalerSpec, withoutGroup: true | undefined, errors: Errors): void {
  for (const [i, spec] of list.entries()) metric(spec, withoutGroup, `spec.metrics[${i}]`, errors)
  if (minReplicas === 0 && !list.some(({ type }) => type === 'Object' || type === 'External'))
    errors.push(forbidden('spec.metrics', 'must specify at least one Object or External metric to support scaling to zero replicas'))
}

function metric(spec: MetricSpec, withoutGroup: true | undefined, at: string, errors: Errors): void {
  const expected = member(SOURCES, spec.type)
  if (!spec.type) errors.push(required(`${at}.type`, 'must specify a metric source type'))
  if (expected === undefined) errors.push(notSupported(`${at}.type`, spec.type ?? '', TYPES))
  const present = MEMBERS.filter(member => spec[member] !== undefined)
  const [first] = present
  if (first !== undefined) source(spec, first, withoutGroup, `${at}.${first}`, errors)
  if (expected === undefined) errors.push(notSupported(`${at}.type`, spec.type ?? '', TYPES))
  else if (spec[expected] === undefined) errors.push(required(`${at}.${expected}`, 'must populate information for the given metric source'))
  if (present.length === 1) return
  for (const member of present)
    if (member !== expected) errors.push(forbidden(`${at}.${member}`, 'must populate the given metric source only'))
}

function source(spec: MetricSpec, member: (typeof MEMBERS)[number], withoutGroup: true | undefined, at: string, errors: Errors): void {
  const { object, external, pods, resource, containerResource } = spec
  const needs = (missing: boolean, which: string, why: string) => {
    if (missing) errors.push(required(`${at}.target.${which}`, why))
  }
  if (member === 'object' && object !== undefined) {
    reference(object.describedObject ?? {}, withoutGroup, `${at}.describedObject`, errors)
    identifier(object.metric, `${at}.metric`, errors)
    const { value, averageValue } = target(object.target, `${at}.target`, errors)
    needs(value === undefined && averageValue === undefined, 'averageValue', 'must set either a target value or averageValue')
  }
  if (member === 'external' && external !== undefined) {
    identifier(external.metric, `${at}.metric`, errors)
    const { value, averageValue } = target(external.target, `${at}.target`, errors)
    const both = value !== undefined && averageValue !== undefined
    needs(
      value === undefined && averageValue === undefined,
      'averageValue',
      'must set either a target value for metric or a per-pod target',
    )
    if (both) errors.push(forbidden(`${at}.target.value`, 'may not set both a target value for metric and a per-pod target'))
  }
  if (member === 'pods' && pods !== undefined) {
    identifier(pods.metric, `${at}.metric`, errors)
    const { averageValue } = target(pods.target, `${at}.target`, errors)
    needs(averageValue === undefined, 'averageValue', 'must specify a positive target averageValue')
  }
  if (member === 'containerResource' && containerResource !== undefined) {
    const { name, container } = containerResource
    if (!name) errors.push(required(`${at}.name`, 'must specify a resource name'))
    else containerResourceName(name, `${at}.name`, errors)
    if (!container) errors.push(required(`${at}.container`, 'must specify a container'))
    else dnsLabel(container, `${at}.container`, errors)
    utilization(containerResource.target, `${at}.target`, errors)
  }
  if (member === 'resource' && resource !== undefined) {
    if (!resource.name) errors.push(required(`${at}.name`, 'must specify a resource name'))
    utilization(resource.target, `${at}.target`, errors)
  }
}

function utilization(given: MetricTarget | undefined, field: string, errors: Errors): void {
  const { averageUtilization, averageValue } = target(given, field, errors)
  if (averageUtilization === undefined && averageValue === undefined) errors.push(required(`${field}.averageUtilization`, EITHER))
  if (averageUtilization !== undefined && averageValue !== undefined) errors.push(forbidden(`${field}.averageValue`, NOT_BOTH))
}

function identifier(id: MetricIdentifier | undefined, field: string, errors: Errors): void {
  pathName(id?.name, `${field}.name`, errors, 'must specify a metric name')
}

function target(given: MetricTarget | undefined, field: string, errors: Errors): MetricTarget {
  const checked = given ?? ({} as MetricTarget)
  const { type = '', averageUtilization } = checked
  if (type === '') errors.push(required(`${field}.type`, 'must specify a metric target type'))
  if (type !== 'Utilization' && type !== 'Value' && type !== 'AverageValue')
    errors.push(invalid(`${field}.type`, type, 'must be either Utilization, Value, or AverageValue'))
  for (const member of ['value', 'averageValue'] as const) {
    const value = checked[member]
    if (value !== undefined && quantitySign(value) <= 0) errors.push(invalid(`${field}.${member}`, String(value), 'must be positive'))
  }
  if (averageUtilization !== undefined && averageUtilization < 1)
    errors.push(invalid(`${field}.averageUtilization`, averageUtilization, 'must be greater than 0'))
  return checked
}

function rules(given: HPAScalingRules | undefined, field: string, errors: Errors): void {
  if (given === undefined) return
  const { stabilizationWindowSeconds: window = 0, selectPolicy, policies = [], tolerance } = given
  const at = `${field}.stabilizationWindowSeconds`
  if (window < 0) errors.push(invalid(at, window, 'must be greater than or equal to zero'))
  if (window > MAX_WINDOW) errors.push(invalid(at, window, `must be less than or equal to ${MAX_WINDOW}`))
  if (selectPolicy !== undefined && !SELECT.includes(selectPolicy)) errors.push(notSupported(`${field}.selectPolicy`, selectPolicy, SELECT))
  if (policies.length === 0) errors.push(required(`${field}.policies`, 'must specify at least one Policy'))
  for (const [i, { type = '', value = 0, periodSeconds: period = 0 }] of policies.entries()) {
    const where = `${field}.policies[${i}]`
    if (!POLICIES.includes(type)) errors.push(notSupported(`${where}.type`, type, POLICIES))
    if (value <= 0) errors.push(invalid(`${where}.value`, value, NOT_POSITIVE))
    if (period <= 0) errors.push(invalid(`${where}.periodSeconds`, period, NOT_POSITIVE))
    if (period > MAX_PERIOD) errors.push(invalid(`${where}.periodSeconds`, period, `must be less than or equal to ${MAX_PERIOD}`))
  }
  if (tolerance !== undefined) nonNegativeQuantity(tolerance, `${field}.tolerance`, errors)
}

export function validateAutoscalerStatus({ status }: HorizontalPodAutoscaler, errors: Errors): void {
  nonNegative(status?.currentReplicas, 'status.currentReplicas', errors)
  nonNegative(status?.desiredReplicas, 'status.desiredReplicas', errors)
}
