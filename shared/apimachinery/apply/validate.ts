// Whether a configuration fits its type, and leaves no doubt which item is which: what an apply needs before it may merge.
import type { ListSchema, Schema } from '../schema/types.ts'
import { elementText } from './field-set.ts'
import { isObject, itemElement, memberSchema } from './values.ts'

/** What is wrong with the value, as ".spec.replicas: expected numeric (int or float), got string". */
export function configurationProblems(value: unknown, schema: Schema): readonly string[] {
  const problems: string[] = []
  check(value, schema, '', problems)
  return problems
}

/** Several problems in one text, as upstream prints them. */
export const problemsText = (problems: readonly string[]): string =>
  problems.length === 1 ? problems[0]! : ['errors:', ...problems.map(problem => `  ${problem}`)].join('\n')

function check(value: unknown, schema: Schema, path: string, problems: string[]): void {
  if (value === null || value === undefined) return
  const wrong = (text: string) => problems.push(path === '' ? text : `${path}: ${text}`)
  switch (schema.type) {
    case 'struct':
    case 'map':
      if (!isObject(value)) wrong(`expected map, got ${shown(value)}`)
      else checkMembers(value, schema, path, problems)
      return
    case 'list':
      if (Array.isArray(value)) checkItems(value, schema, path, problems)
      else wrong(`expected list, got ${shown(value)}`)
      return
    case 'string':
    case 'bytes':
    case 'time':
    case 'microTime':
    case 'duration':
      if (typeof value !== 'string') wrong(`expected string, got ${shown(value)}`)
      return
    case 'int32':
    case 'int64':
    case 'double':
      if (typeof value !== 'number') wrong(`expected numeric (int or float), got ${goType(value)}`)
      return
    case 'boolean':
      if (typeof value !== 'boolean') wrong(`expected boolean, got ${shown(value)}`)
      return
    case 'quantity':
    case 'intOrString':
      if (typeof value === 'object') wrong(`expected any scalar, got ${shown(value)}`)
      return
    default:
  }
}

const shown = (value: unknown): string => `&value.valueUnstructured{Value:${JSON.stringify(value)}}`

function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}'
  return typeof value === 'object' ? 'map[string]interface {}' : typeof value === 'boolean' ? 'bool' : typeof value
}

function checkMembers(value: Record<string, unknown>, schema: Schema, path: string, problems: string[]): void {
  for (const [name, member] of Object.entries(value)) {
    const found = memberSchema(schema, name)
    if (found === undefined) {
      // Upstream does not look at the other members of this object either.
      problems.push(`${path}.${name}: field not declared in schema`)
      return
    }
    check(member, found.schema, `${path}.${name}`, problems)
  }
}

function checkItems(items: readonly unknown[], schema: ListSchema, path: string, problems: string[]): void {
  const seen = new Set<string>()
  for (const [index, item] of items.entries()) {
    if (schema.listType === 'atomic') {
      check(item, schema.item, `${path}[${index}]`, problems)
      continue
    }
    const found = itemElement(schema, item)
    if ('problem' in found) {
      problems.push(`${path}: element ${index}: ${found.problem}`)
      return
    }
    const text = elementText(found.element)
    if (seen.has(found.element)) problems.push(`${path}: duplicate entries for key ${text}`)
    seen.add(found.element)
    check(item, schema.item, `${path}${text}`, problems)
  }
}
