// Sets of field paths, in the very form in which they are stored (FieldsV1): a tree of path elements, where an element without
// children is in the set, and one with children is in the set when it has the child ".".
//
//   { "f:spec": { "f:replicas": {}, "f:containers": { 'k:{"name":"a"}': { ".": {}, "f:image": {} } } } }
//
// holds .spec.replicas, .spec.containers[name="a"] and .spec.containers[name="a"].image, but neither .spec nor .spec.containers.
// No function changes its arguments; answers may share parts with them.

export interface FieldSet {
  readonly [element: string]: FieldSet
}

export interface MutableFieldSet {
  [element: string]: FieldSet
}

export const LEAF: FieldSet = Object.freeze({})
export const EMPTY: FieldSet = LEAF

const MEMBER = '.'

export function isEmpty(set: FieldSet): boolean {
  for (const _ in set) return false
  return true
}

/** Whether the node itself, seen as an element of its parent, is in the set. */
const isMember = (node: FieldSet): boolean => node[MEMBER] !== undefined || isEmpty(node)

/** A node from its parts; undefined when there is nothing in it. */
function join(member: boolean, children: MutableFieldSet): FieldSet | undefined {
  if (isEmpty(children)) return member ? LEAF : undefined
  if (member) children[MEMBER] = LEAF
  return children
}

/** Combines two sets element by element. `only` says what becomes of a node that is in the first, or in the second, alone. */
function combine(
  a: FieldSet,
  b: FieldSet,
  only: (node: FieldSet, first: boolean) => FieldSet | undefined,
  both: (a: FieldSet, b: FieldSet) => FieldSet | undefined,
): MutableFieldSet {
  const children: MutableFieldSet = {}
  for (const element in a) {
    if (element === MEMBER) continue
    const other = b[element]
    const node = other === undefined ? only(a[element]!, true) : both(a[element]!, other)
    if (node !== undefined) children[element] = node
  }
  for (const element in b) {
    if (element === MEMBER || a[element] !== undefined) continue
    const node = only(b[element]!, false)
    if (node !== undefined) children[element] = node
  }
  return children
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a)) return b
  if (isEmpty(b)) return a
  return combine(a, b, node => node, unionNode)
}

const unionNode = (a: FieldSet, b: FieldSet): FieldSet | undefined =>
  join(
    isMember(a) || isMember(b),
    combine(a, b, node => node, unionNode),
  )

/** What is in the first and not in the second. Taking an element away leaves what is below it. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a) || isEmpty(b)) return a
  return combine(a, b, keepFirst, differenceNode)
}

const keepFirst = (node: FieldSet, first: boolean) => (first ? node : undefined)
const dropAll = () => undefined

const differenceNode = (a: FieldSet, b: FieldSet): FieldSet | undefined =>
  join(isMember(a) && !isMember(b), combine(a, b, keepFirst, differenceNode))

/** The same, but an element takes everything below it with it. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a) || isEmpty(b)) return a
  return combine(a, b, keepFirst, recursiveNode)
}

const recursiveNode = (a: FieldSet, b: FieldSet): FieldSet | undefined =>
  isMember(b) ? undefined : join(isMember(a), combine(a, b, keepFirst, recursiveNode))

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, dropAll, intersectionNode)
}

const intersectionNode = (a: FieldSet, b: FieldSet): FieldSet | undefined =>
  join(isMember(a) && isMember(b), combine(a, b, dropAll, intersectionNode))

export const has = (set: FieldSet, element: string): boolean => {
  const node = set[element]
  return node !== undefined && isMember(node)
}

/** What the set holds below an element. */
export const below = (set: FieldSet, element: string): FieldSet => {
  const node = set[element]
  return node === undefined ? EMPTY : node
}

/** Whether there is anything below the element. "." does not count. */
export function hasBelow(set: FieldSet, element: string): boolean {
  for (const child in set[element]) if (child !== MEMBER) return true
  return false
}

/** The children of a node, without ".". */
export function* elements(set: FieldSet): Generator<[element: string, node: FieldSet]> {
  for (const element in set) if (element !== MEMBER) yield [element, set[element]!]
}

/** A set that holds one path, e.g. ["f:status"]. */
export function setOf(path: readonly string[]): FieldSet {
  return path.reduceRight<FieldSet>((child, element) => ({ [element]: child }), LEAF)
}

export { isMember, join }

/** Every path of the set as people read it (".spec.containers[name=\"a\"].image"), elements before what is below others. */
export function* paths(set: FieldSet, prefix = ''): Generator<string> {
  const children = [...elements(set)].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [element, node] of children) if (isMember(node)) yield prefix + elementText(element)
  for (const [element, node] of children) if (!isEmpty(node)) yield* paths(node, prefix + elementText(element))
}

/** 'f:spec' -> .spec, 'k:{"name":"a"}' -> [name="a"], 'v:"x"' -> [="x"], 'i:0' -> [0] */
export function elementText(element: string): string {
  const rest = element.slice(2)
  switch (element[0]) {
    case 'k':
      return `[${Object.entries(JSON.parse(rest) as Record<string, unknown>)
        .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
        .join(',')}]`
    case 'v':
      return `[=${rest}]`
    case 'i':
      return `[${rest}]`
    default:
      return `.${rest}`
  }
}

/** Whether the two hold the same paths. */
export function sameSet(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true
  for (const element in a) if (b[element] === undefined || !sameSet(a[element]!, b[element])) return false
  for (const element in b) if (a[element] === undefined) return false
  return true
}
