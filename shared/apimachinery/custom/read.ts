// What is stored, as the schema of a version sees it now, whatever the schemas were when it was written: the stored version's schema
// prunes and fills in, then the schema of the version that is asked for prunes again.
import { applyDefaults } from '../codec/defaults.ts'
import { prune } from '../codec/structural.ts'
import type { StructSchema } from '../schema/types.ts'
import type { KubeObject } from '../types.ts'
import type { Convert } from './conversion.ts'

type Read = (object: KubeObject) => KubeObject

export interface Reading {
  readonly read: Read
  /** Where a webhook converts: before `read` is asked for these. */
  readonly prepare?: (objects: readonly KubeObject[]) => Promise<void>
}

/**
 * Stored objects are shared and never change, so each is read once. `storedAs`: the type of the version in which an object was stored,
 * which may be another one than is stored today.
 */
export function readerOf(
  storedAs: (object: KubeObject) => StructSchema,
  asked: StructSchema,
  apiVersion: string,
  kind: string,
  convert?: Convert,
): Reading {
  const known = new WeakMap<KubeObject, KubeObject>()
  const converted = new WeakMap<KubeObject, KubeObject>()
  const read = (object: KubeObject): KubeObject => {
    const found = known.get(object)
    if (found !== undefined) return found
    let result = converted.get(object) ?? stillStored(object)
    if (asked !== storedAs(object)) result = pruned(result, asked)
    if (converted.has(object)) applyDefaults(result, asked)
    result.apiVersion = apiVersion
    result.kind = kind
    known.set(object, result)
    return result
  }
  const stillStored = (object: KubeObject): KubeObject => {
    const stored = storedAs(object)
    const result = pruned(object, stored)
    applyDefaults(result, stored)
    return result
  }
  if (convert === undefined) return { read }
  return {
    read,
    async prepare(objects) {
      const due = objects.filter(object => object.apiVersion !== apiVersion && !converted.has(object))
      if (due.length === 0) return
      const answers = await convert(due.map(stillStored), apiVersion)
      for (const [i, object] of due.entries()) converted.set(object, answers[i] as KubeObject)
    },
  }
}

/** A copy without what the schema does not name. */
export const pruned = (object: KubeObject, schema: StructSchema): KubeObject =>
  prune(object as unknown as Record<string, unknown>, schema, ignore, keepMetadata) as unknown as KubeObject

const ignore = () => {}
/** It was decoded when it was written. */
const keepMetadata = (value: unknown) => value
