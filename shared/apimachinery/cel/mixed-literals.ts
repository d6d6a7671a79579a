// Lists and maps that an expression writes out hold values of one type, or of types that are not known
// (cel-go's HomogeneousAggregateLiterals). The interpreter's own rule knows no exception for the unknown.
import type { Fault } from './problems.ts'

interface Type {
  readonly name: string
  readonly kind: string
  readonly valueType?: Type
  matches(other: Type): boolean
}

interface Node {
  readonly op: string
  readonly args: unknown
  readonly start: number
  readonly end: number
  readonly checkedType?: Type
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'op' in value

const isCallOf = (node: Node, name: string) => node.op === 'call' && (node.args as [string])[0] === name

const argumentsOf = (node: Node) => (node.args as [string, Node[]])[1]

/** The first value that does not fit those before it. The expression must have been checked. */
export function mixedLiteral(node: unknown): Fault | undefined {
  if (Array.isArray(node)) {
    for (const one of node) {
      const found = mixedLiteral(one)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (!isNode(node)) return undefined
  // The members of a message have types of their own.
  if (isCallOf(node, '__message__')) return mixedLiteral(argumentsOf(node)[1]?.args)
  const inner = mixedLiteral(node.args)
  if (inner !== undefined) return inner
  if (node.op === 'list') return mixed(node.args as Node[])
  if (node.op !== 'map') return undefined
  const entries = node.args as [Node, Node][]
  return mixed(entries.map(([key]) => key)) ?? mixed(entries.map(([, value]) => value))
}

function mixed(nodes: readonly Node[]): Fault | undefined {
  let type: Type | undefined
  for (const node of nodes) {
    const own = typeOf(node)
    if (own === undefined) continue
    if (type !== undefined && !type.matches(own) && !own.matches(type)) {
      const summary = `expected type '${type.name}' but found '${own.name}'`
      return { code: 'type_mismatch', message: summary, summary, range: { start: node.start, end: node.end } }
    }
    if (type === undefined || own.kind === 'dyn') type = own
  }
  return undefined
}

function typeOf(node: Node): Type | undefined {
  if (!isCallOf(node, '__optional__')) return node.checkedType
  const type = argumentsOf(node)[0]?.checkedType
  return type?.kind === 'optional' ? type.valueType : type
}
