// JSON merge patch (RFC 7386): null removes, objects are merged, anything else replaces.
import { PatchError } from '../engines.ts'

type Members = Record<string, unknown>

/** The document is not changed; the answer shares what the patch leaves alone. @throws PatchError 400 for a patch that is no object */
export function mergePatch(document: unknown, patch: unknown): unknown {
  if (!isObject(patch)) throw new PatchError(400, 'Invalid JSON Patch')
  return merge(document, patch)
}

const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)

function merge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return isObject(target) ? patch : withoutNulls(patch)
  const members = new Map(Object.entries(isObject(target) ? target : {}))
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) members.delete(key)
    else members.set(key, merge(members.get(key), value))
  }
  // fromEntries defines members instead of assigning them, so that one named __proto__ stays a member.
  return Object.fromEntries(members)
}

/** The RFC leaves lists as they are; upstream takes nulls out of the objects in them, unless the list replaces an object. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  return isObject(value) ? merge({}, value) : value
}
