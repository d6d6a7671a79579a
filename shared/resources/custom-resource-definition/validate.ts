// What a CustomResourceDefinition must be (apiextensions-apiserver/pkg/apis/apiextensions/validation). Messages name the internal
// type's fields: what all versions share stands at the top there, and a definition of one version shares everything.
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
} from '../../api/apiextensions/v1.ts'
import { APPROVED, approvalOf } from '../../apimachinery/custom/approval.ts'
import { isKnownFormat } from '../../apimachinery/custom/formats.ts'
import { type FieldError, invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { isDNS1035Label, isDNS1123Subdomain } from '../../apimachinery/names.ts'
import { equal } from '../../apimachinery/objects.ts'
import type { JsonSchema } from '../../apimachinery/schema/structural.ts'
import { validateConversion } from './conversion.ts'
import { internalVersions } from './internal.ts'
import { validateSchema } from './schema.ts'
import { validateSelectableFields } from './selectable-fields.ts'

type Errors = FieldError[]
type Version = CustomResourceDefinitionVersion

export function validateDefinition(definition: CustomResourceDefinition): Errors {
  const { metadata, spec, status } = definition
  const errors: Errors = []
  const wanted = `${spec.names?.plural ?? ''}.${spec.group ?? ''}`
  if (metadata.name !== wanted) errors.push(invalid('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group'))
  errors.push(...validateSpec(definition), ...validateApproval(definition))
  if ((status?.storedVersions ?? []).length === 0) {
    errors.push(invalid('status.storedVersions', null, 'must have at least one stored version'))
  } else errors.push(...validateStoredVersions(definition))
  return errors
}

export function validateDefinitionUpdate(definition: CustomResourceDefinition, old: CustomResourceDefinition): Errors {
  const errors = [...validateSpec(definition, old), ...validateStoredVersions(definition)]
  const { spec } = definition
  const fixed = (now: unknown, before: unknown, field: string) => {
    if (!equal(now, before)) errors.push(invalid(field, now, 'field is immutable'))
  }
  fixed(spec.group, old.spec.group, 'spec.group')
  const isEstablished = old.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True')
  if (isEstablished) {
    fixed(spec.scope, old.spec.scope, 'spec.scope')
    fixed(spec.names.kind, old.spec.names.kind, 'spec.names.kind')
  }
  fixed(spec.names.plural, old.spec.names.plural, 'spec.names.plural')
  const approvedBefore = approvalOf(old.spec.group, old.metadata.annotations)
  if (approvedBefore === undefined || approvedBefore.approved || approvedBefore.reason === 'UnapprovedAnnotation') {
    errors.push(...validateApproval(definition))
  }
  return errors
}

function validateApproval({ metadata, spec }: CustomResourceDefinition): Errors {
  const approval = approvalOf(spec.group ?? '', metadata.annotations)
  const field = `metadata.annotations[${APPROVED}]`
  if (approval?.reason === 'MissingAnnotation') return [required(field, approval.message)]
  return approval?.reason === 'InvalidAnnotation' ? [invalid(field, metadata.annotations?.[APPROVED], approval.message)] : []
}

function validateStoredVersions({ spec, status }: CustomResourceDefinition): Errors {
  const errors: Errors = []
  const stored = status?.storedVersions ?? []
  const names = spec.versions.map(({ name }) => name)
  for (const [i, version] of stored.entries()) {
    if (names.includes(version)) continue
    const why = `missing from spec.versions; ${version} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${version} and removes ${version} from status.storedVersions`
    errors.push(invalid(`status.storedVersions[${i}]`, version, why))
  }
  for (const { name, storage } of spec.versions) {
    if (storage && !stored.includes(name)) errors.push(invalid('status.storedVersions', stored, `must have the storage version ${name}`))
  }
  return errors
}

function validateSpec({ spec }: CustomResourceDefinition, old?: CustomResourceDefinition): Errors {
  const errors: Errors = []
  const { group = '', names, scope = '' } = spec
  const versions = spec.versions ?? []
  if (group === '') errors.push(required('spec.group'))
  else {
    const wrong = isDNS1123Subdomain(group)
    if (wrong.length > 0) errors.push(invalid('spec.group', group, wrong.join(',')))
    else if (!group.includes('.')) errors.push(invalid('spec.group', group, 'should be a domain with at least one dot'))
  }
  if (scope === '') errors.push(required('spec.scope'))
  else if (scope !== 'Cluster' && scope !== 'Namespaced') errors.push(notSupported('spec.scope', scope, ['Cluster', 'Namespaced']))
  if (spec.preserveUnknownFields) {
    const why = 'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead'
    errors.push(invalid('spec.preserveUnknownFields', true, why))
  }
  errors.push(...validateVersions(versions, old?.spec.versions ?? []))
  errors.push(...validateVersionNames(spec.versions))
  errors.push(...validateNames(names ?? { plural: '', kind: '' }))
  errors.push(...validateConversion(spec))
  return errors
}

function validateVersionNames(sent: readonly Version[] | undefined): Errors {
  const errors: Errors = []
  const versions = sent ?? []
  const shown = () => (versions.length === 0 ? sent : internalVersions(versions))
  if (new Set(versions.map(({ name }) => name)).size < versions.length)
    errors.push(invalid('spec.versions', shown(), 'must contain unique version names'))
  if (versions.filter(({ storage }) => storage).length !== 1) {
    errors.push(invalid('spec.versions', shown(), 'must have exactly one version marked as storage version'))
  }
  for (const [i, { name, deprecated, deprecationWarning }] of versions.entries()) {
    const at = `spec.versions[${i}]`
    const wrong = isDNS1035Label(name ?? '')
    if (wrong.length > 0) errors.push(invalid(`${at}.name`, name, wrong.join(',')))
    if (i === 0 && wrong.length > 0) errors.push(invalid('spec.version', name, wrong.join(',')))
    if (deprecationWarning === undefined) continue
    if (!deprecated) errors.push(invalid(`${at}.deprecationWarning`, deprecationWarning, 'can only be set for deprecated versions'))
    else errors.push(...warningProblems(deprecationWarning).map(why => invalid(`${at}.deprecationWarning`, deprecationWarning, why)))
  }
  return errors
}

function warningProblems(text: string): string[] {
  const problems: string[] = []
  if (Buffer.byteLength(text) > 256) problems.push('must be <= 256 characters')
  if (text === '') problems.push('must not be empty')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text)) problems.push('must only contain printable UTF-8 characters; non-printable character found')
  return problems
}

const same = (versions: readonly Version[], part: keyof Version) => versions.every(version => equal(version[part], versions[0]?.[part]))

function validateVersions(versions: readonly Version[], old: readonly Version[]): Errors {
  const errors: Errors = []
  const shared = {
    schema: same(versions, 'schema'),
    subresources: same(versions, 'subresources'),
    columns: same(versions, 'additionalPrinterColumns'),
    selectable: same(versions, 'selectableFields'),
  }
  for (const [i, version] of versions.entries()) {
    const at = `spec.versions[${i}]`
    const before = old.find(({ name }) => name === version.name)
    const root = version.schema?.openAPIV3Schema as JsonSchema | undefined
    if (root === undefined || root === null) errors.push(required(`${at}.schema.openAPIV3Schema`))
    const first = i === 0
    if (root && (first || !shared.schema)) {
      const field = shared.schema ? 'spec.validation.openAPIV3Schema' : `${at}.schema.openAPIV3Schema`
      const isUnchanged = before !== undefined && equal(before.schema, version.schema)
      if (!isUnchanged) errors.push(...validateSchema(root, field))
    }
    if (first || !shared.subresources)
      errors.push(...validateSubresources(version.subresources, shared.subresources ? 'spec.subresources' : `${at}.subresources`))
    if (first || !shared.columns) {
      errors.push(
        ...validateColumns(
          version.additionalPrinterColumns,
          shared.columns ? 'spec.additionalPrinterColumns' : `${at}.additionalPrinterColumns`,
        ),
      )
    }
    if (first || !shared.selectable) {
      const field = shared.selectable ? 'spec.selectableFields' : `${at}.selectableFields`
      errors.push(...validateSelectableFields(version.selectableFields, root, field))
    }
  }
  return errors
}

function validateNames(names: CustomResourceDefinitionNames): Errors {
  const errors: Errors = []
  const { plural, singular, kind, listKind, shortNames = [], categories = [] } = names
  const label = (name: string | undefined, field: string, mixedCase = false) => {
    if (!name) {
      errors.push(required(field))
      return
    }
    const wrong = isDNS1035Label(mixedCase ? name.toLowerCase() : name)
    if (wrong.length === 0) return
    const why = wrong.join(',')
    errors.push(invalid(field, name, mixedCase ? `may have mixed case, but should otherwise match: ${why}` : why))
  }
  label(plural, 'spec.names.plural')
  label(singular, 'spec.names.singular')
  label(kind, 'spec.names.kind', true)
  label(listKind, 'spec.names.listKind', true)
  if (kind && kind === listKind) errors.push(invalid('spec.names.listKind', listKind, 'kind and listKind may not be the same'))
  const list = (all: readonly string[], field: string) => {
    for (const [i, name] of all.entries()) {
      const wrong = isDNS1035Label(name)
      if (wrong.length > 0) errors.push(invalid(`${field}[${i}]`, name, wrong.join(',')))
    }
  }
  list(shortNames, 'spec.names.shortNames')
  list(categories, 'spec.names.categories')
  return errors
}

const SIMPLE_PATH = /^\.[a-zA-Z0-9_-]+(?:\.[a-zA-Z0-9_-]+)*$/

function validateSubresources(subresources: CustomResourceSubresources | undefined, field: string): Errors {
  const scale = subresources?.scale
  if (scale === undefined) return []
  const errors: Errors = []
  const path = (text: string | undefined, name: string, parents: readonly string[], isRequired: boolean) => {
    const at = `${field}.scale.${name}`
    if (!text) {
      if (isRequired) errors.push(required(at))
      return
    }
    if (!SIMPLE_PATH.test(text)) errors.push(invalid(at, text, 'must be a simple json path starting with .'))
    else if (!parents.some(parent => text.startsWith(`.${parent}.`))) {
      const where = parents.length === 1 ? `.${parents[0]}` : 'either .spec or .status'
      errors.push(invalid(at, text, `should be a json path under ${where}`))
    }
  }
  path(scale.specReplicasPath, 'specReplicasPath', ['spec'], true)
  path(scale.statusReplicasPath, 'statusReplicasPath', ['status'], true)
  path(scale.labelSelectorPath, 'labelSelectorPath', ['status', 'spec'], false)
  return errors
}

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string']
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password']
/** Names, indexes and filters of the simple kind. */
const COLUMN_PATH = /^(?:\.(?:\\.|[^.[\]\s\\])+|\[(?:\*|-?\d+|'[^']*'|"[^"]*"|\?\(.*\)|-?\d*:-?\d*)\])+$/

function validateColumns(columns: readonly CustomResourceColumnDefinition[] | undefined, field: string): Errors {
  const errors: Errors = []
  for (const [i, { name, type, format, jsonPath }] of (columns ?? []).entries()) {
    const at = `${field}[${i}]`
    if (!name) errors.push(required(`${at}.name`))
    if (!type) errors.push(required(`${at}.type`, `must be one of ${COLUMN_TYPES.join(',')}`))
    else if (!COLUMN_TYPES.includes(type)) errors.push(invalid(`${at}.type`, type, `must be one of ${COLUMN_TYPES.join(',')}`))
    if (format && !COLUMN_FORMATS.includes(format))
      errors.push(invalid(`${at}.format`, format, `must be one of ${COLUMN_FORMATS.join(',')}`))
    if (!jsonPath) errors.push(required(`${at}.JSONPath`))
    else if (!COLUMN_PATH.test(jsonPath)) errors.push(invalid(`${at}.JSONPath`, jsonPath, 'must be a simple json path starting with .'))
  }
  return errors
}

/** Formats that nobody knows are kept by every value: whoever wrote one should know. */
export function definitionWarnings({ spec }: CustomResourceDefinition): string[] {
  const formats = new Set<string>()
  for (const { schema } of spec.versions) if (schema?.openAPIV3Schema) collectFormats(schema.openAPIV3Schema as JsonSchema, formats)
  return [...formats].filter(format => !isKnownFormat(format)).map(format => `unrecognized format ${JSON.stringify(format)}`)
}

function collectFormats({ format, properties, additionalProperties, items }: JsonSchema, found: Set<string>): void {
  if (format) found.add(format)
  for (const one of Object.values(properties ?? {})) collectFormats(one, found)
  if (typeof additionalProperties === 'object') collectFormats(additionalProperties, found)
  if (items !== undefined) collectFormats(items, found)
}
