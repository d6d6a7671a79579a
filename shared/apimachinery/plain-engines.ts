// The engines by schema, put together.
import jsonpatch from 'fast-json-patch'
import { stringify } from 'yaml'
import { decodeValue, fillZeros } from './codec/decode.ts'
import { decodeEnvelope, encodeEnvelope, encodeWatchFrame } from './codec/envelope.ts'
import { parseJson } from './codec/json.ts'
import { parseYaml } from './codec/yaml.ts'
import { type Engines, PatchError } from './engines.ts'
import { clone } from './objects.ts'
import { schemaOf } from './schema/schemas.ts'
import type { KubeObject } from './types.ts'

type Members = Record<string, unknown>
const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)

function merge(document: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const merged: Members = isObject(document) ? { ...document } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key]
    else merged[key] = merge(merged[key], value)
  }
  return merged
}

export const plainEngines: Engines = {
  parse(body, format) {
    if (format === 'protobuf') return { value: decodeEnvelope(body), duplicates: [] }
    const text = Buffer.from(body).toString()
    const parsed = format === 'json' ? parseJson(text) : parseYaml(text)
    return { value: parsed.value, duplicates: parsed.duplicates.map(path => `duplicate field "${path}"`) }
  },
  decode: (value, schema) => decodeValue(value, schemaOf(schema)),
  encode(object, format, indent) {
    if (format === 'protobuf') return encodeEnvelope(object as KubeObject)
    return Buffer.from(
      format === 'json'
        ? JSON.stringify(object, null, indent ? 2 : undefined) + (indent ? '\n' : '')
        : stringify(JSON.parse(JSON.stringify(object)), { sortMapEntries: true }),
    )
  },
  encodeWatchFrame: (type, object) => encodeWatchFrame(type, object),
  zeroObject(schema) {
    const object = { metadata: {} }
    fillZeros(object, schemaOf(schema))
    return object as unknown as KubeObject
  },
  applyDefaults() {},
  jsonPatch(document, operations) {
    try {
      return jsonpatch.applyPatch(clone(document), operations as never[], true).newDocument
    } catch (error) {
      throw new PatchError(422, String(error))
    }
  },
  mergePatch: merge,
  strategicMergePatch: merge,
  trackUpdate() {},
  applyConfiguration: (live, configuration) => merge(live, configuration) as KubeObject,
}
