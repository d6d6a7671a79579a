// The engines that work by schema, put together.
import { applyConfiguration } from './apply/apply.ts'
import { trackUpdate, zeroObject } from './apply/track-update.ts'
import { decode, encode, loadYaml, parse } from './codec/codec.ts'
import { applyDefaults } from './codec/defaults.ts'
import { encodeWatchFrame } from './codec/envelope.ts'
import { fillZeros } from './codec/zero.ts'
import type { Engines } from './engines.ts'
import { jsonPatch } from './patch/json-patch.ts'
import { mergePatch } from './patch/merge-patch.ts'
import { strategicMergePatch } from './patch/strategic-merge-patch.ts'
import { schemaOf } from './schema/schemas.ts'

export const schemaEngines: Engines = {
  loadYaml,
  parse,
  decode,
  encode,
  encodeWatchFrame,
  zeroObject: schema => structuredClone(zeroObject(schemaOf(schema))),
  applyDefaults: (object, schema) => applyDefaults(object, schemaOf(schema)),
  complete: (object, schema) => fillZeros(object as unknown as Record<string, unknown>, schemaOf(schema)),
  jsonPatch,
  mergePatch,
  strategicMergePatch: (document, patch, schema) => strategicMergePatch(document, patch, schemaOf(schema)),
  trackUpdate,
  applyConfiguration,
}
