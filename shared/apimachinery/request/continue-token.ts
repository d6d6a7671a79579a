// Continue tokens: where the next page of a list begins, and of which revision it is. Opaque to clients; the shape is upstream's.
import { badRequest } from '../status-error.ts'

export interface ContinueToken {
  /** Revision of the first page; -1: whatever is newest (a list that goes on after its revision was forgotten). */
  readonly revision: number
  /** Store key after which the page begins. */
  readonly after: string
}

/** `prefix` is what all keys of this list begin with ("default/", or ""): tokens hold what follows it. */
export function encodeContinue({ revision, after }: ContinueToken, prefix: string): string {
  const start = `${after.slice(prefix.length)}\u0000`
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start })).toString('base64url')
}

/** @throws StatusError 400 */
export function decodeContinue(text: string, prefix: string): ContinueToken {
  const fail = (why: string) => badRequest(`invalid continue token: continue key is not valid: ${why}`)
  const decoded = Buffer.from(text, 'base64url').toString()
  let token: unknown
  try {
    token = JSON.parse(decoded)
  } catch {
    throw fail(`invalid character ${JSON.stringify(decoded[0] ?? '').replaceAll('"', "'")} looking for beginning of value`)
  }
  const { v, rv, start } = (token ?? {}) as { v?: unknown; rv?: unknown; start?: unknown }
  if (v !== 'meta.k8s.io/v1')
    throw badRequest(
      'invalid continue token: continue key is not valid: server does not recognize this encoded version ' + JSON.stringify(v ?? ''),
    )
  if (typeof rv !== 'number' || rv === 0)
    throw badRequest('invalid continue token: continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)')
  if (typeof start !== 'string' || start === '')
    throw badRequest('invalid continue token: continue key is not valid: no start key found (version meta.k8s.io/v1)')
  // A key that climbs out of its collection is somebody's attack, never ours.
  if (start.split('/').includes('..') || start.startsWith('/')) throw fail(start)
  const key = start.endsWith('\u0000') ? start.slice(0, -1) : start
  return { revision: rv, after: prefix + key }
}
