// Field selectors: "status.phase!=Running,spec.nodeName=n" (k8s.io/apimachinery/pkg/fields). Every kind has metadata.name and
// metadata.namespace; the others are named by its definition.

import { SelectorError } from './label-selector.ts'
import { member } from './objects.ts'
import type { Endpoint } from './registry.ts'
import { badRequest } from './status-error.ts'
import type { KubeObject } from './types.ts'

export interface FieldRequirement {
  readonly field: string
  readonly negated: boolean
  readonly value: string
}

export type FieldSelector = readonly FieldRequirement[]

/** @throws SelectorError */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements: FieldRequirement[] = []
  for (const part of splitTerms(text)) {
    if (part === '') continue
    const found = splitTerm(part)
    if (found === undefined) throw new SelectorError(`invalid selector: '${text}'; can't understand '${part}'`)
    requirements.push({ field: found.field, negated: found.operator === '!=', value: unescaped(found.value) })
  }
  return requirements
}

/** At commas that no backslash protects. */
function splitTerms(text: string): string[] {
  const terms: string[] = []
  let start = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === ',') {
      terms.push(text.slice(start, i))
      start = i + 1
    }
  }
  terms.push(text.slice(start))
  return terms
}

/** At the first operator. */
function splitTerm(term: string): { field: string; operator: string; value: string } | undefined {
  for (let i = 0; i < term.length; i++) {
    for (const operator of ['!=', '==', '=']) {
      if (term.startsWith(operator, i)) return { field: term.slice(0, i), operator, value: term.slice(i + operator.length) }
    }
  }
  return undefined
}

function unescaped(value: string): string {
  let text = ''
  for (let i = 0; i < value.length; i++) {
    const char = value[i] as string
    if (char === '\\') {
      const next = value[++i]
      if (next === undefined || !'\\,='.includes(next))
        throw new SelectorError(`invalid field selector: invalid escape sequence: \\${next ?? ''}`)
      text += next
    } else if (char === ',' || char === '=') {
      throw new SelectorError(`invalid field selector: unescaped character in value: ${char.charCodeAt(0)}`)
    } else text += char
  }
  return text
}

/** Checks that the kind knows the fields, and renames those that it knows by another name. @throws StatusError */
export function resolveFields(selector: FieldSelector, { definition, version }: Endpoint): FieldSelector {
  return selector.map(requirement => {
    const field = rename(requirement.field, definition, version)
    if (
      field === 'metadata.name' ||
      (field === 'metadata.namespace' && (definition.namespaced || definition.selectableFields === undefined)) ||
      (field !== undefined && member(definition.selectableFields, field) !== undefined)
    ) {
      return { ...requirement, field }
    }
    if (requirement.field === '' && requirement.value === '') return requirement
    // Kinds with fields of their own and kinds without are worded differently.
    throw badRequest(
      definition.selectableFields === undefined && !definition.custom
        ? `${JSON.stringify(requirement.field)} is not a known field selector: only "metadata.name", "metadata.namespace"`
        : `field label not supported: ${requirement.field}`,
    )
  })
}

function rename(field: string, definition: Endpoint['definition'], version: Endpoint['version']): string | undefined {
  if (field === 'metadata.name' || field === 'metadata.namespace') return field
  if (version.fieldLabels !== undefined) return member(version.fieldLabels, field)
  return member(definition.selectorAliases, field) ?? field
}

export function matchesFields(selector: FieldSelector, object: KubeObject, { definition }: Endpoint): boolean {
  for (const { field, negated, value } of selector) {
    if ((fieldValue(field, object, definition.selectableFields) === value) === negated) return false
  }
  return true
}

function fieldValue(field: string, object: KubeObject, fields: Endpoint['definition']['selectableFields']): string {
  if (field === 'metadata.name') return object.metadata.name ?? ''
  if (field === 'metadata.namespace') return object.metadata.namespace ?? ''
  return member(fields, field)?.(object) ?? ''
}

/** The one name that can match, if the selector asks for one. */
export function requiredName(selector: FieldSelector): string | undefined {
  return selector.find(({ field, negated, value }) => field === 'metadata.name' && !negated && value !== '')?.value
}
