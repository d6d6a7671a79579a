// autoscaling/v1 knows one metric, the CPU of the pods. What else there is travels in annotations, as Go writes its types of that
// version as JSON: members in their order, behavior with the names of the unversioned type (pkg/apis/autoscaling/v1/conversion.go).

import type { HorizontalPodAutoscaler as Old } from '../../api/autoscaling/v1.ts'
import type {
  HorizontalPodAutoscalerBehavior,
  HorizontalPodAutoscalerSpec,
  HorizontalPodAutoscalerStatus,
  HPAScalingRules,
  HorizontalPodAutoscaler as Latest,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../../api/autoscaling/v2.ts'
import type { LabelSelector } from '../../api/meta/v1.ts'
import { canonicalQuantity } from '../../apimachinery/quantity.ts'
import type { KubeObject } from '../../apimachinery/types.ts'
import { cpuMetric, DEFAULT_UTILIZATION } from './defaults.ts'

const PREFIX = 'autoscaling.alpha.kubernetes.io/'
const METRICS = `${PREFIX}metrics`
const STATUSES = `${PREFIX}current-metrics`
const CONDITIONS = `${PREFIX}conditions`
export const BEHAVIOR = `${PREFIX}behavior`
const CARRIED = [METRICS, STATUSES, CONDITIONS, BEHAVIOR, `${PREFIX}scale-down-tolerance`, `${PREFIX}scale-up-tolerance`]

type Annotations = Readonly<Record<string, string>> | undefined

/** In the version stored they mean nothing. */
export function withoutCarried<T extends KubeObject>(autoscaler: T): T {
  const { annotations } = autoscaler.metadata
  if (annotations === undefined || !CARRIED.some(key => key in annotations)) return autoscaler
  const rest = Object.fromEntries(Object.entries(annotations).filter(([key]) => !CARRIED.includes(key)))
  const { annotations: _, ...metadata } = autoscaler.metadata
  return { ...autoscaler, metadata: Object.keys(rest).length === 0 ? metadata : { ...metadata, annotations: rest } }
}

export type Json = Record<string, unknown>

/** Without what is undefined, as omitempty leaves it out. */
export const compact = (members: Json): Json => Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))

function selector(from: LabelSelector | undefined): Json | undefined {
  if (from === undefined) return undefined
  const { matchLabels, matchExpressions } = from
  return compact({
    matchLabels: matchLabels && Object.fromEntries(Object.entries(matchLabels).sort(([a], [b]) => (a < b ? -1 : 1))),
    matchExpressions: matchExpressions?.map(({ key, operator, values }) => compact({ key, operator, values })),
  })
}

const reference = ({ kind, name, apiVersion }: { kind?: string; name?: string; apiVersion?: string }) =>
  compact({ kind: kind ?? '', name: name ?? '', apiVersion: apiVersion || undefined })

/** The members of a metric, by its kind: of its target in a spec, of its current value in a status. */
export function flatMetric(spec: MetricSpec | MetricStatus, prefix: 'target' | 'current'): Json {
  const { object, pods, resource, containerResource, external } = spec
  const amounts = (source: { target?: MetricTarget; current?: MetricValueStatus }) =>
    ((prefix === 'target' ? source.target : source.current) ?? {}) as MetricValueStatus
  const isTarget = prefix === 'target'
  const utilization = (source: { name?: string; container?: string; target?: MetricTarget; current?: MetricValueStatus }) => {
    const { averageUtilization, averageValue } = amounts(source)
    return compact({
      name: source.name ?? '',
      [`${prefix}AverageUtilization`]: averageUtilization,
      [`${prefix}AverageValue`]: averageValue ?? (isTarget ? undefined : '0'),
      container: source.container,
    })
  }
  return compact({
    type: spec.type,
    object:
      object &&
      compact({
        target: reference(object.describedObject ?? {}),
        metricName: object.metric?.name ?? '',
        [`${prefix}Value`]: amounts(object).value ?? '0',
        selector: selector(object.metric?.selector),
        averageValue: amounts(object).averageValue,
      }),
    pods:
      pods &&
      compact({
        metricName: pods.metric?.name ?? '',
        [`${prefix}AverageValue`]: amounts(pods).averageValue ?? '0',
        selector: selector(pods.metric?.selector),
      }),
    resource: resource && utilization(resource),
    containerResource: containerResource && utilization(containerResource),
    external:
      external &&
      compact({
        metricName: external.metric?.name ?? '',
        metricSelector: selector(external.metric?.selector),
        [`${prefix}Value`]: amounts(external).value ?? (isTarget ? undefined : '0'),
        [`${prefix}AverageValue`]: amounts(external).averageValue,
      }),
  })
}

export const goBehavior = ({ scaleUp, scaleDown }: HorizontalPodAutoscalerBehavior): string =>
  JSON.stringify({ ScaleUp: goRules(scaleUp), ScaleDown: goRules(scaleDown) })

const goRules = (rules: HPAScalingRules | undefined) =>
  rules === undefined
    ? null
    : {
        StabilizationWindowSeconds: rules.stabilizationWindowSeconds ?? null,
        SelectPolicy: rules.selectPolicy ?? null,
        Policies:
          rules.policies?.map(({ type, value, periodSeconds }) => ({ Type: type, Value: value, PeriodSeconds: periodSeconds })) ?? null,
        Tolerance: rules.tolerance ?? null,
      }

const isCpu = ({ type, resource }: MetricSpec) =>
  type === 'Resource' && resource?.name === 'cpu' && resource.target?.averageUtilization !== undefined

export function toV1(object: KubeObject): KubeObject {
  const { spec, status, metadata, ...type } = object as Latest
  const { metrics = [], behavior } = spec ?? ({} as HorizontalPodAutoscalerSpec)
  const { currentMetrics, conditions, ...counts } = status ?? ({} as HorizontalPodAutoscalerStatus)
  const carried: Record<string, string> = {}
  const others = metrics.filter(one => !isCpu(one))
  if (others.length > 0) carried[METRICS] = JSON.stringify(others.map(one => flatMetric(one, 'target')))
  if (currentMetrics?.length) carried[STATUSES] = JSON.stringify(currentMetrics.map(one => flatMetric(one, 'current')))
  if (behavior !== undefined) carried[BEHAVIOR] = goBehavior(behavior)
  if (conditions?.length) {
    carried[CONDITIONS] = JSON.stringify(
      conditions.map(({ type: name, status: value, lastTransitionTime, reason, message }) =>
        compact({ type: name, status: value, lastTransitionTime: lastTransitionTime ?? null, reason, message }),
      ),
    )
  }
  const annotations = { ...withoutCarried(object).metadata.annotations, ...carried }
  const cpu = currentMetrics?.filter(one => one.type === 'Resource' && one.resource?.name === 'cpu').at(-1)
  const old = {
    ...type,
    metadata: { ...metadata, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    spec: compact({
      scaleTargetRef: spec?.scaleTargetRef,
      minReplicas: spec?.minReplicas,
      maxReplicas: spec?.maxReplicas,
      targetCPUUtilizationPercentage: metrics.find(isCpu)?.resource?.target.averageUtilization,
    }),
    status: compact({
      ...counts,
      currentReplicas: counts.currentReplicas ?? 0,
      desiredReplicas: counts.desiredReplicas ?? 0,
      currentCPUUtilizationPercentage: cpu?.resource?.current?.averageUtilization,
    }),
  }
  return old as unknown as KubeObject
}

// --- back ----------------------------------------------------------------------------------------------------------------------

class Unreadable extends Error {}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Members as Go reads them: of the right type or not at all, whatever their case. */
class Members {
  readonly #members: ReadonlyMap<string, unknown>

  constructor(value: unknown) {
    if (!isObject(value)) throw new Unreadable()
    this.#members = new Map(Object.entries(value).map(([name, member]) => [name.toLowerCase(), member]))
  }

  #get(name: string): unknown {
    return this.#members.get(name.toLowerCase()) ?? undefined
  }

  #typed<T>(name: string, type: 'string' | 'number'): T | undefined {
    const value = this.#get(name)
    if (value === undefined) return undefined
    if (typeof value !== type) throw new Unreadable()
    return value as T
  }

  text(name: string): string | undefined {
    return this.#typed<string>(name, 'string')
  }

  number(name: string): number | undefined {
    return this.#typed<number>(name, 'number')
  }

  quantity(name: string): string | undefined {
    const value = this.#get(name)
    if (value === undefined) return undefined
    if (typeof value !== 'string' && typeof value !== 'number') throw new Unreadable()
    try {
      return canonicalQuantity(String(value))
    } catch {
      throw new Unreadable()
    }
  }

  members(name: string): Members | undefined {
    const value = this.#get(name)
    return value === undefined ? undefined : new Members(value)
  }

  list(name: string): Members[] | undefined {
    const value = this.#get(name)
    return value === undefined ? undefined : membersOf(value)
  }

  selector(name: string): LabelSelector | undefined {
    const value = this.#get(name)
    if (value === undefined) return undefined
    if (!isObject(value)) throw new Unreadable()
    return value as LabelSelector
  }
}

export function membersOf(value: unknown): Members[] {
  if (!Array.isArray(value)) throw new Unreadable()
  return value.map(item => new Members(item))
}

/** What the annotation carries; undefined when it is not there, or cannot be read. */
export function carriedBy<T>(annotations: Annotations, key: string, read: (value: unknown) => T): T | undefined {
  const text = annotations?.[key]
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return value === null ? undefined : read(value)
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof Unreadable) return undefined
    throw error
  }
}

const identifier = (source: Members, selectorName = 'selector') =>
  compact({ name: source.text('metricName') ?? '', selector: source.selector(selectorName) })

const described = (source: Members | undefined) =>
  compact({ kind: source?.text('kind') ?? '', name: source?.text('name') ?? '', apiVersion: source?.text('apiVersion') })

const target = (type: string, values: Json) => compact({ type, ...values })

function objectTarget(object: Members): Json {
  const value = object.quantity('targetValue') ?? '0'
  const averageValue = object.quantity('averageValue')
  if (averageValue === undefined) return target('Value', { value })
  return target('AverageValue', { value: value === '0' ? undefined : value, averageValue })
}

function resourceTarget(resource: Members): Json {
  const averageUtilization = resource.number('targetAverageUtilization')
  const averageValue = resource.quantity('targetAverageValue')
  return target(averageUtilization === undefined ? 'AverageValue' : 'Utilization', { averageValue, averageUtilization })
}

export function readMetric(source: Members): MetricSpec {
  const object = source.members('object')
  const pods = source.members('pods')
  const resource = source.members('resource')
  const container = source.members('containerResource')
  const external = source.members('external')
  const value = external?.quantity('targetValue')
  return compact({
    type: source.text('type') ?? '',
    object: object && { describedObject: described(object.members('target')), target: objectTarget(object), metric: identifier(object) },
    pods: pods && {
      metric: identifier(pods),
      target: target('AverageValue', { averageValue: pods.quantity('targetAverageValue') ?? '0' }),
    },
    resource: resource && { name: resource.text('name') ?? '', target: resourceTarget(resource) },
    containerResource: container && {
      name: container.text('name') ?? '',
      target: resourceTarget(container),
      container: container.text('container') ?? '',
    },
    external: external && {
      metric: identifier(external, 'metricSelector'),
      target: target(value === undefined ? 'AverageValue' : 'Value', { value, averageValue: external.quantity('targetAverageValue') }),
    },
  }) as unknown as MetricSpec
}

export function readStatus(source: Members): MetricStatus {
  const object = source.members('object')
  const pods = source.members('pods')
  const resource = source.members('resource')
  const container = source.members('containerResource')
  const external = source.members('external')
  const utilization = (from: Members) =>
    compact({
      averageValue: from.quantity('currentAverageValue') ?? '0',
      averageUtilization: from.number('currentAverageUtilization'),
    })
  return compact({
    type: source.text('type') ?? '',
    object: object && {
      metric: identifier(object),
      current: compact({ value: object.quantity('currentValue') ?? '0', averageValue: object.quantity('averageValue') }),
      describedObject: described(object.members('target')),
    },
    pods: pods && { metric: identifier(pods), current: { averageValue: pods.quantity('currentAverageValue') ?? '0' } },
    resource: resource && { name: resource.text('name') ?? '', current: utilization(resource) },
    containerResource: container && {
      name: container.text('name') ?? '',
      current: utilization(container),
      container: container.text('container') ?? '',
    },
    external: external && {
      metric: identifier(external, 'metricSelector'),
      current: compact({ value: external.quantity('currentValue') ?? '0', averageValue: external.quantity('currentAverageValue') }),
    },
  }) as unknown as MetricStatus
}

const readRules = (rules: Members | undefined): HPAScalingRules | undefined =>
  rules &&
  (compact({
    stabilizationWindowSeconds: rules.number('stabilizationWindowSeconds'),
    selectPolicy: rules.text('selectPolicy'),
    policies: rules.list('policies')?.map(policy => ({
      type: policy.text('type') ?? '',
      value: policy.number('value') ?? 0,
      periodSeconds: policy.number('periodSeconds') ?? 0,
    })),
    tolerance: rules.quantity('tolerance'),
  }) as HPAScalingRules)

export function readBehavior(value: unknown): HorizontalPodAutoscalerBehavior | undefined {
  const members = new Members(value)
  const behavior = compact({ scaleUp: readRules(members.members('scaleUp')), scaleDown: readRules(members.members('scaleDown')) })
  return Object.keys(behavior).length === 0 ? undefined : behavior
}

const readCondition = (condition: Members) =>
  compact({
    type: condition.text('type') ?? '',
    status: condition.text('status') ?? '',
    lastTransitionTime: condition.text('lastTransitionTime') ?? null,
    reason: condition.text('reason'),
    message: condition.text('message'),
  })

export function fromV1(object: KubeObject): KubeObject {
  const { spec, status, metadata } = object as Old
  const { targetCPUUtilizationPercentage: wanted, ...rest } = spec ?? ({} as NonNullable<Old['spec']>)
  const { currentCPUUtilizationPercentage: current, ...counts } = status ?? ({} as NonNullable<Old['status']>)
  const { annotations } = metadata
  const others = carriedBy(annotations, METRICS, value => membersOf(value).map(readMetric)) ?? []
  const metrics = [...others, ...(wanted === undefined ? [] : [cpuMetric(wanted)])]
  const ofCpu =
    current === undefined ? undefined : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } }]
  const currentMetrics = carriedBy(annotations, STATUSES, value => membersOf(value).map(readStatus)) ?? ofCpu
  return withoutCarried({
    ...object,
    spec: compact({
      ...rest,
      metrics: metrics.length > 0 ? metrics : [cpuMetric(DEFAULT_UTILIZATION)],
      behavior: carriedBy(annotations, BEHAVIOR, readBehavior),
    }),
    status: compact({
      ...counts,
      currentMetrics: currentMetrics ?? null,
      conditions: carriedBy(annotations, CONDITIONS, value => membersOf(value).map(readCondition)),
    }),
  } as KubeObject)
}
