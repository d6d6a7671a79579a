// JSON patch (RFC 6902) with upstream's liberties: `replace` adds what is missing, `copy` of nothing copies null, `test` of nothing
// equals null, and negative indexes count from the end.
import { isDeepStrictEqual } from 'node:util'
import { PatchError } from '../engines.ts'

type Container = Record<string, unknown> | unknown[]

interface Operation {
  readonly op?: unknown
  readonly path?: unknown
  readonly from?: unknown
  readonly value?: unknown
}

/** @throws PatchError 400 for what is no list of operations, 422 for one that does not apply */
export function jsonPatch(document: unknown, operations: unknown): unknown {
  if (operations === null || operations === undefined) return document
  if (!Array.isArray(operations)) {
    throw new PatchError(400, `error decoding patch: json: cannot unmarshal ${kindOf(operations)} into Go value of type jsonpatch.Patch`)
  }
  const wrong = operations.find(operation => !isContainer(operation) || Array.isArray(operation))
  if (wrong !== undefined && wrong !== null) {
    throw new PatchError(400, `error decoding patch: json: cannot unmarshal ${kindOf(wrong)} into Go value of type jsonpatch.Operation`)
  }
  let root = structuredClone(document)
  for (const operation of operations as (Operation | null)[]) root = apply(root, operation ?? {})
  return root
}

const kindOf = (value: unknown): string => (Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value)

const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null

const fail = (message: string): never => {
  throw new PatchError(422, message)
}

function apply(root: unknown, operation: Operation): unknown {
  const { op } = operation
  const path = () =>
    pointer(operation.path, `${op} operation failed to decode path: ${op === 'add' ? '' : 'operation missing path field: '}missing value`)
  const from = () => pointer(operation.from, `${op} operation failed to decode from: operation, missing from field: missing value`)
  switch (op) {
    case 'add':
      add(
        root,
        path(),
        structuredClone(operation.value ?? null),
        text => `add operation does not apply: doc is missing path: "${text}": missing value`,
        'add',
      )
      return root
    case 'remove':
      remove(root, path())
      return root
    case 'replace':
      return replace(root, path(), structuredClone(operation.value ?? null))
    case 'move':
      move(root, from(), path())
      return root
    case 'copy':
      copy(root, from(), path())
      return root
    case 'test':
      test(root, path(), operation.value ?? null)
      return root
    default:
      return fail(`Unexpected kind: ${typeof op === 'string' ? op : 'unknown'}`)
  }
}

function pointer(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : fail(otherwise)
}

/** The container that holds what the pointer names, and its key there. */
function find(root: unknown, path: string): [Container, string] | undefined {
  const parts = path.split('/')
  if (parts.length < 2) return undefined
  let at = root
  for (const part of parts.slice(1, -1)) {
    if (!isContainer(at)) return undefined
    const index = Array.isArray(at) ? indexOf(at, unescapePart(part)) : undefined
    at = Array.isArray(at) ? (typeof index === 'number' ? at[index] : undefined) : get(at, unescapePart(part))
  }
  return isContainer(at) ? [at, unescapePart(parts.at(-1)!)] : undefined
}

const unescapePart = (part: string) => part.replaceAll('~1', '/').replaceAll('~0', '~')

const get = (object: Record<string, unknown>, key: string): unknown => (Object.hasOwn(object, key) ? object[key] : undefined)

function set(object: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
}

/** The index that a key names among `size` places, or what is wrong with it. */
function indexOf(list: readonly unknown[], key: string, size = list.length): number | string {
  if (!/^[+-]?\d+$/.test(key)) return `strconv.Atoi: parsing ${JSON.stringify(key)}: invalid syntax`
  const index = Number(key)
  const place = index < 0 ? index + size : index
  return place < 0 || place >= size ? `Unable to access invalid index: ${index}: invalid index referenced` : place
}

/** The index, or the operation fails with what `why` makes of the reason. */
function indexOrFail(list: readonly unknown[], key: string, why: (reason: string) => string, size?: number): number {
  const index = indexOf(list, key, size)
  return typeof index === 'number' ? index : fail(why(index))
}

function add(root: unknown, path: string, value: unknown, missing: (path: string) => string, kind: string): void {
  const [container, key] = find(root, path) ?? fail(missing(path))
  if (!Array.isArray(container)) set(container, key, value)
  else if (key === '-') container.push(value)
  else {
    const why = (reason: string) => `error in ${kind} for path: '${path}': ${improper(key)}${reason}`
    const index = indexOrFail(container, key, why, container.length + 1)
    container.splice(index, 0, value)
  }
}

const improper = (key: string) => (/^[+-]?\d+$/.test(key) ? '' : `value was not a proper array index: '${key}': `)

function remove(root: unknown, path: string): void {
  const [container, key] = find(root, path) ?? fail(`remove operation does not apply: doc is missing path: "${path}": missing value`)
  take(container, key, reason => `error in remove for path: '${path}': ${reason}`)
}

function take(container: Container, key: string, why: (reason: string) => string): unknown {
  if (Array.isArray(container)) return container.splice(indexOrFail(container, key, why), 1)[0]
  if (!Object.hasOwn(container, key)) return fail(why(`Unable to remove nonexistent key: ${key}: missing value`))
  const value = container[key]
  delete container[key]
  return value
}

function replace(root: unknown, path: string, value: unknown): unknown {
  if (path === '') return isContainer(value) ? value : fail('replace operation value must be object or array')
  const [container, key] = find(root, path) ?? fail(`replace operation does not apply: doc is missing path: ${path}: missing value`)
  if (Array.isArray(container)) {
    container[indexOrFail(container, key, () => `replace operation does not apply: doc is missing key: ${path}: missing value`)] = value
  } else set(container, key, value)
  return root
}

function move(root: unknown, from: string, path: string): void {
  const [container, key] = find(root, from) ?? fail(`move operation does not apply: doc is missing from path: ${from}: missing value`)
  const value = take(container, key, reason => `error in move for path: '${key}': ${reason}`)
  add(root, path, value, text => `move operation does not apply: doc is missing destination path: ${text}: missing value`, 'move')
}

function copy(root: unknown, from: string, path: string): void {
  const [container, key] = find(root, from) ?? fail(`copy operation does not apply: doc is missing from path: ${from}: missing value`)
  const value = Array.isArray(container)
    ? container[indexOrFail(container, key, reason => `error in copy for from: '${from}': ${reason}`)]
    : get(container, key)
  add(
    root,
    path,
    structuredClone(value ?? null),
    text => `copy operation does not apply: doc is missing destination path: ${text}: missing value`,
    'copy',
  )
}

function test(root: unknown, path: string, value: unknown): void {
  const failed = `testing value ${path} failed: test failed`
  if (path === '') {
    if (!isDeepStrictEqual(root, value)) fail(failed)
    return
  }
  const [container, key] = find(root, path) ?? fail(`test operation does not apply: is missing path: ${path}: missing value`)
  const found = Array.isArray(container)
    ? container[indexOrFail(container, key, reason => `error in test for path: '${path}': ${reason}`)]
    : get(container, key)
  if (!isDeepStrictEqual(found ?? null, value)) fail(failed)
}
