// The annotation of client-side apply. kubectl's server-side apply reads it once, to take over what it owned that way, and keeps it
// up to date as long as it is there, so that client-side apply can be gone back to.
import type { StructSchema } from '../schema/types.ts'
import type { KubeObject } from '../types.ts'
import { compare } from './compare.ts'
import { difference, type FieldSet } from './field-set.ts'
import { toFieldSet } from './to-field-set.ts'
import { configurationProblems } from './validate.ts'

const ANNOTATION = 'kubectl.kubernetes.io/last-applied-configuration'
const MOST_BYTES = 256 * 1024

/** What the annotation says and the object still has: conflicts about that are none. Undefined without a usable annotation. */
export function allowedByLastApplied(live: KubeObject, schema: StructSchema, apiVersion: string): FieldSet | undefined {
  const text = live.metadata.annotations?.[ANNOTATION]
  if (!text) return undefined
  let last: KubeObject
  try {
    last = JSON.parse(text) as KubeObject
  } catch {
    return undefined
  }
  if (typeof last !== 'object' || last === null || last.apiVersion !== apiVersion || configurationProblems(last, schema).length > 0)
    return undefined
  const { added, modified, removed } = compare(last, live, schema)
  return [modified, added, removed].reduce(difference, toFieldSet(last, schema))
}

/** Writes the configuration into the annotation, if there is one. In place. */
export function updateLastApplied(object: KubeObject, configuration: KubeObject): void {
  const annotations = object.metadata.annotations
  if (annotations?.[ANNOTATION] === undefined) return
  const { [ANNOTATION]: _, ...others } = configuration.metadata.annotations ?? {}
  const { annotations: given, ...metadata } = configuration.metadata
  const plain = {
    ...configuration,
    metadata: given === undefined ? metadata : { ...metadata, annotations: others },
  }
  const text = `${JSON.stringify(sorted(plain))}\n`
  const size = Object.entries({ ...annotations, [ANNOTATION]: text }).reduce(
    (sum, [key, value]) => sum + key.length + Buffer.byteLength(value),
    0,
  )
  if (size > MOST_BYTES) delete annotations[ANNOTATION]
  else annotations[ANNOTATION] = text
}

/** Members in the order in which Go writes maps. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  )
}
