// Bytes <-> plain data, whatever the content type.
import type { Decoded, Parsed, Serialization } from '../engines.ts'
import { findSchema, schemaOf } from '../schema/schemas.ts'
import { decodeValue } from './decode.ts'
import { decodeEnvelope, type ExpectedType, encodeEnvelope } from './envelope.ts'
import { duplicatePlace, parseJson } from './json.ts'

let yaml: typeof import('./yaml.ts') | undefined

/** YAML is large and seldom asked for: it must be loaded before it is parsed or written. */
export async function loadYaml(): Promise<void> {
  yaml ??= await import('./yaml.ts')
}

function loadedYaml(): typeof import('./yaml.ts') {
  if (yaml === undefined) throw new Error('YAML is used before loadYaml() was awaited')
  return yaml
}

/** `expected`: the type that the body should have, and has when it does not say one. @throws DecodeError */
export function parse(body: Uint8Array, format: Serialization, expected?: ExpectedType): Parsed {
  if (format === 'protobuf') return { value: decodeEnvelope(body, expected), duplicates: [] }
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()
  if (format === 'json') {
    // Go decodes into a type's fields what it meets, and so adds up what stands twice. Without a type the last one counts.
    const { value, duplicates, order, literals } = parseJson(
      text,
      expected !== undefined && findSchema(expected.schema)?.structural === false,
    )
    return { value, duplicates: duplicates.map(path => `duplicate field ${JSON.stringify(path)}`), order, literals }
  }
  return loadedYaml().parseYaml(text)
}

/**
 * @param parsed where `value` comes from: what stands twice in it is reported among what is unknown, in the document's order
 * @throws DecodeError
 */
export function decode(value: unknown, schema: string, parsed?: Omit<Parsed, 'value'>): Decoded {
  const decoded = decodeValue(value, schemaOf(schema), parsed?.literals)
  // Of a custom resource duplicates come first, whatever the document's order.
  if (parsed !== undefined && !parsed.patched && schemaOf(schema).structural)
    return { ...decoded, unknown: [...parsed.duplicates, ...decoded.unknown] }
  if (parsed?.patched) return { ...decoded, unknown: [...parsed.duplicates, ...[...decoded.unknown].sort()] }
  if (parsed === undefined || parsed.duplicates.length === 0) return decoded
  const both = [...parsed.duplicates, ...decoded.unknown]
  const { order } = parsed
  if (order === undefined) return { ...decoded, unknown: both }
  const place = (text: string) => order.get(text.startsWith('duplicate') ? duplicatePlace(pathOf(text)) : pathOf(text)) ?? -1
  return { ...decoded, unknown: both.sort((a, b) => place(a) - place(b)) }
}

/** 'unknown field "spec.a"' -> spec.a */
const pathOf = (problem: string): string => JSON.parse(problem.slice(problem.indexOf('"'))) as string

/** `indent` for people. Protobuf needs a type that has that form (see hasProtobuf in envelope.ts). */
export function encode(object: object, format: Serialization, indent = false): Uint8Array {
  if (format === 'protobuf') return encodeEnvelope(object)
  if (format === 'json') return Buffer.from(`${indent ? JSON.stringify(object, null, 2) : JSON.stringify(object)}\n`)
  return Buffer.from(loadedYaml().writeYaml(object))
}
