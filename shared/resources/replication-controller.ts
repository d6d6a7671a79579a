import type { ReplicationController, ReplicationControllerSpec } from '../api/core/v1.ts'
import { required } from '../apimachinery/field-error.ts'
import { defineResource } from '../apimachinery/resource.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { dropUnsupportedInTemplate } from './pod/prepare.ts'
import { defaultPodTemplate } from './pod-spec/defaults.ts'
import { templateWarnings, workloadNameWarnings } from './pod-spec/warnings.ts'
import { age, columns, containerCells, labelsText } from './printers/text.ts'
import { apartFromStatus, collect, keep, specChanged, statusPart } from './strategy.ts'
import { type Errors, nonNegative, replicaCounts } from './validation/checks.ts'
import { everlasting, selectedTemplate } from './workload.ts'

const PARTS = ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas']

function defaults(object: KubeObject): void {
  const controller = object as ReplicationController
  controller.spec ??= {}
  const { spec, metadata } = controller
  spec.replicas ??= 1
  if (spec.template === undefined) return
  defaultPodTemplate(spec.template)
  const labels = spec.template.metadata?.labels
  if (labels === undefined) return
  if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels }
  if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels }
}

function validate({ spec = {} as ReplicationControllerSpec }: ReplicationController, errors: Errors): void {
  const { selector, template } = spec
  nonNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors)
  if (Object.keys(selector ?? {}).length === 0) errors.push(required('spec.selector'))
  nonNegative(spec.replicas, 'spec.replicas', errors)
  if (template === undefined) {
    errors.push(required('spec.template'))
    return
  }
  selectedTemplate(template, { matchLabels: selector ?? {} }, 'spec.template', errors)
  everlasting(template, 'ReplicationController', 'spec.template', errors)
}

export default defineResource<ReplicationController>({
  group: '',
  resource: 'replicationcontrollers',
  singular: 'replicationcontroller',
  kind: 'ReplicationController',
  namespaced: true,
  metadataOnUpdate: 'both',
  shortNames: ['rc'],
  categories: ['all'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.core.v1.ReplicationController', defaults }],
  generation: specChanged,
  prepareForCreate(controller) {
    apartFromStatus.prepareForCreate(controller)
    controller.status = { replicas: 0 }
    dropUnsupportedInTemplate(controller.spec?.template)
  },
  prepareForUpdate(controller, old) {
    keep(controller, old, 'status')
    dropUnsupportedInTemplate(controller.spec?.template)
  },
  validate: controller => collect(errors => validate(controller, errors)),
  validateUpdate: controller => collect(errors => validate(controller, errors)),
  warnings: ({ metadata, spec }, old) =>
    old !== undefined && metadata.generation === old.metadata.generation
      ? []
      : [...(old === undefined ? workloadNameWarnings(metadata.name) : []), ...templateWarnings(spec?.template, 'spec.template')],
  deletion: { defaultPropagation: 'Orphan' },
  parts: {
    status: statusPart<ReplicationController>({
      check: ({ status }, _, errors) =>
        replicaCounts({ ...status }, ['replicas', ...PARTS, 'observedGeneration'], PARTS, 'cannot be greater than readyReplicas', errors),
    }),
  },
  scale: {
    specReplicas: ({ spec }) => spec?.replicas ?? 0,
    statusReplicas: ({ status }) => status?.replicas ?? 0,
    selector: ({ spec }) =>
      Object.entries(spec?.selector ?? {})
        .map(([key, value]) => `${key}=${value}`)
        .sort()
        .join(','),
    setReplicas(controller, replicas) {
      if (controller.spec !== undefined) controller.spec.replicas = replicas
    },
  },
  columns: columns('Name, Desired:integer, Current:integer, Ready:integer, Age, Containers+, Images+, Selector+'),
  cells: (controller, now) => [
    controller.metadata.name,
    controller.spec?.replicas ?? 0,
    controller.status?.replicas ?? 0,
    controller.status?.readyReplicas ?? 0,
    age(controller, now),
    ...containerCells(controller.spec?.template?.spec?.containers),
    labelsText(controller.spec?.selector),
  ],
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
})
