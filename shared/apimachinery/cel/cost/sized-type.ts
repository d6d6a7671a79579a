// How large values of a schema can become: what a request can hold at most, or what the schema says
// (k8s.io/apiserver/pkg/cel/common, SchemaDeclType).
import type { JsonSchema } from '../../schema/structural.ts'
import { escapeName, membersOf } from '../types.ts'

export interface SizedType {
  /** Characters, items or members at most. 0 for whatever has no size. */
  readonly maxElements: number
  /** Bytes of the shortest such value in JSON. */
  readonly minBytes: number
  readonly fields?: ReadonlyMap<string, SizedType>
  readonly key?: SizedType
  readonly element?: SizedType
}

const MAX_REQUEST = 3 * 1024 * 1024
/** Quotes, or brackets. */
const LONGEST = MAX_REQUEST - 2
/** A character may take four bytes. */
const CHARACTER = 4

const simple = (minBytes: number, maxElements = 0): SizedType => ({ minBytes, maxElements })
const TEXT = simple(2)
const TIMES: Readonly<Record<string, SizedType>> = { duration: simple(3, 32), date: simple(12, 12), 'date-time': simple(21, 32) }

const limitOf = (schema: JsonSchema, keyword: string): number | undefined => {
  const limit = schema[keyword]
  return typeof limit === 'number' ? Math.max(0, limit) : undefined
}

/** Undefined where rules cannot see the value. */
export function sizedType(schema: JsonSchema, isRoot = false): SizedType | undefined {
  if (schema['x-kubernetes-int-or-string']) {
    const length = limitOf(schema, 'maxLength')
    return simple(1, length === undefined ? LONGEST : length * CHARACTER)
  }
  switch (schema.type) {
    case 'array':
      return sizedList(schema)
    case 'object':
      return sizedObject(schema, isRoot)
    case 'string':
      return sizedText(schema)
    case 'boolean':
      return simple(4)
    case 'number':
    case 'integer':
      return simple(1)
    default:
      return undefined
  }
}

function sizedList(schema: JsonSchema): SizedType | undefined {
  const element = schema.items && sizedType(schema.items)
  if (element === undefined) return undefined
  return { minBytes: 2, maxElements: limitOf(schema, 'maxItems') ?? Math.floor(LONGEST / (element.minBytes + 1)), element }
}

function sizedObject(schema: JsonSchema, isRoot: boolean): SizedType | undefined {
  const { additionalProperties } = schema
  const isResource = isRoot || schema['x-kubernetes-embedded-resource'] === true
  if (typeof additionalProperties === 'object' && !isResource) {
    const element = sizedType(additionalProperties)
    if (element === undefined) return undefined
    // A member takes quotes, a colon and a comma, and a name of two characters.
    const most = limitOf(schema, 'maxProperties') ?? Math.floor(LONGEST / (element.minBytes + 6))
    return { minBytes: 2, maxElements: most, key: TEXT, element }
  }
  const fields = new Map<string, SizedType>()
  let minBytes = 2
  for (const [name, one] of membersOf(schema, isResource)) {
    const type = sizedType(one)
    if (type === undefined) continue
    const escaped = escapeName(name)
    if (escaped !== undefined) fields.set(escaped, type)
    if (schema.required?.includes(name) && one.default === undefined) minBytes += name.length + type.minBytes + 4
  }
  return { minBytes, maxElements: 0, fields }
}

function sizedText(schema: JsonSchema): SizedType {
  const { format = '' } = schema
  const time = TIMES[format]
  if (time !== undefined) return time
  const length = limitOf(schema, 'maxLength')
  if (format === 'byte') return simple(2, length ?? LONGEST)
  if (length !== undefined) return simple(2, length * CHARACTER)
  const values = schema.enum as readonly unknown[] | undefined
  if (!values?.length) return simple(2, LONGEST)
  return simple(2, Math.max(0, ...values.map(value => (typeof value === 'string' ? Buffer.byteLength(value) : 0))))
}

/** How often such a value can stand in an object at most, where nothing above it says less. */
export const maxCardinality = ({ minBytes }: SizedType): number => Math.floor(MAX_REQUEST / (minBytes + 1))

/** What a path leads to: the first element is the variable, then members, "@items", "@values" and "@keys". */
export function typeAt(root: SizedType, path: readonly string[]): SizedType | undefined {
  let type: SizedType | undefined = root
  for (const step of path.slice(1)) {
    if (step === '@items' || step === '@values') type = type.element
    else type = step === '@keys' ? type.key : type.fields?.get(step)
    if (type === undefined) return undefined
  }
  return type
}
