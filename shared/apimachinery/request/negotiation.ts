// Which form the answer takes: serialisation, and Table or PartialObjectMetadata in place of the object. Twice, as upstream: the
// router looks whether any type named in Accept is produced at all; then the clauses are tried in order of their quality.

import type { Serialization } from '../engines.ts'
import { member } from '../objects.ts'
import { badRequest, notAcceptable, StatusError } from '../status-error.ts'

export const MEDIA_TYPES: Readonly<Record<Serialization, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
}
export const SUPPORTED = Object.values(MEDIA_TYPES)
/** What a watch is answered with; YAML has no frames. */
export const STREAMS = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch']

export type Transform = 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList'

export interface Negotiated {
  readonly format: Serialization
  /** What to answer instead of the object, in this version of meta.k8s.io. */
  readonly as?: { readonly kind: Transform; readonly version: string }
  readonly pretty: boolean
}

interface Clause {
  readonly type: string
  readonly subtype: string
  readonly quality: number
  readonly parameters: ReadonlyMap<string, string>
}

function parseAccept(header: string): Clause[] {
  const clauses = header.split(',').map(text => {
    const [range = '', ...rest] = text.split(';').map(part => part.trim())
    const [type = '', subtype = ''] = range.split('/')
    const parameters = new Map<string, string>()
    let quality = 1
    for (const parameter of rest) {
      const [key = '', value = ''] = splitOnce(parameter, '=')
      if (key === 'q') quality = Number.isNaN(Number(value)) ? 1 : Number(value)
      else parameters.set(key, value)
    }
    return { type, subtype: type === '*' && subtype === '' ? '*' : subtype, quality, parameters }
  })
  // Higher quality first, wildcards after what is named; otherwise as written.
  return clauses.sort(
    (a, b) =>
      b.quality - a.quality || Number(a.type === '*') - Number(b.type === '*') || Number(a.subtype === '*') - Number(b.subtype === '*'),
  )
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text.trim(), ''] : [text.slice(0, at).trim(), text.slice(at + 1).trim()]
}

const acceptOf = (request: Request) => request.headers.get('accept') || '*/*'

/** The router's own look at Accept; it knows no "application/*". @throws StatusError 406 */
export function checkAccept(request: Request, produced: readonly string[] = SUPPORTED): void {
  for (const text of acceptOf(request).split(',')) {
    const range = (text.split(';')[0] ?? '').trim()
    if (range === '*/*' || produced.includes(range)) return
  }
  throw new StatusError(406, 'NotAcceptable', `406: Not Acceptable\n\nAvailable representations: ${produced.join(', ')}`, {})
}

export interface NegotiationOptions {
  /** Whether a Table or PartialObjectMetadata may be asked for here. */
  readonly transforms?: boolean
  /** The answer is a watch. */
  readonly stream?: boolean
  /** Of a custom resource: only its metadata has a form in protobuf. */
  readonly custom?: boolean | undefined
}

const STREAM_FORMATS: readonly Serialization[] = ['json', 'protobuf']

/** @throws StatusError 406 */
export function negotiate(request: Request, query: URLSearchParams, options: NegotiationOptions = {}): Negotiated {
  const found = tryNegotiate(request, query, options)
  if (found !== undefined) return found
  const asked = request.headers.get('accept') ?? ''
  throw notAcceptable(options.stream === true && !asked.includes('stream=') ? STREAMS : SUPPORTED)
}

export function tryNegotiate(request: Request, query: URLSearchParams, options: NegotiationOptions = {}): Negotiated | undefined {
  const header = acceptOf(request)
  const simple = member(SIMPLE, header)
  if (simple !== undefined) return { format: simple, pretty: isPretty(request, query) }
  for (const clause of parseAccept(header)) {
    const format = formatOf(clause, options.stream === true ? STREAM_FORMATS : undefined)
    if (format === undefined || (clause.parameters.get('stream') ?? 'watch') !== 'watch') continue
    const as = transformOf(clause, format)
    if (as === 'unknown' || (as !== undefined && !options.transforms)) continue
    if (options.custom && format === 'protobuf' && as === undefined) continue
    return { format, as, pretty: clause.parameters.get('pretty') === '1' || isPretty(request, query) }
  }
  return undefined
}

/** What almost every client sends, without the work of parsing it. */
const SIMPLE: Readonly<Record<string, Serialization>> = { '*/*': 'json', 'application/json': 'json' }

function formatOf({ type, subtype }: Clause, formats: readonly Serialization[] | undefined): Serialization | undefined {
  for (const [format, mediaType] of Object.entries(MEDIA_TYPES) as [Serialization, string][]) {
    if (formats !== undefined && !formats.includes(format)) continue
    const [wantedType, wantedSubtype] = mediaType.split('/')
    if ((type === wantedType || type === '*') && (subtype === wantedSubtype || subtype === '*')) return format
  }
  return undefined
}

function transformOf({ parameters }: Clause, format: Serialization): Negotiated['as'] | 'unknown' {
  const kind = parameters.get('as')
  const group = parameters.get('g')
  const version = parameters.get('v')
  if (kind === undefined && group === undefined && version === undefined) return undefined
  if (group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return 'unknown'
  if (kind === 'Table') return format === 'protobuf' ? 'unknown' : { kind, version }
  if (kind === 'PartialObjectMetadata' || kind === 'PartialObjectMetadataList') return { kind, version }
  return 'unknown'
}

/** Indented for people: asked for, or the client is a browser or curl. */
function isPretty(request: Request, query: URLSearchParams): boolean {
  const asked = query.get('pretty')
  if (asked !== null) return asked !== 'false' && asked !== '0'
  return /^(curl|Wget|Mozilla\/5\.0)/.test(request.headers.get('user-agent') ?? '')
}

/** How the body of a POST, PUT or DELETE is encoded. @throws StatusError 415 */
export function bodyFormat(contentType: string | null): Serialization {
  if (contentType === null || contentType === '') return 'json'
  const mediaType = (contentType.split(';')[0] ?? '').trim().toLowerCase()
  for (const [format, name] of Object.entries(MEDIA_TYPES) as [Serialization, string][]) if (name === mediaType) return format
  throw new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${SUPPORTED.join(', ')}`,
  )
}

export type PatchContentType = 'json' | 'merge' | 'strategic' | 'apply'

const PATCH_TYPES: Readonly<Record<string, PatchContentType>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
}

/** @throws StatusError 415 */
export function patchType(contentType: string | null): PatchContentType {
  const found = member(PATCH_TYPES, (contentType?.split(';')[0] ?? '').trim())
  if (found === undefined) throw new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {})
  return found
}

/** Custom resources have no strategic merge, and say what they have instead. @throws StatusError 415 */
export function customPatchType(contentType: string | null): void {
  const found = member(PATCH_TYPES, (contentType?.split(';')[0] ?? '').trim())
  if (found !== undefined && found !== 'strategic') return
  const taken = Object.keys(PATCH_TYPES).filter(type => PATCH_TYPES[type] !== 'strategic')
  throw new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${taken.join(', ')}`,
  )
}

export const noExport = () => badRequest('the export parameter, deprecated since v1.14, is no longer supported')
