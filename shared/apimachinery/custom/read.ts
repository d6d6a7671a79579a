// What is stored, as the schema of a version sees it now, whatever the schemas were when it was written: the stored version's schema
// prunes and fills in, then the schema of the version that is asked for prunes again.
import { applyDefaults } from '../codec/defaults.ts'
import { prune } from '../codec/structural.ts'
import type { StructSchema } from '../schema/types.ts'
import type { KubeObject } from '../types.ts'

type Read = (object: KubeObject) => KubeObject

/** Stored objects are shared and never change, so each is read once. */
export function readerOf(stored: StructSchema, asked: StructSchema, apiVersion: string, kind: string): Read {
  const known = new WeakMap<KubeObject, KubeObject>()
  return object => {
    const found = known.get(object)
    if (found !== undefined) return found
    let read = pruned(object, stored)
    applyDefaults(read, stored)
    if (asked !== stored) read = pruned(read, asked)
    read.apiVersion = apiVersion
    read.kind = kind
    known.set(object, read)
    return read
  }
}

/** A copy without what the schema does not name. */
export const pruned = (object: KubeObject, schema: StructSchema): KubeObject =>
  prune(object as unknown as Record<string, unknown>, schema, ignore, keepMetadata) as unknown as KubeObject

const ignore = () => {}
/** It was decoded when it was written. */
const keepMetadata = (value: unknown) => value
