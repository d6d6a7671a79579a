import type { Job, JobSpec } from '../api/batch/v1.ts'
import type { Container, PodTemplateSpec } from '../api/core/v1.ts'
import { invalid, required } from '../apimachinery/field-error.ts'
import { matchesSelector } from '../apimachinery/label-selector.ts'
import { isDNS1123Label } from '../apimachinery/names.ts'
import { equal } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { defaultJobSpec, jobWarnings, validateJobSpec } from './job/spec.ts'
import { hasCondition, validateJobStatus } from './job/status.ts'
import { dropUnsupportedInTemplate } from './pod/prepare.ts'
import { workloadNameWarnings } from './pod-spec/warnings.ts'
import { age, columns, containerCells, humanDuration, selectorText } from './printers/text.ts'
import { apartFromStatus, collect, keep, specChanged, statusPart } from './strategy.ts'
import { type Errors, immutable, labels } from './validation/checks.ts'
import { isUsableSelector, labelSelector } from './validation/label-selector.ts'

const NAME_LABELS = ['job-name', 'batch.kubernetes.io/job-name']
const UID = 'batch.kubernetes.io/controller-uid'
const UID_LABELS = ['controller-uid', UID]
const ORPHANS =
  'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning'

function defaults(object: KubeObject): void {
  const job = object as Job
  job.spec ??= {} as JobSpec
  defaultJobSpec(job.spec)
}

/** A Job without labels has its template's, with those that are generated. Wrong ones are the template's alone to answer for. In place. */
function defaultLabels({ metadata, spec }: Job): void {
  const own = spec?.template?.metadata?.labels
  if (own === undefined || Object.keys(metadata.labels ?? {}).length > 0) return
  if (collect(errors => labels(own, '', errors)).length === 0) metadata.labels = { ...own }
}

/** A Job finds its pods by labels that only its own have. In place. */
function generateSelector({ metadata, spec }: Job): void {
  if (spec === undefined || spec.manualSelector) return
  const { name = '', uid = '' } = metadata
  spec.template ??= {}
  spec.template.metadata ??= {}
  const own = { ...spec.template.metadata.labels }
  for (const key of NAME_LABELS) own[key] ??= name
  for (const key of UID_LABELS) own[key] ??= uid
  spec.template.metadata.labels = own
  const matchLabels = Object.entries({ [UID]: uid, ...spec.selector?.matchLabels }).sort(([a], [b]) => (a < b ? -1 : 1))
  spec.selector = { ...spec.selector, matchLabels: Object.fromEntries(matchLabels) }
}

const specOf = ({ spec }: Job) => spec ?? ({} as JobSpec)

/** The labels must be those that would have been generated. `prefixed`: also those that came later. */
function generatedSelector(job: Job, prefixed: boolean, errors: Errors): void {
  const { selector, manualSelector, template } = specOf(job)
  if (manualSelector || selector === undefined) return
  const { name = '', uid = '' } = job.metadata
  if (uid === '') errors.push(required('metadata.uid'))
  const own: Readonly<Record<string, string>> = template?.metadata?.labels ?? {}
  const expected: Record<string, string> = {}
  const has = (key: string, value: string) => {
    expected[key] = value
    const field = `spec.template.metadata.labels[${key}]`
    if (own[key] === undefined) errors.push(required(field, `must be '${value}'`))
    else if (own[key] !== value) errors.push(invalid(field, own, `must be '${value}'`))
  }
  for (const i of prefixed ? [0, 1] : [0]) {
    has(UID_LABELS[i] as string, uid)
    has(NAME_LABELS[i] as string, name)
  }
  if (isUsableSelector(selector) && !matchesSelector(selector, expected))
    errors.push(invalid('spec.selector', selector, '`selector` not auto-generated'))
}

function validateSpec(spec: JobSpec, errors: Errors): void {
  validateJobSpec(spec, 'spec', errors)
  const { selector, template } = spec
  if (selector === undefined) errors.push(required('spec.selector'))
  else labelSelector(selector, 'spec.selector', errors)
  const own = template?.metadata?.labels
  if (isUsableSelector(selector) && (selector === undefined || !matchesSelector(selector, own)))
    errors.push(invalid('spec.template.metadata.labels', own, '`selector` does not match template `labels`'))
}

function validate(job: Job, prefixed: boolean, errors: Errors): void {
  generatedSelector(job, prefixed, errors)
  const spec = specOf(job)
  validateSpec(spec, errors)
  if (spec.completionMode !== 'Indexed' || !spec.completions || spec.completions < 0) return
  const { name = '' } = job.metadata
  const last = `${name}-${spec.completions - 1}`
  if (isDNS1123Label(last).length > 0)
    errors.push(invalid('metadata.name', name, `will not able to create pod with invalid DNS label: ${last}`))
}

/** A suspended Job that runs nothing may still be told where to run, and with how much. */
function isMutable(old: Job): boolean {
  const { startTime, active } = old.status ?? {}
  return specOf(old).suspend === true && (!startTime || hasCondition(old, 'Suspended')) && !active
}

function withDirectives(old: PodTemplateSpec, template: PodTemplateSpec): PodTemplateSpec {
  const { nodeSelector, tolerations, schedulingGates, affinity } = template.spec ?? {}
  const { nodeAffinity: _, ...otherAffinity } = old.spec?.affinity ?? {}
  const nodeAffinity = affinity?.nodeAffinity
  const merged = { ...otherAffinity, ...(nodeAffinity === undefined ? {} : { nodeAffinity }) }
  const keepsAffinity = affinity !== undefined || Object.keys(merged).length > 0
  return {
    ...old,
    metadata: { ...old.metadata, labels: template.metadata?.labels, annotations: template.metadata?.annotations },
    spec: {
      ...old.spec,
      nodeSelector,
      tolerations,
      schedulingGates,
      affinity: keepsAffinity ? merged : undefined,
    } as PodTemplateSpec['spec'],
  }
}

function withResources(old: readonly Container[] | undefined, containers: readonly Container[] | undefined) {
  if (old?.length !== containers?.length) return old
  return old?.map((container, i) => {
    const other = containers?.[i] as Container
    return other.name === container.name ? { ...container, resources: other.resources } : container
  })
}

function templateUpdate(spec: JobSpec, old: Job, errors: Errors): void {
  const { template = {} } = spec
  const before = specOf(old).template ?? {}
  if (!isMutable(old)) {
    immutable(template, before, 'spec.template', errors)
    return
  }
  const allowed = withDirectives(before, template).spec
  const containers = withResources(allowed?.containers, template.spec?.containers)
  const initContainers = withResources(allowed?.initContainers, template.spec?.initContainers)
  immutable(template.spec, { ...allowed, containers, initContainers }, 'spec.template.spec', errors)
}

const FIXED = ['selector', 'completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'] as const

function validateUpdate(job: Job, old: Job, errors: Errors): void {
  const spec = specOf(job)
  const before = specOf(old)
  const own = before.template?.metadata?.labels
  validate(job, own?.[NAME_LABELS[1] as string] !== undefined && own[UID] !== undefined, errors)
  // Upstream checks the spec twice.
  validateSpec(spec, errors)
  const { completions, parallelism } = spec
  if (spec.completionMode !== 'Indexed') immutable(completions ?? null, before.completions ?? null, 'spec.completions', errors)
  else if (!equal(completions, before.completions) && completions !== undefined && completions !== parallelism)
    errors.push(invalid('spec.completions', completions, 'can only be modified in tandem with spec.parallelism'))
  templateUpdate(spec, old, errors)
  for (const member of FIXED) immutable(spec[member] ?? null, before[member] ?? null, `spec.${member}`, errors)
}

function statusText(job: Job): string {
  if (hasCondition(job, 'Complete')) return 'Complete'
  if (hasCondition(job, 'Failed')) return 'Failed'
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating'
  return ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find(type => hasCondition(job, type)) ?? 'Running'
}

function completionsText({ spec, status }: Job): string {
  const done = status?.succeeded ?? 0
  if (spec?.completions !== undefined) return `${done}/${spec.completions}`
  const parallelism = spec?.parallelism ?? 0
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`
}

function durationText({ status }: Job, now: number): string {
  if (!status?.startTime) return ''
  return humanDuration((status.completionTime ? Date.parse(status.completionTime) : now) - Date.parse(status.startTime))
}

export default defineResource<Job>({
  group: 'batch',
  resource: 'jobs',
  singular: 'job',
  kind: 'Job',
  namespaced: true,
  categories: ['all'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.batch.v1.Job', defaults }],
  generation: specChanged,
  prepareForCreate(job) {
    generateSelector(job)
    defaultLabels(job)
    apartFromStatus.prepareForCreate(job)
    job.status = {}
    dropUnsupportedInTemplate(job.spec?.template)
  },
  prepareForUpdate(job, old) {
    defaultLabels(job)
    keep(job, old, 'status')
    dropUnsupportedInTemplate(job.spec?.template)
  },
  validate: job => collect(errors => validate(job, true, errors)),
  validateUpdate: (job, old) => collect(errors => validateUpdate(job, old, errors)),
  warnings(job, old) {
    if (old !== undefined && job.metadata.generation === old.metadata.generation) return []
    return [...(old === undefined ? workloadNameWarnings(job.metadata.name) : []), ...jobWarnings(specOf(job), 'spec')]
  },
  deletion: { defaultPropagation: 'Orphan', orphanWarning: ORPHANS },
  parts: {
    status: {
      ...statusPart<Job>({ check: validateJobStatus }),
      prepare(job, old) {
        keep(job, old, 'spec')
        defaultLabels(job)
      },
    },
  },
  columns: columns('Name, Status, Completions, Duration, Age, Containers+, Images+, Selector+'),
  cells: (job, now) => [
    job.metadata.name,
    statusText(job),
    completionsText(job),
    durationText(job, now),
    age(job, now),
    ...containerCells(job.spec?.template?.spec?.containers),
    selectorText(job.spec?.selector),
  ],
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
})
