// A patched object takes the place of the one that is admitted.
import type { Attributes } from '../../apimachinery/admission.ts'
import type { Decoded, Engines } from '../../apimachinery/engines.ts'
import { equal } from '../../apimachinery/objects.ts'
import { findKind } from '../../apimachinery/schema/schemas.ts'
import type { KubeObject } from '../../apimachinery/types.ts'

/** The type of what is admitted: a subresource may have a body of its own kind. */
export function schemaNameOf({ endpoint, object }: Attributes): string {
  const { storage, storageApiVersion, definition } = endpoint
  if (object === undefined || (object.apiVersion === storageApiVersion && object.kind === definition.kind)) return storage.schema
  return findKind(object.apiVersion, object.kind)?.name ?? storage.schema
}

/** Takes `value` over. The answer has the type's defaults. @throws DecodeError */
export function decodePatched(value: unknown, attributes: Attributes, engines: Engines): Decoded {
  const { storage } = attributes.endpoint
  const schema = schemaNameOf(attributes)
  const decoded = engines.decode(value, schema, { duplicates: [], patched: true })
  engines.applyDefaults(decoded.object, schema)
  if (schema === storage.schema) storage.defaults?.(decoded.object)
  return decoded
}

/** In place, since everybody holds the object. Answers whether it is another now. */
export function replaceObject({ object }: Attributes, by: KubeObject): boolean {
  const target = object as unknown as Record<string, unknown>
  if (equal(target, by)) return false
  for (const name of Object.keys(target)) delete target[name]
  Object.assign(target, by)
  return true
}
