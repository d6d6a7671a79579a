import type { Event } from '../api/core/v1.ts'
import type { Event as NewEvent } from '../api/events/v1.ts'
import type { RequestContext } from '../apimachinery/context.ts'
import { invalid, required } from '../apimachinery/field-error.ts'
import { isDNS1123Subdomain } from '../apimachinery/names.ts'
import { equal } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { columns, since } from './printers/text.ts'
import { collect } from './strategy.ts'
import { addInvalid, bytes, type Errors, immutable, qualifiedName } from './validation/checks.ts'

const NEW = 'events.k8s.io/v1'
const MAX_TEXT = 128
const MAX_MESSAGE = 1024

const atMost = (max: number) => `can have at most ${max} characters`

/** What the older of the two APIs asks of an event; the newer one asks it, too. */
function validateOld(event: Event, { apiVersion }: RequestContext, errors: Errors): void {
  const { metadata, involvedObject, reportingComponent = '', reportingInstance = '', action = '', reason = '', message = '' } = event
  const namespace = metadata.namespace ?? ''
  const about = involvedObject?.namespace ?? ''
  const mismatch = () => errors.push(invalid('involvedObject.namespace', about, 'does not match event.namespace'))
  if (!event.eventTime) {
    if (about === '' ? namespace !== '' && namespace !== 'default' : namespace !== about) mismatch()
  } else {
    if (about === '' && namespace !== 'default' && namespace !== 'kube-system') mismatch()
    const controller = apiVersion === NEW ? 'reportingController' : 'reportingComponent'
    if (reportingComponent === '') errors.push(required(controller))
    qualifiedName(reportingComponent, controller, errors)
    const text = (value: string, field: string) => {
      if (value === '') errors.push(required(field))
      if (bytes(value) > MAX_TEXT) errors.push(invalid(field, '', atMost(MAX_TEXT)))
    }
    text(reportingInstance, 'reportingInstance')
    text(action, 'action')
    text(reason, 'reason')
    if (bytes(message) > MAX_MESSAGE) errors.push(invalid('message', '', atMost(MAX_MESSAGE)))
  }
  addInvalid(isDNS1123Subdomain(namespace), 'namespace', namespace, errors)
}

function validateSeries({ series }: Event, errors: Errors): void {
  if (series === undefined) return
  if ((series.count ?? 0) < 2) errors.push(invalid('series.count', '', 'should be at least 2'))
  if (!series.lastObservedTime) errors.push(required('series.lastObservedTime'))
}

function validateCreate(event: Event, context: RequestContext, errors: Errors): void {
  validateOld(event, context, errors)
  if (context.apiVersion !== NEW) return
  addInvalid(isDNS1123Subdomain(event.metadata.name ?? ''), 'metadata.name', event.metadata.name ?? '', errors)
  validateSeries(event, errors)
  if (!event.eventTime) errors.push(required('eventTime'))
  const type = event.type ?? ''
  if (type !== 'Normal' && type !== 'Warning') errors.push(invalid('type', '', `has invalid value: ${type}`))
  const unset = (present: unknown, field: string) => {
    if (present) errors.push(invalid(field, '', 'needs to be unset'))
  }
  unset(event.firstTimestamp, 'firstTimestamp')
  unset(event.lastTimestamp, 'lastTimestamp')
  unset(event.count, 'count')
  unset(event.source?.component || event.source?.host, 'source')
}

const FIXED: readonly (readonly [member: keyof Event, field: string])[] = [
  ['involvedObject', 'involvedObject'],
  ['reason', 'reason'],
  ['message', 'message'],
  ['source', 'source'],
  ['firstTimestamp', 'firstTimestamp'],
  ['lastTimestamp', 'lastTimestamp'],
  ['count', 'count'],
  ['reason', 'reason'],
  ['type', 'type'],
  ['eventTime', 'eventTime'],
  ['action', 'action'],
  ['related', 'related'],
  ['reportingComponent', 'reportingController'],
  ['reportingInstance', 'reportingInstance'],
]

/** What Go prints for what is not there. */
const unset = (member: keyof Event) => (member === 'count' ? 0 : /Time/.test(member) || member === 'related' ? null : '')

function validateUpdate(event: Event, old: Event, context: RequestContext, errors: Errors): void {
  validateOld(event, context, errors)
  if (context.apiVersion !== NEW) return
  if (!equal(event.series, old.series)) validateSeries(event, errors)
  for (const [member, field] of FIXED) immutable(event[member] ?? unset(member), old[member] ?? unset(member), field, errors)
}

/** Names of members that the two APIs spell differently. */
const RENAMED: readonly (readonly [storage: string, version: string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
]

function renamed(object: KubeObject, names: readonly (readonly [from: string, to: string])[]): KubeObject {
  const copy: Record<string, unknown> = { ...object }
  for (const [from, to] of names) {
    const value = copy[from]
    delete copy[from]
    if (value !== undefined) copy[to] = value
  }
  return copy as unknown as KubeObject
}

const toStorage = (object: KubeObject) =>
  renamed(
    object,
    RENAMED.map(([storage, version]) => [version, storage] as const),
  )

function fromStorage(object: KubeObject): KubeObject {
  const event = renamed(object, RENAMED) as NewEvent
  // The older API writes them though they are empty.
  if (event.reportingController === '') delete event.reportingController
  if (event.reportingInstance === '') delete event.reportingInstance
  return event
}

const REGARDING = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'] as const

function cells(event: Event, now: number): readonly unknown[] {
  const { involvedObject: about, series, source } = event
  const first = since(event.firstTimestamp || event.eventTime, now)
  const last = series !== undefined ? since(series.lastObservedTime, now) : event.lastTimestamp ? since(event.lastTimestamp, now) : first
  const kind = (about?.kind ?? '').toLowerCase()
  const component = source?.component || event.reportingComponent || ''
  const instance = source?.host || event.reportingInstance || ''
  return [
    last,
    event.type ?? '',
    event.reason ?? '',
    about?.name ? `${kind}/${about.name}` : kind,
    about?.fieldPath ?? '',
    instance === '' ? component : `${component}, ${instance}`,
    (event.message ?? '').trim(),
    first,
    series !== undefined ? (series.count ?? 0) : event.count || 1,
    event.metadata.name,
  ]
}

const fields = Object.fromEntries(
  REGARDING.map(member => [`involvedObject.${member}`, ({ involvedObject }: Event) => involvedObject?.[member] ?? '']),
)

export default defineResource<Event>({
  group: '',
  resource: 'events',
  singular: 'event',
  kind: 'Event',
  namespaced: true,
  shortNames: ['ev'],
  versions: [
    { version: 'v1', storage: true, schema: 'io.k8s.api.core.v1.Event' },
    {
      group: 'events.k8s.io',
      version: 'v1',
      schema: 'io.k8s.api.events.v1.Event',
      toStorage,
      fromStorage,
      fieldLabels: {
        reason: 'reason',
        ...Object.fromEntries(REGARDING.map(member => [`regarding.${member}`, `involvedObject.${member}`])),
        reportingController: 'reportingComponent',
        type: 'type',
      },
    },
  ],
  // Whoever writes events through the older API may call them what they like.
  validateName: () => [],
  allowCreateOnUpdate: true,
  validate: (event, context) => collect(errors => validateCreate(event, context, errors)),
  validateUpdate: (event, old, context) => collect(errors => validateUpdate(event, old, context, errors)),
  columns: columns('Last Seen, Type, Reason, Object, Subobject+, Source+, Message, First Seen+, Count+, Name+'),
  cells,
  selectableFields: {
    ...fields,
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    source: ({ source, reportingComponent }) => source?.component || reportingComponent || '',
    type: ({ type }) => type ?? '',
  },
})
