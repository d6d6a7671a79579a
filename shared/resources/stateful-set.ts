import type { StatefulSet, StatefulSetSpec } from '../api/apps/v1.ts'
import type { PodTemplateSpec, Volume } from '../api/core/v1.ts'
import { forbidden, invalid, notSupported, required } from '../apimachinery/field-error.ts'
import { isDNS1123Label } from '../apimachinery/names.ts'
import { equal } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { dropUnsupportedInTemplate } from './pod/prepare.ts'
import { podAnnotations } from './pod-spec/annotations.ts'
import { claimSpec } from './pod-spec/claim-spec.ts'
import { defaultClaim, defaultPodTemplate } from './pod-spec/defaults.ts'
import { claimWarnings, templateWarnings } from './pod-spec/warnings.ts'
import { age, columns, containerCells } from './printers/text.ts'
import { apartFromStatus, collect, keep, specChanged, statusPart } from './strategy.ts'
import {
  annotations,
  atMost100Percent,
  collisionCount,
  dnsLabel,
  type Errors,
  intOrPercent,
  labels,
  nonNegative,
  percentOrInt,
  replicaCounts,
} from './validation/checks.ts'
import { everlasting, isUsableSelector, replicaScale, selectedTemplate, workloadSelector } from './workload.ts'

const COUNTS = [
  'replicas',
  'readyReplicas',
  'currentReplicas',
  'updatedReplicas',
  'availableReplicas',
  'observedGeneration',
  'collisionCount',
]
const PARTS = ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas']
const MUTABLE = [
  'replicas',
  'template',
  'updateStrategy',
  'minReadySeconds',
  'ordinals',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
]
const FIXED =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
const NEGATIVE_LIMIT = 'spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended'

function defaults(object: KubeObject): void {
  const set = object as StatefulSet
  set.spec ??= {} as StatefulSetSpec
  const { spec } = set
  spec.podManagementPolicy ||= 'OrderedReady'
  spec.updateStrategy ??= {}
  if (!spec.updateStrategy.type) {
    spec.updateStrategy.type = 'RollingUpdate'
    spec.updateStrategy.rollingUpdate ??= {}
  }
  const { type, rollingUpdate } = spec.updateStrategy
  if (type === 'RollingUpdate' && rollingUpdate !== undefined) rollingUpdate.partition ??= 0
  spec.persistentVolumeClaimRetentionPolicy ??= {}
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain'
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain'
  spec.replicas ??= 1
  spec.revisionHistoryLimit ??= 10
  spec.template ??= {}
  defaultPodTemplate(spec.template)
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.kind = 'PersistentVolumeClaim'
    claim.apiVersion = 'v1'
    defaultClaim(claim)
  }
}

/** A field of a feature that is off by default upstream. In place. */
function drop({ spec }: StatefulSet): void {
  if (spec?.updateStrategy?.rollingUpdate !== undefined) delete spec.updateStrategy.rollingUpdate.maxUnavailable
  dropUnsupportedInTemplate(spec?.template)
}

function updateStrategy({ updateStrategy: chosen = {} }: StatefulSetSpec, field: string, errors: Errors): void {
  const { type = '', rollingUpdate } = chosen
  const printed =
    rollingUpdate === undefined ? null : { Partition: rollingUpdate.partition ?? 0, MaxUnavailable: rollingUpdate.maxUnavailable ?? null }
  if (type === '') errors.push(required(field))
  else if (type === 'OnDelete') {
    if (rollingUpdate !== undefined)
      errors.push(invalid(`${field}.rollingUpdate`, printed, "only allowed for updateStrategy 'RollingUpdate'"))
  } else if (type !== 'RollingUpdate')
    errors.push(invalid(field, { Type: type, RollingUpdate: printed }, "must be 'RollingUpdate' or 'OnDelete'"))
  else if (rollingUpdate !== undefined) {
    const { partition, maxUnavailable } = rollingUpdate
    const at = `${field}.rollingUpdate`
    nonNegative(partition, `${at}.partition`, errors)
    if (maxUnavailable === undefined) return
    intOrPercent(maxUnavailable, `${at}.maxUnavailable`, errors)
    if (percentOrInt(maxUnavailable) === 0) errors.push(invalid(`${at}.maxUnavailable`, maxUnavailable, 'cannot be 0'))
    atMost100Percent(maxUnavailable, `${at}.maxUnavailable`, errors)
  }
}

/** The template with what the set itself brings to its pods: their host names, and a volume for each claim. */
function completed({ template = {}, volumeClaimTemplates = [] }: StatefulSetSpec): PodTemplateSpec {
  const { spec } = template
  if (spec === undefined || (!spec.subdomain && !spec.hostname && volumeClaimTemplates.length === 0)) return template
  const { subdomain: _, hostname: __, ...rest } = spec
  if (volumeClaimTemplates.length === 0) return { ...template, spec: rest }
  const names = volumeClaimTemplates.map(({ metadata }) => metadata?.name ?? '')
  const volumes: Volume[] = [...new Set(names)].map(name => ({ name, persistentVolumeClaim: { claimName: name } }))
  return { ...template, spec: { ...rest, volumes: [...volumes, ...(spec.volumes ?? []).filter(({ name }) => !names.includes(name))] } }
}

interface Options {
  /** Undefined at creation. */
  readonly old?: StatefulSet
  /** Templates that were wrong before are let be. */
  readonly anyTemplate?: boolean
}

function validateSpec(spec: StatefulSetSpec, errors: Errors, { old, anyTemplate = false }: Options = {}): void {
  const { podManagementPolicy: policy, persistentVolumeClaimRetentionPolicy: retention = {}, selector } = spec
  if (!policy) errors.push(required('spec.podManagementPolicy'))
  else if (policy !== 'OrderedReady' && policy !== 'Parallel')
    errors.push(invalid('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'"))
  updateStrategy(spec, 'spec.updateStrategy', errors)
  for (const member of ['whenDeleted', 'whenScaled'] as const) {
    const value = retention[member] ?? ''
    if (value !== 'Retain' && value !== 'Delete')
      errors.push(notSupported(`spec.persistentVolumeClaimRetentionPolicy.${member}`, value, ['Retain', 'Delete']))
  }
  if (old === undefined)
    for (const [i, claim] of (spec.volumeClaimTemplates ?? []).entries())
      claimSpec(claim.spec ?? {}, `spec.volumeClaimTemplates[${i}].spec`, errors)
  nonNegative(spec.replicas, 'spec.replicas', errors)
  nonNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors)
  nonNegative(spec.ordinals?.start, 'spec.ordinals.start', errors)
  if (old === undefined && spec.serviceName) dnsLabel(spec.serviceName, 'spec.serviceName', errors)
  workloadSelector(selector, 'statefulset', 'spec.selector', errors)
  if (!isUsableSelector(selector)) errors.push(invalid('spec.selector', selector, ''))
  else if (!anyTemplate) {
    const template = completed(spec)
    const field = 'spec.template'
    selectedTemplate(template, selector, field, errors)
    // Upstream looks at these twice.
    labels(template.metadata?.labels, `${field}.labels`, errors)
    annotations(template.metadata?.annotations, `${field}.annotations`, errors)
    if (template.spec !== undefined) podAnnotations(template.metadata?.annotations, template.spec, `${field}.annotations`, errors)
  }
  everlasting(spec.template, 'StatefulSet', 'spec.template', errors)
}

const specOf = ({ spec }: StatefulSet) => spec ?? ({} as StatefulSetSpec)

function validateUpdate(set: StatefulSet, old: StatefulSet, errors: Errors): void {
  const anyTemplate = collect(before => validateSpec(specOf(old), before, { old })).length > 0
  validateSpec(specOf(set), errors, { old, anyTemplate })
  const fixed = (spec: StatefulSetSpec) => Object.fromEntries(Object.entries(spec).filter(([name]) => !MUTABLE.includes(name)))
  if (!equal(fixed(specOf(set)), fixed(specOf(old)))) errors.push(forbidden('spec', FIXED))
}

export default defineResource<StatefulSet>({
  group: 'apps',
  resource: 'statefulsets',
  singular: 'statefulset',
  kind: 'StatefulSet',
  namespaced: true,
  shortNames: ['sts'],
  categories: ['all'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.apps.v1.StatefulSet', defaults }],
  validateName: isDNS1123Label,
  generation: specChanged,
  prepareForCreate(set) {
    apartFromStatus.prepareForCreate(set)
    set.status = { replicas: 0, availableReplicas: 0 }
    drop(set)
  },
  prepareForUpdate(set, old) {
    keep(set, old, 'status')
    drop(set)
  },
  validate: set => collect(errors => validateSpec(specOf(set), errors)),
  validateUpdate: (set, old) => collect(errors => validateUpdate(set, old, errors)),
  warnings(set, old) {
    const changed = old === undefined || set.metadata.generation !== old.metadata.generation
    const warnings = changed ? [...templateWarnings(set.spec?.template, 'spec.template')] : []
    const inClaim = old === undefined ? '.spec' : '.Spec'
    for (const [i, { spec }] of (set.spec?.volumeClaimTemplates ?? []).entries())
      claimWarnings(spec, `spec.volumeClaimTemplates[${i}]${inClaim}`, warnings)
    if ((set.spec?.revisionHistoryLimit ?? 0) < 0) warnings.push(NEGATIVE_LIMIT)
    return warnings
  },
  parts: {
    status: statusPart<StatefulSet>({
      check({ status }, old, errors) {
        replicaCounts({ ...status }, COUNTS, PARTS, 'cannot be greater than status.readyReplicas', errors)
        collisionCount(status?.collisionCount, old.status?.collisionCount, errors)
      },
    }),
  },
  scale: replicaScale,
  columns: columns('Name, Ready, Age, Containers+, Images+'),
  cells: (set, now) => [
    set.metadata.name,
    `${set.status?.readyReplicas ?? 0}/${set.spec?.replicas ?? 0}`,
    age(set, now),
    ...containerCells(set.spec?.template?.spec?.containers),
  ],
})
