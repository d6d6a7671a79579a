// ListOptions, CreateOptions, UpdateOptions, PatchOptions and DeleteOptions from query parameters, with upstream's validation.
import type { FieldValidation } from '../context.ts'
import { type FieldError, forbidden, invalid, notSupported, printValue, tooLong } from '../field-error.ts'
import type { FieldSelector } from '../field-selector.ts'
import { parseFieldSelector } from '../field-selector.ts'
import { parseLabelSelector, type Selector, SelectorError } from '../label-selector.ts'
import * as status from '../status-error.ts'
import { StatusError } from '../status-error.ts'
import { isTrue } from './request-info.ts'

export interface ListOptions {
  readonly labels: Selector
  readonly fields: FieldSelector
  readonly watch: boolean
  readonly allowWatchBookmarks: boolean
  readonly resourceVersion: string
  readonly resourceVersionMatch: string
  readonly timeoutSeconds?: number
  /** 0: no limit. */
  readonly limit: number
  readonly continue: string
  readonly sendInitialEvents?: boolean
}

const optionsError = (kind: string, errors: readonly FieldError[]) => status.invalid('meta.k8s.io', kind, '', errors)

/** Go's strconv.ParseInt for 64 bits, and its words. @throws StatusError 400 */
function integer(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw status.badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  const value = BigInt(text)
  if (value !== BigInt.asIntN(64, value)) throw status.badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`)
  return Number(value)
}

function selectors<T>(parse: (text: string) => T, text: string): T {
  try {
    return parse(text)
  } catch (error) {
    if (error instanceof SelectorError) throw status.badRequest(error.message)
    throw error
  }
}

/** @throws StatusError 400, 422 */
export function parseListOptions(query: URLSearchParams, watchPrefix = false): ListOptions {
  const number = (name: string) => (query.has(name) ? integer(query.get(name) ?? '') : undefined)
  const options: ListOptions = {
    labels: selectors(parseLabelSelector, query.get('labelSelector') ?? ''),
    fields: selectors(parseFieldSelector, query.get('fieldSelector') ?? ''),
    watch: watchPrefix || isTrue(query.get('watch')),
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
    timeoutSeconds: number('timeoutSeconds'),
    limit: number('limit') ?? 0,
    continue: query.get('continue') ?? '',
    sendInitialEvents: query.has('sendInitialEvents') ? isTrue(query.get('sendInitialEvents')) : undefined,
  }
  const errors = validateListOptions(options)
  if (errors.length > 0) throw optionsError('ListOptions', errors)
  return options
}

function validateListOptions(options: ListOptions): FieldError[] {
  const { resourceVersionMatch: match, resourceVersion, sendInitialEvents } = options
  const errors: FieldError[] = []
  if (options.watch) {
    if (sendInitialEvents !== undefined) {
      if (match !== 'NotOlderThan')
        errors.push(forbidden('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'))
      if (options.continue !== '')
        errors.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'))
    } else if (match !== '')
      errors.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'))
    else if (options.continue !== '')
      errors.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'))
    if (match !== '' && match !== 'NotOlderThan') errors.push(notSupported('resourceVersionMatch', match, ['NotOlderThan']))
    return errors
  }
  if (sendInitialEvents !== undefined) return [forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list')]
  if (match === '') return errors
  if (resourceVersion === '')
    errors.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided'))
  if (options.continue !== '') errors.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'))
  if (match !== 'Exact' && match !== 'NotOlderThan') errors.push(notSupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']))
  if (match === 'Exact' && resourceVersion === '0')
    errors.push(forbidden('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
  return errors
}

export interface WriteQuery {
  readonly dryRun: boolean
  readonly fieldManager: string
  readonly fieldValidation: FieldValidation
  readonly force?: boolean
}

/** @throws StatusError 422 */
export function parseWriteOptions(
  kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions',
  query: URLSearchParams,
  userAgent: string,
  apply = false,
): WriteQuery {
  const errors: FieldError[] = []
  const fieldManager = query.get('fieldManager') ?? ''
  const force = query.has('force') ? isTrue(query.get('force')) : undefined
  if (kind === 'PatchOptions') {
    if (!apply && force !== undefined) errors.push(forbidden('force', 'may not be specified for non-apply patch'))
    if (apply && fieldManager === '')
      errors.push({ type: 'FieldValueRequired', field: 'fieldManager', message: 'Required value: is required for apply patch' })
  }
  errors.push(...fieldManagerErrors(fieldManager))
  errors.push(...dryRunErrors(query.getAll('dryRun')))
  const fieldValidation = query.get('fieldValidation') ?? ''
  if (!['', 'Ignore', 'Warn', 'Strict'].includes(fieldValidation)) {
    errors.push(notSupported('fieldValidation', fieldValidation, ['', 'Ignore', 'Strict', 'Warn']))
  }
  if (errors.length > 0) throw optionsError(kind, errors)
  return {
    dryRun: query.has('dryRun'),
    fieldManager: fieldManager === '' ? managerFromUserAgent(userAgent) : fieldManager,
    fieldValidation: fieldValidation === '' ? 'Warn' : (fieldValidation as FieldValidation),
    force,
  }
}

/** The user agent up to its first slash, at most 128 bytes of it. */
function managerFromUserAgent(userAgent: string): string {
  const name = userAgent.split('/')[0] ?? ''
  return name === '' ? 'unknown' : Buffer.from(name).subarray(0, 128).toString()
}

function fieldManagerErrors(manager: string): FieldError[] {
  const errors: FieldError[] = []
  if (Buffer.byteLength(manager) > 128) errors.push(tooLong('fieldManager', 128))
  let position = 0
  for (const char of manager) {
    if (!/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char)) {
      const code = (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
      errors.push(invalid('fieldManager', manager, `invalid character U+${code} (at position ${position})`))
      // Go quotes control characters in its own way; JSON would print \u0007.
      const last = errors.at(-1) as FieldError
      errors[errors.length - 1] = { ...last, message: last.message.replace(JSON.stringify(manager), goQuote(manager)) }
    }
    position += Buffer.byteLength(char)
  }
  return errors
}

const GO_ESCAPES: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '"': '\\"',
  '\\': '\\\\',
}

/** Text as Go's %q prints it. */
export function goQuote(text: string): string {
  let quoted = ''
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0
    quoted += GO_ESCAPES[char] ?? (code < 0x20 || code === 0x7f ? `\\x${code.toString(16).padStart(2, '0')}` : char)
  }
  return `"${quoted}"`
}

function dryRunErrors(values: readonly string[]): FieldError[] {
  return values.every(value => value === 'All') ? [] : [notSupported('dryRun', values, ['All'])]
}

export interface DeleteOptions {
  gracePeriodSeconds?: number
  propagationPolicy?: string
  orphanDependents?: boolean
  dryRun: readonly string[]
  preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
}

export function parseDeleteQuery(query: URLSearchParams): DeleteOptions {
  return {
    gracePeriodSeconds: query.has('gracePeriodSeconds') ? integer(query.get('gracePeriodSeconds') ?? '') : undefined,
    propagationPolicy: query.get('propagationPolicy') ?? undefined,
    orphanDependents: query.has('orphanDependents') ? isTrue(query.get('orphanDependents')) : undefined,
    dryRun: query.getAll('dryRun'),
  }
}

/** @throws StatusError 422 */
export function validateDeleteOptions(options: DeleteOptions): void {
  const errors: FieldError[] = []
  const { propagationPolicy: policy } = options
  if (policy !== undefined) {
    if (options.orphanDependents !== undefined)
      errors.push(invalid('propagationPolicy', policy, 'orphanDependents and deletionPropagation cannot be both set'))
    if (!['Foreground', 'Background', 'Orphan'].includes(policy)) {
      errors.push({
        type: 'FieldValueNotSupported',
        field: 'propagationPolicy',
        message: `Unsupported value: ${printValue(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
      })
    }
  }
  errors.push(...dryRunErrors(options.dryRun))
  if (errors.length > 0) throw optionsError('DeleteOptions', errors)
}

/** Go's strconv.ParseUint, as far as its errors show. Undefined: fine. */
export function unsignedError(text: string): string | undefined {
  if (!/^\d+$/.test(text)) return `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`
  if (BigInt(text) !== BigInt.asUintN(64, BigInt(text))) return `strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`
  return undefined
}

/** The resourceVersion of a read, 0 for none. Where upstream answers 400 and where 500 differs by path, and clients see it. @throws StatusError */
export function readRevision(text: string, code: 400 | 500): number {
  if (text === '') return 0
  const wrong = unsignedError(text)
  if (wrong === undefined) return Number(text)
  const message = `resourceVersion: Invalid value: ${JSON.stringify(text)}: ${wrong}`
  throw code === 400 ? status.badRequest(`invalid resource version: ${message}`) : new StatusError(500, '', message)
}
