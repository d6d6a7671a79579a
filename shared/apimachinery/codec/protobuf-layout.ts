// Which protobuf message a type has: its fields by number, those of inner messages included that JSON does not show.
import { schemaOf } from '../schema/schemas.ts'
import type { Field, Schema, StructSchema } from '../schema/types.ts'
import { FIXED64, LENGTH, VARINT } from './protobuf-wire.ts'

/** A message: its fields by number. Some hold another message whose fields JSON shows at this level. */
export interface Message {
  readonly entries: ReadonlyMap<number, Field | Message>
  readonly descending: readonly (readonly [number, Field | Message])[]
}

const messages = new WeakMap<ReadonlyMap<string, Field>, Message>()

export const isMessage = (entry: Field | Message): entry is Message => 'descending' in entry

export function messageOf(schema: StructSchema): Message {
  const known = messages.get(schema.fields)
  if (known !== undefined) return known
  const message = layOut([...schema.fields.values()].map(field => [field.numbers, field]))
  messages.set(schema.fields, message)
  return message
}

function layOut(fields: readonly (readonly [numbers: readonly number[], field: Field])[]): Message {
  const inner = new Map<number, [readonly number[], Field][]>()
  const entries = new Map<number, Field | Message>()
  for (const [[first, ...rest], field] of fields) {
    if (first === undefined) continue
    if (rest.length === 0) entries.set(first, field)
    else inner.set(first, [...(inner.get(first) ?? []), [rest, field]])
  }
  for (const [number, members] of inner) entries.set(number, layOut(members))
  return { entries, descending: [...entries].sort(([a], [b]) => b - a) }
}

export function wireOf(schema: Schema): number {
  switch (schema.type) {
    case 'boolean':
    case 'int32':
    case 'int64':
      return VARINT
    case 'double':
      return FIXED64
    default:
      return LENGTH
  }
}

/** The schemas inside apiextensions' either-or types. */
export const schemaProps = () => schemaOf('io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps')
