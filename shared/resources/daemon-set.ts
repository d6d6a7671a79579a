import type { DaemonSet, DaemonSetSpec } from '../api/apps/v1.ts'
import { invalid, notSupported, required } from '../apimachinery/field-error.ts'
import { equal } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { dropUnsupportedInTemplate } from './pod/prepare.ts'
import { defaultPodTemplate } from './pod-spec/defaults.ts'
import { validatePodTemplate } from './pod-spec/spec.ts'
import { templateWarnings } from './pod-spec/warnings.ts'
import { age, columns, containerCells, labelsText, selectorText } from './printers/text.ts'
import { apartFromStatus, collect, keep, specChanged, statusPart } from './strategy.ts'
import { atMost100Percent, collisionCount, type Errors, intOrPercent, nonNegative, percentOrInt } from './validation/checks.ts'
import { isEmptySelector, labelSelector } from './validation/label-selector.ts'
import { everlasting, fixedSelector, templateLabels } from './workload.ts'

const COUNTS = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
] as const

/** Counts changes of the template. It was a field of the spec once. */
export const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation'

function defaults(object: KubeObject): void {
  const set = object as DaemonSet
  set.spec ??= {} as DaemonSetSpec
  const { spec } = set
  spec.updateStrategy ??= {}
  spec.updateStrategy.type ||= 'RollingUpdate'
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {}
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0
  }
  spec.revisionHistoryLimit ??= 10
  spec.template ??= {}
  defaultPodTemplate(spec.template)
}

const templateGeneration = ({ metadata }: DaemonSet) => Number(metadata.annotations?.[TEMPLATE_GENERATION] ?? 0) || 0

function setTemplateGeneration(set: DaemonSet, generation: number): void {
  set.metadata.annotations = { ...set.metadata.annotations, [TEMPLATE_GENERATION]: String(generation) }
}

function updateStrategy({ updateStrategy: chosen = {} }: DaemonSetSpec, field: string, errors: Errors): void {
  const { type = '', rollingUpdate } = chosen
  if (type === 'OnDelete') return
  if (type !== 'RollingUpdate') {
    const printed = rollingUpdate === undefined ? null : { MaxUnavailable: rollingUpdate.maxUnavailable, MaxSurge: rollingUpdate.maxSurge }
    errors.push(notSupported(field, { Type: type, RollingUpdate: printed }, ['RollingUpdate', 'OnDelete']))
    return
  }
  const at = `${field}.rollingUpdate`
  if (rollingUpdate === undefined) {
    errors.push(required(at))
    return
  }
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate
  intOrPercent(maxUnavailable, `${at}.maxUnavailable`, errors)
  intOrPercent(maxSurge, `${at}.maxSurge`, errors)
  atMost100Percent(maxUnavailable, `${at}.maxUnavailable`, errors)
  atMost100Percent(maxSurge, `${at}.maxSurge`, errors)
  const unavailable = percentOrInt(maxUnavailable) !== 0
  const surge = percentOrInt(maxSurge) !== 0
  if (unavailable && surge) errors.push(invalid(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'))
  if (!unavailable && !surge) errors.push(required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'))
}

function validate({ spec = {} as DaemonSetSpec }: DaemonSet, errors: Errors): void {
  const { selector, template } = spec
  labelSelector(selector, 'spec.selector', errors)
  templateLabels(template, selector, 'spec.template.metadata.labels', errors)
  if (selector !== undefined && isEmptySelector(selector))
    errors.push(invalid('spec.selector', selector, 'empty selector is invalid for daemonset'))
  validatePodTemplate(template, 'spec.template', errors)
  everlasting(template, 'DaemonSet', 'spec.template', errors)
  nonNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors)
  updateStrategy(spec, 'spec.updateStrategy', errors)
  nonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit', errors)
}

const templateChanged = (set: DaemonSet, old: DaemonSet) => !equal(set.spec?.template, old.spec?.template)

export default defineResource<DaemonSet>({
  group: 'apps',
  resource: 'daemonsets',
  singular: 'daemonset',
  kind: 'DaemonSet',
  namespaced: true,
  metadataOnUpdate: 'both',
  shortNames: ['ds'],
  categories: ['all'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.apps.v1.DaemonSet', defaults }],
  generation: specChanged,
  prepareForCreate(set) {
    apartFromStatus.prepareForCreate(set)
    set.status = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 }
    setTemplateGeneration(set, Math.max(1, templateGeneration(set)))
    dropUnsupportedInTemplate(set.spec?.template)
  },
  prepareForUpdate(set, old) {
    keep(set, old, 'status')
    dropUnsupportedInTemplate(set.spec?.template)
    setTemplateGeneration(set, templateGeneration(old) + (templateChanged(set, old) ? 1 : 0))
  },
  validate: set => collect(errors => validate(set, errors)),
  validateUpdate: (set, old, context) =>
    collect(errors => {
      fixedSelector(set.spec?.selector, old.spec?.selector, context, errors)
      validate(set, errors)
    }),
  warnings: (set, old) => (old === undefined || templateChanged(set, old) ? templateWarnings(set.spec?.template, 'spec.template') : []),
  parts: {
    status: {
      ...statusPart<DaemonSet>({
        check({ status }, old, errors) {
          for (const name of COUNTS) nonNegative(status?.[name], `status.${name}`, errors)
          collisionCount(status?.collisionCount, old.status?.collisionCount, errors)
        },
      }),
      prepare(set, old) {
        keep(set, old, 'spec')
        setTemplateGeneration(set, templateGeneration(old))
      },
    },
  },
  columns: columns(
    'Name, Desired:integer, Current:integer, Ready:integer, Up-to-date:integer, Available:integer, Node Selector, Age, Containers+, Images+, Selector+',
  ),
  cells: (set, now) => [
    set.metadata.name,
    set.status?.desiredNumberScheduled ?? 0,
    set.status?.currentNumberScheduled ?? 0,
    set.status?.numberReady ?? 0,
    set.status?.updatedNumberScheduled ?? 0,
    set.status?.numberAvailable ?? 0,
    labelsText(set.spec?.template?.spec?.nodeSelector),
    age(set, now),
    ...containerCells(set.spec?.template?.spec?.containers),
    selectorText(set.spec?.selector),
  ],
})
