// What an expression may cost at most, from its syntax tree with types and from how large values can become: cel-go's estimator
// (checker/cost.go) on this interpreter's tree. Definitions are refused by these numbers, so its oddities are kept: what a list that
// the expression itself makes holds is looked up as if it were the variable, and a loop costs what upstream's expansion of it would.
import type { Environment } from '@marcbachmann/cel-js'
import { rewrite } from '../rewrite.ts'
import { fixed, plus, type Size, sizeUnion, sumOf, times, UNKNOWN } from './amounts.ts'
import { type CallCost, functionCost, methodCost, operatorCost } from './calls.ts'
import { type SizedType, typeAt } from './sized-type.ts'

/** The interpreter's nodes, as far as they are looked at. Types are there after a check. */
interface Node {
  readonly op: string
  readonly args: unknown
  readonly checkedType?: TypeName
}

interface TypeName {
  readonly kind: string
  readonly name: string
  readonly valueType?: TypeName
}

/** Sizes of what a list or map that an expression makes holds. */
interface Entry {
  readonly container: 'list' | 'map'
  readonly key: Size
  readonly value: Size
}

export interface Estimate {
  readonly cost: number
  /** "string", "list<int>"; "dyn" where nothing is known. */
  readonly type: string
  readonly isList: boolean
  readonly size: Size | undefined
  /** Of the items of a list, where the variable tells. */
  readonly itemSize?: Size | undefined
  /** The same, only for items whose comparison takes time: texts and bytes. */
  readonly elementSize?: Size | undefined
  readonly entry?: Entry | undefined
  readonly path?: readonly string[] | undefined
  readonly literal?: unknown
}

interface Local {
  readonly path: readonly string[] | undefined
  readonly size: Size | undefined
  readonly entry: Entry | undefined
}

type Locals = ReadonlyMap<string, Local>

const LIST_COST = 10
const MAP_COST = 30

/** The expression must have passed a check in this environment. `root` is the type of the variables. */
export function estimateCost(text: string, environment: Environment, root: SizedType): number {
  const parsed = environment.parse(rewrite(text).text) as unknown as { readonly ast: Node; check(): unknown }
  parsed.check()
  return new Estimator(root).of(parsed.ast, new Map()).cost
}

const SCALARS = new Set(['bool', 'int', 'uint', 'double', 'google.protobuf.Timestamp', 'google.protobuf.Duration'])
const isScalar = ({ kind, name, valueType }: TypeName): boolean =>
  SCALARS.has(name) || (kind === 'optional' && valueType !== undefined && isScalar(valueType))

class Estimator {
  readonly #root: SizedType

  constructor(root: SizedType) {
    this.#root = root
  }

  of(node: Node, locals: Locals): Estimate {
    switch (node.op) {
      case 'value':
        return this.#made(node, { cost: 0, size: literalSize(node.args), literal: node.args })
      case 'id':
        return this.#identifier(node, locals)
      case '.':
        return this.#select(node, locals)
      case '[]':
        return this.#index(node, locals)
      case '.?':
        return this.#made(node, { cost: plus(1, this.of(operands(node)[0] as Node, locals).cost) })
      case '[?]':
        return this.#made(node, { cost: plus(1, this.#sum(operands(node), locals)) })
      case 'list':
        return this.#list(node, locals)
      case 'map':
        return this.#map(node, locals)
      case '?:':
        return this.#conditional(node, locals)
      case '&&':
      case '||':
        return this.#made(node, { cost: this.#sum(operands(node), locals) })
      case '!_':
      case '-_':
        return this.#negation(node, locals)
      case 'call':
        return this.#call(node, locals)
      case 'rcall':
        return this.#method(node, locals)
      default:
        return this.#operator(node, locals)
    }
  }

  #sum(nodes: readonly Node[], locals: Locals): number {
    return sumOf(nodes.map(node => this.of(node, locals).cost))
  }

  #pathSize(path: readonly string[] | undefined): Size | undefined {
    const type = path === undefined || path.length === 0 ? undefined : typeAt(this.#root, path)
    return type && { min: 0, max: type.maxElements }
  }

  /** A size that the expression itself tells goes before what the schema says, and that before the type's. */
  #made(node: Node, known: Omit<Partial<Estimate>, 'type' | 'isList'> & { readonly cost: number }, local?: Local): Estimate {
    const type = node.checkedType
    const { path } = known
    const isList = type?.kind === 'list'
    const itemSize = isList && path !== undefined ? this.#pathSize([...path, '@items']) : undefined
    const item = type?.valueType?.name
    return {
      ...known,
      type: type?.name ?? 'dyn',
      isList,
      size: known.size ?? this.#pathSize(path) ?? (type && isScalar(type) ? fixed(1) : undefined) ?? local?.size,
      entry: known.entry ?? local?.entry,
      itemSize,
      elementSize: item === 'string' || item === 'bytes' ? (itemSize ?? UNKNOWN) : undefined,
    }
  }

  #identifier(node: Node, locals: Locals): Estimate {
    const name = String(node.args)
    const local = locals.get(name)
    return this.#made(node, { cost: 1, path: local === undefined ? [name] : local.path }, local)
  }

  #select(node: Node, locals: Locals): Estimate {
    const [operand, name] = node.args as [Node, string]
    const of = this.of(operand, locals)
    // Inside has() nothing has a type, and everything is an object.
    const isObject = operand.checkedType === undefined || ['map', 'message', 'param'].includes(operand.checkedType.kind)
    return this.#made(node, { cost: plus(of.cost, isObject ? 1 : 0), path: [...(of.path ?? []), name] })
  }

  #index(node: Node, locals: Locals): Estimate {
    const [of, at] = operands(node).map(one => this.of(one, locals)) as [Estimate, Estimate]
    const step = of.isList ? '@items' : '@values'
    const path = of.type === 'dyn' ? undefined : [...(of.path ?? []), step]
    return this.#made(node, { cost: sumOf([1, of.cost, at.cost]), size: of.entry?.value, path })
  }

  #list(node: Node, locals: Locals): Estimate {
    const items = (node.args as Node[]).map(item => this.of(item, locals))
    const entry: Entry = { container: 'list', key: fixed(1), value: unionOf(items) }
    return this.#made(node, { cost: plus(LIST_COST, sumOf(items.map(({ cost }) => cost))), size: fixed(items.length), entry })
  }

  #map(node: Node, locals: Locals): Estimate {
    const entries = node.args as [Node, Node][]
    const keys = entries.map(([key]) => this.of(key, locals))
    const values = entries.map(([, value]) => this.of(value, locals))
    const entry: Entry = { container: 'map', key: unionOf(keys), value: unionOf(values) }
    const cost = plus(MAP_COST, sumOf([...keys, ...values].map(one => one.cost)))
    return this.#made(node, { cost, size: fixed(entries.length), entry })
  }

  #conditional(node: Node, locals: Locals): Estimate {
    const [condition, yes, no] = operands(node).map(one => this.of(one, locals)) as [Estimate, Estimate, Estimate]
    const size = sizeUnion(yes.size ?? UNKNOWN, no.size ?? UNKNOWN)
    return this.#made(node, { cost: plus(condition.cost, Math.max(yes.cost, no.cost)), size, entry: entryUnion(yes.entry, no.entry) })
  }

  #negation(node: Node, locals: Locals): Estimate {
    const operand = node.args as Node
    // A negative number is one literal.
    if (node.op === '-_' && operand.op === 'value') return this.of(operand, locals)
    return this.#made(node, { cost: plus(1, this.of(operand, locals).cost) })
  }

  #operator(node: Node, locals: Locals): Estimate {
    const [left, right] = operands(node).map(one => this.of(one, locals)) as [Estimate, Estimate]
    const { cost, size } = operatorCost(node.op, left, right)
    const entry = node.op === '+' ? entryUnion(left.entry, right.entry) : undefined
    return this.#made(node, { cost: sumOf([left.cost, right.cost, cost]), size, entry })
  }

  #call(node: Node, locals: Locals): Estimate {
    const [name, args] = node.args as [string, Node[]]
    const [first] = args
    if (first !== undefined && WRAPPERS.has(name)) return this.#made(node, this.of(first, locals))
    if (first !== undefined && (name === 'has' || name === '__has__')) {
      const [operand] = first.args as [Node]
      return this.#made(node, { cost: this.of(operand, locals).cost })
    }
    const given = args.map(arg => this.of(arg, locals))
    if (name === 'dyn') return this.#made(node, { cost: plus(1, given[0]?.cost ?? 0), size: given[0]?.size, entry: given[0]?.entry })
    return this.#called(node, functionCost(name, given), given)
  }

  #called(node: Node, { cost, size }: CallCost, parts: readonly Estimate[]): Estimate {
    return this.#made(node, { cost: sumOf([cost, ...parts.map(part => part.cost)]), size })
  }

  #method(node: Node, locals: Locals): Estimate {
    const [name, receiver, args] = node.args as [string, Node, Node[]]
    const range = this.of(receiver, locals)
    const [variable, ...bodies] = args
    if (LOOPS.has(name) && variable?.op === 'id' && bodies.length > 0 && range.type !== 'string') {
      const inner = new Map(locals).set(String(variable.args), loopVariable(range))
      return this.#loop(node, name, range, bodies, inner)
    }
    if ((name === 'optMap' || name === 'optFlatMap') && variable?.op === 'id' && bodies[0] !== undefined) {
      const body = this.of(bodies[0], new Map(locals).set(String(variable.args), { path: undefined, size: undefined, entry: undefined }))
      // x.hasValue() ? optional.of(<x.value() as the variable, in a loop over an empty list>) : optional.none()
      const once = name === 'optMap' ? OF_VALUE + 1 : OF_VALUE
      return this.#made(node, { cost: sumOf([range.cost, range.cost, once, body.cost]) })
    }
    const given = args.map(arg => this.of(arg, locals))
    const item = receiver.checkedType?.valueType
    // The checker knows no type for these, but they are one of the items, or like them.
    const known = ['sum', 'min', 'max'].includes(name) && item !== undefined ? { ...node, checkedType: item } : node
    // Namespaces of functions are no values.
    const isNamespace = receiver.op === 'id' && NAMESPACES.has(String(receiver.args)) && !locals.has(String(receiver.args))
    const target = isNamespace ? { ...range, cost: 0 } : range
    return this.#called(known, methodCost(name, target, given), [target, ...given])
  }

  /** Costs of upstream's expansions: what is evaluated once, and what is evaluated for each item. */
  #loop(node: Node, name: string, range: Estimate, bodies: readonly Node[], locals: Locals): Estimate {
    const parts = bodies.map(body => this.of(body, locals))
    const [first, second] = parts as [Estimate, Estimate | undefined]
    const count = range.size ?? UNKNOWN
    const made = (once: number, each: number, rest: Partial<Estimate> = {}) =>
      this.#made(node, { cost: sumOf([range.cost, once, times(count.max, each)]), ...rest })
    const list = (item: Estimate, each: number) => {
      const value = sizeUnion(fixed(0), item.size ?? UNKNOWN)
      return made(LIST_COST + 1, each, { size: count, entry: { container: 'list', key: fixed(1), value } })
    }
    switch (name) {
      case 'all':
        return made(1, plus(first.cost, 3), { size: fixed(1) })
      case 'exists':
        return made(1, plus(first.cost, 4), { size: fixed(1) })
      case 'exists_one':
        return made(2, plus(first.cost, 2), { size: fixed(1) })
      case 'filter': {
        const variable = this.#identifierOf(node, locals)
        return list(variable, plus(first.cost, APPENDED + variable.cost))
      }
      default:
        return second === undefined ? list(first, plus(first.cost, APPENDED)) : list(second, sumOf([first.cost, second.cost, APPENDED]))
    }
  }

  #identifierOf(loop: Node, locals: Locals): Estimate {
    const [, , [variable]] = loop.args as [string, Node, [Node]]
    return this.#identifier(variable, locals)
  }
}

/** What a rewritten literal stands in (rewrite.ts): no calls upstream. */
const WRAPPERS = new Set(['__list__', '__map__', '__optional__'])
const NAMESPACES = new Set(['format', 'optional'])
/** hasValue(), value(), and the empty list. */
const OF_VALUE = 1 + 1 + LIST_COST
const LOOPS = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])
/** What has been gathered, plus a list of one. */
const APPENDED = 1 + 1 + LIST_COST

/** Items of a list, keys of a map. */
function loopVariable({ path = [], isList, type, entry }: Estimate): Local {
  const overItems = entry === undefined ? isList || type === 'dyn' : entry.container === 'list'
  return { path: [...path, overItems ? '@items' : '@keys'], size: overItems ? entry?.value : entry?.key, entry: undefined }
}

const operands = (node: Node): readonly Node[] => node.args as readonly Node[]

const unionOf = (estimates: readonly Estimate[]): Size =>
  estimates.length === 0 ? fixed(0) : estimates.map(({ size }) => size ?? UNKNOWN).reduce(sizeUnion)

const entryUnion = (a: Entry | undefined, b: Entry | undefined): Entry | undefined =>
  a && b && { container: a.container, key: sizeUnion(a.key, b.key), value: sizeUnion(a.value, b.value) }

function literalSize(value: unknown): Size {
  if (typeof value === 'string') return fixed([...value].length)
  return fixed(value instanceof Uint8Array ? value.length : 1)
}
