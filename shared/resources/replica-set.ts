import type { ReplicaSet } from '../api/apps/v1.ts'
import { invalid } from '../apimachinery/field-error.ts'
import { defineResource } from '../apimachinery/resource.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { dropUnsupportedInTemplate } from './pod/prepare.ts'
import { defaultPodTemplate } from './pod-spec/defaults.ts'
import { templateWarnings, workloadNameWarnings } from './pod-spec/warnings.ts'
import { age, columns, containerCells, selectorText } from './printers/text.ts'
import { apartFromStatus, collect, keep, specChanged, statusPart } from './strategy.ts'
import { type Errors, nonNegative, replicaCounts } from './validation/checks.ts'
import { everlasting, fixedSelector, isUsableSelector, replicaScale, selectedTemplate, workloadSelector } from './workload.ts'

const COUNTS = ['replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas', 'observedGeneration', 'terminatingReplicas']

function defaults(object: KubeObject): void {
  const set = object as ReplicaSet
  set.spec ??= {} as NonNullable<ReplicaSet['spec']>
  set.spec.replicas ??= 1
  set.spec.template ??= {}
  defaultPodTemplate(set.spec.template)
}

function validate({ spec }: ReplicaSet, errors: Errors): void {
  nonNegative(spec?.replicas, 'spec.replicas', errors)
  nonNegative(spec?.minReadySeconds, 'spec.minReadySeconds', errors)
  // Upstream says deployment here, too.
  workloadSelector(spec?.selector, 'deployment', 'spec.selector', errors)
  if (!isUsableSelector(spec?.selector)) errors.push(invalid('spec.selector', spec?.selector, 'invalid label selector'))
  else {
    selectedTemplate(spec?.template, spec?.selector, 'spec.template', errors)
    everlasting(spec?.template, 'ReplicaSet', 'spec.template', errors)
  }
}

export default defineResource<ReplicaSet>({
  group: 'apps',
  resource: 'replicasets',
  singular: 'replicaset',
  kind: 'ReplicaSet',
  namespaced: true,
  metadataOnUpdate: 'both',
  shortNames: ['rs'],
  categories: ['all'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.apps.v1.ReplicaSet', defaults }],
  generation: specChanged,
  prepareForCreate(set) {
    apartFromStatus.prepareForCreate(set)
    set.status = { replicas: 0 }
    dropUnsupportedInTemplate(set.spec?.template)
  },
  prepareForUpdate(set, old) {
    keep(set, old, 'status')
    dropUnsupportedInTemplate(set.spec?.template)
  },
  validate: set => collect(errors => validate(set, errors)),
  validateUpdate: (set, old, context) =>
    collect(errors => {
      validate(set, errors)
      fixedSelector(set.spec?.selector, old.spec?.selector, context, errors)
    }),
  warnings: (set, old) =>
    old !== undefined && set.metadata.generation === old.metadata.generation
      ? []
      : [...(old === undefined ? workloadNameWarnings(set.metadata.name) : []), ...templateWarnings(set.spec?.template, 'spec.template')],
  parts: {
    status: statusPart<ReplicaSet>({
      check: ({ status }, _, errors) =>
        replicaCounts(
          { ...status },
          COUNTS,
          ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'],
          'cannot be greater than readyReplicas',
          errors,
        ),
    }),
  },
  scale: replicaScale,
  columns: columns('Name, Desired:integer, Current:integer, Ready:integer, Age, Containers+, Images+, Selector+'),
  cells: (set, now) => [
    set.metadata.name,
    set.spec?.replicas ?? 0,
    set.status?.replicas ?? 0,
    set.status?.readyReplicas ?? 0,
    age(set, now),
    ...containerCells(set.spec?.template?.spec?.containers),
    selectorText(set.spec?.selector),
  ],
})
