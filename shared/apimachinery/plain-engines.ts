// The engines by schema, put together.
import { stringify } from 'yaml'
import { decodeValue, fillZeros } from './codec/decode.ts'
import { decodeEnvelope, encodeEnvelope, encodeWatchFrame } from './codec/envelope.ts'
import { parseJson } from './codec/json.ts'
import { parseYaml } from './codec/yaml.ts'
import type { Engines } from './engines.ts'
import { jsonPatch } from './patch/json-patch.ts'
import { mergePatch } from './patch/merge-patch.ts'
import { strategicMergePatch } from './patch/strategic-merge-patch.ts'
import { schemaOf } from './schema/schemas.ts'
import type { KubeObject } from './types.ts'

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
  jsonPatch,
  mergePatch,
  strategicMergePatch: (document, patch, schema) => strategicMergePatch(document, patch, schemaOf(schema)),
  trackUpdate() {},
  applyConfiguration: (live, configuration) => mergePatch(live ?? {}, configuration) as KubeObject,
}
