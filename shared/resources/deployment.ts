import type { Deployment, DeploymentSpec } from '../api/apps/v1.ts'
import { forbidden, invalid, notSupported } from '../apimachinery/field-error.ts'
import { equal } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { dropUnsupportedInTemplate } from './pod/prepare.ts'
import { defaultPodTemplate } from './pod-spec/defaults.ts'
import { templateWarnings, workloadNameWarnings } from './pod-spec/warnings.ts'
import { age, columns, containerCells } from './printers/text.ts'
import { apartFromStatus, collect, keep, specChanged, statusPart } from './strategy.ts'
import {
  atMost100Percent,
  collisionCount,
  type Errors,
  intOrPercent,
  nonNegative,
  percentOrInt,
  replicaCounts,
} from './validation/checks.ts'
import {
  everlasting,
  fixedSelector,
  isUsableSelector,
  replicaScale,
  scaleSelector,
  selectedTemplate,
  workloadSelector,
} from './workload.ts'

const COUNTS = [
  'observedGeneration',
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
  'collisionCount',
]

function defaults(object: KubeObject): void {
  const deployment = object as Deployment
  deployment.spec ??= {} as DeploymentSpec
  const { spec } = deployment
  spec.replicas ??= 1
  spec.template ??= {}
  defaultPodTemplate(spec.template)
  spec.strategy ??= {}
  spec.strategy.type ||= 'RollingUpdate'
  if (spec.strategy.type === 'RollingUpdate') {
    spec.strategy.rollingUpdate ??= {}
    spec.strategy.rollingUpdate.maxUnavailable ??= '25%'
    spec.strategy.rollingUpdate.maxSurge ??= '25%'
  }
  spec.revisionHistoryLimit ??= 10
  spec.progressDeadlineSeconds ??= 600
}

function strategy({ strategy: chosen = {} }: DeploymentSpec, field: string, errors: Errors): void {
  const { type = '', rollingUpdate } = chosen
  if (type === 'Recreate') {
    if (rollingUpdate !== undefined)
      errors.push(forbidden(`${field}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'"))
    return
  }
  if (type !== 'RollingUpdate') {
    const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate ?? {}
    const printed = {
      Type: type,
      RollingUpdate: rollingUpdate === undefined ? null : { MaxUnavailable: maxUnavailable, MaxSurge: maxSurge },
    }
    errors.push(notSupported(field, printed, ['Recreate', 'RollingUpdate']))
    return
  }
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate ?? {}
  const at = `${field}.rollingUpdate`
  intOrPercent(maxUnavailable, `${at}.maxUnavailable`, errors)
  intOrPercent(maxSurge, `${at}.maxSurge`, errors)
  if (percentOrInt(maxUnavailable) === 0 && percentOrInt(maxSurge) === 0)
    errors.push(invalid(`${at}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'))
  atMost100Percent(maxUnavailable, `${at}.maxUnavailable`, errors)
}

function validate({ spec = {} as DeploymentSpec }: Deployment, errors: Errors): void {
  nonNegative(spec.replicas, 'spec.replicas', errors)
  workloadSelector(spec.selector, 'deployment', 'spec.selector', errors)
  if (!isUsableSelector(spec.selector)) errors.push(invalid('spec.selector', spec.selector, 'invalid label selector'))
  else {
    selectedTemplate(spec.template, spec.selector, 'spec.template', errors)
    // A Deployment's template is checked as its ReplicaSets' will be.
    everlasting(spec.template, 'ReplicaSet', 'spec.template', errors)
  }
  strategy(spec, 'spec.strategy', errors)
  nonNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors)
  nonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit', errors)
  const deadline = spec.progressDeadlineSeconds
  if (deadline === undefined) return
  nonNegative(deadline, 'spec.progressDeadlineSeconds', errors)
  if (deadline <= (spec.minReadySeconds ?? 0))
    errors.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'))
}

export default defineResource<Deployment>({
  group: 'apps',
  resource: 'deployments',
  singular: 'deployment',
  kind: 'Deployment',
  namespaced: true,
  shortNames: ['deploy'],
  categories: ['all'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.apps.v1.Deployment', defaults }],
  // Annotations count: rollback and pause were such, once.
  generation: (deployment, old) =>
    specChanged(deployment, old) || !equal(deployment.metadata.annotations ?? {}, old.metadata.annotations ?? {}),
  prepareForCreate(deployment) {
    apartFromStatus.prepareForCreate(deployment)
    deployment.status = {}
    dropUnsupportedInTemplate(deployment.spec?.template)
  },
  prepareForUpdate(deployment, old) {
    keep(deployment, old, 'status')
    dropUnsupportedInTemplate(deployment.spec?.template)
  },
  validate: deployment => collect(errors => validate(deployment, errors)),
  validateUpdate: (deployment, old, context) =>
    collect(errors => {
      validate(deployment, errors)
      fixedSelector(deployment.spec?.selector, old.spec?.selector, context, errors)
    }),
  warnings: (deployment, old) =>
    old !== undefined && deployment.metadata.generation === old.metadata.generation
      ? []
      : [
          ...(old === undefined ? workloadNameWarnings(deployment.metadata.name) : []),
          ...templateWarnings(deployment.spec?.template, 'spec.template'),
        ],
  parts: {
    status: {
      ...statusPart<Deployment>({
        keepMetadata: ['labels'],
        check({ status }, old, errors) {
          const parts = ['updatedReplicas', 'readyReplicas', 'availableReplicas']
          replicaCounts({ ...status }, COUNTS, parts, 'cannot be greater than readyReplicas', errors)
          collisionCount(status?.collisionCount, old.status?.collisionCount, errors)
        },
      }),
      resetFields: [['spec'], ['metadata', 'labels']],
    },
  },
  scale: replicaScale,
  columns: columns('Name, Ready, Up-to-date, Available, Age, Containers+, Images+, Selector+'),
  cells: (deployment, now) => [
    deployment.metadata.name,
    `${deployment.status?.readyReplicas ?? 0}/${deployment.spec?.replicas ?? 0}`,
    deployment.status?.updatedReplicas ?? 0,
    deployment.status?.availableReplicas ?? 0,
    age(deployment, now),
    ...containerCells(deployment.spec?.template?.spec?.containers),
    scaleSelector(deployment.spec?.selector),
  ],
})
